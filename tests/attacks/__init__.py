"""Attack the packages as their worst input, their worst neighbour and their worst moment do.

`pytest tests/attacks --attacks 20` runs the fuzzers and soaks twenty times as long as CI does.
"""
