"""A failure with huge variables, reported with them."""

import pyperf

import statecrumbs

BLOB, ITEMS = bytes(50_000_000), list(range(3_000_000))


def fail(blob, items):
    """Fail, with these arguments in the traceback."""
    raise ValueError(len(blob), len(items))


def handle():
    """Report a failure."""
    try:
        fail(BLOB, ITEMS)
    except ValueError as error:
        statecrumbs.report(error)


statecrumbs.enable(on_crash=lambda dump: None, locals=True)
pyperf.Runner().bench_func("it", handle)
