"""Nest contexts: inner blocks add to the values of outer ones, and take nothing with them.

Run it::

    python examples/nested_context.py
"""

import asyncio

from statecrumbs import crumb, snapshot
from statecrumbs.context import context, get_context


@context(step="reserve")
async def reserve(item: str) -> None:
    """Take `item` from the shelf; as a decorator, the context is there for the whole call."""
    crumb("looking_for", item=item)
    await asyncio.sleep(0)  # the other order goes on here, with values of its own
    with context(shelf="B7"):
        crumb("found", item=item)


@context(step="ship")
async def ship(item: str) -> None:
    """Send `item`; the shelf of the step before is not part of this one."""
    crumb("label_printed", item=item)


async def handle(order_id: int, item: str) -> None:
    """Do one order, in steps."""
    with context(order_id=order_id):
        await reserve(item)
        await ship(item)
        crumb("done")


async def main() -> None:
    """Do two orders at once."""
    await asyncio.gather(handle(1, "kettle"), handle(2, "lamp"))


if __name__ == "__main__":
    asyncio.run(main())

    for each in snapshot():
        print(f"{each['event']:14} {each['context']}")
    print("afterwards:   ", get_context())
