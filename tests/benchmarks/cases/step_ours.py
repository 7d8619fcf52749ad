"""A step inside a running flow, with no backend."""

import pyperf

from penstock import entrypoint, flow, step


@flow("bench")
@entrypoint
def start():
    pyperf.Runner().timeit("it", "work()", globals=globals())


@flow("bench")
@step(after="start")
def work():
    pass


start()
