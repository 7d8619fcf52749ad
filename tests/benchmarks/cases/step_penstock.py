"""A step inside a running flow of the published penstock 0.1.0, as it comes.

Its `flow` decorates classes only. The functions are called through the class, so that no method
is bound for them.
"""

import pyperf

from penstock import entrypoint, flow, step


@flow("bench")
class Bench:
    @entrypoint
    def start():
        pyperf.Runner().timeit("it", "work()", globals={"work": Bench.work})

    @step(after="start")
    def work():
        pass


Bench.start()
