"""An entrypoint that starts a correlation of its own, so makes an ID, with no backend."""

import pyperf

from penstock import entrypoint, flow


@flow("bench")
@entrypoint
def start():
    pass


pyperf.Runner().timeit("it", "start()", globals=globals())
