"""A flow of 300 steps, drawn as SVG by penstock's own layout."""

import pyperf

from penstock import flow, generate_dag

big = flow("big")
for number in range(300):
    after = [f"step_{number // 2}"] if number else None
    if number % 4 == 3:
        after.append(f"step_{number - 2}")
    big.step(name=f"step_{number}", after=after)(lambda: None)

pyperf.Runner().timeit(
    "it", 'generate_dag("big", format="svg")', globals={"generate_dag": generate_dag}
)
