"""The same failure captured by sentry-sdk, which shows variables by default; nothing is sent."""

import pyperf
import sentry_sdk

BLOB, ITEMS = bytes(50_000_000), list(range(3_000_000))


def fail(blob, items):
    """Fail, with these arguments in the traceback."""
    raise ValueError(len(blob), len(items))


def handle():
    """Capture a failure."""
    try:
        fail(BLOB, ITEMS)
    except ValueError as error:
        sentry_sdk.capture_exception(error)


sentry_sdk.init(
    dsn="http://key@localhost/1", default_integrations=False, transport=lambda event: None
)
pyperf.Runner().bench_func("it", handle)
