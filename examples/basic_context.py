"""Set the user and the request once: every crumb inside the block has them.

Run it::

    python examples/basic_context.py
"""

from statecrumbs import crumb, enable, snapshot
from statecrumbs.context import context
from statecrumbs.formatter import format_text


def answer(path: str) -> None:
    """Answer one request. The crumbs need no extra argument."""
    crumb("request_start", path=path)
    crumb("request_end", status=200)


if __name__ == "__main__":
    enable(include_thread=False)  # there is only one

    with context(request_id="req-1", user="alice"):
        answer("/orders")
    with context(request_id="req-2", user="bob"):
        answer("/invoices")
    crumb("idle")

    print(format_text(snapshot()))
