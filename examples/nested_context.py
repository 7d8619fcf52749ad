"""Nest contexts: an inner block adds to the outer block's values until it ends.

Run it::

    python examples/nested_context.py
"""

import asyncio

from statecrumbs import crumb, snapshot
from statecrumbs.context import context, get_context


@context(step="reserve")
async def reserve(item: str) -> None:
    """Take `item` from the shelf. The decorator holds the context for the whole call."""
    crumb("looking_for", item=item)
    await asyncio.sleep(0)  # the other order continues here, with its own values
    with context(shelf="B7"):
        crumb("found", item=item)


@context(step="ship")
async def ship(item: str) -> None:
    """Send `item`. The shelf of the step before has gone from the context."""
    crumb("label_printed", item=item)


async def handle(order_id: int, item: str) -> None:
    """Handle one order, in steps."""
    with context(order_id=order_id):
        await reserve(item)
        await ship(item)
        crumb("done")


async def main() -> None:
    """Handle two orders at once."""
    await asyncio.gather(handle(1, "kettle"), handle(2, "lamp"))


if __name__ == "__main__":
    asyncio.run(main())

    for each in snapshot():
        print(f"{each['event']:14} {each['context']}")
    print("afterwards:   ", get_context())
