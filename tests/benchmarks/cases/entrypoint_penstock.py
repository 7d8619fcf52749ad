"""An entrypoint of the published penstock 0.1.0, as it comes."""

import pyperf

from penstock import entrypoint, flow


@flow("bench")
class Bench:
    @entrypoint
    def start():
        pass


pyperf.Runner().timeit("it", "start()", globals={"start": Bench.start})
