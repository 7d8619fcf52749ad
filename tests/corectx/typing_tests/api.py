"""Types of corectx's interface, checked by mypy and pyright, never run.

Each `assert_type` is a promise to users; each ignored error is a mistake that must be noticed, and
an ignore that nothing needs is an error of its own.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from typing_extensions import assert_type

from corectx import (
    Frame,
    Site,
    Token,
    attach,
    bind,
    correlation_id,
    current,
    detach,
    enter,
    extract,
    failed_frame,
    inject,
    is_valid_id,
    leave,
    new_correlation_id,
    scope,
    start,
    subscribe,
    values,
)
from corectx.executors import ContextExecutor
from corectx.lowlevel import around, get_current, kind_of

STEP = Site("step", "parse", flow="bom_sync")


@scope(step="parse")
def parse(text: str, *, strict: bool = False) -> list[str]:
    """Keep the signature of a decorated function."""
    return text.split()


@scope(step="parse")
async def parse_later(text: str) -> list[str]:
    """Keep the signature of a decorated coroutine function."""
    return text.split()


@scope(step="parse")
def lines(text: str) -> Iterator[str]:
    """Keep the signature of a decorated generator."""
    yield from text.splitlines()


@scope(step="parse")
async def lines_later(text: str) -> AsyncIterator[str]:
    """Keep the signature of a decorated async generator."""
    for line in text.splitlines():
        yield line


class Parser:
    """Methods of every kind."""

    @scope(step="parse")
    def parse(self, text: str) -> int:
        """Keep the signature of a decorated method."""
        return len(text)

    @classmethod
    @scope(step="parse")
    def made(cls, text: str) -> Parser:
        """Keep the signature of a decorated class method."""
        return cls()


async def decorated() -> None:
    """Check that decorators keep types."""
    assert_type(parse("a b", strict=True), list[str])
    assert_type(await parse_later("a b"), list[str])
    assert_type(lines("a"), Iterator[str])
    assert_type(lines_later("a"), AsyncIterator[str])
    assert_type(Parser().parse("a"), int)
    assert_type(Parser.made("a"), Parser)
    assert_type(bind(parse)("a b"), list[str])
    assert_type(await bind(parse_later)("a b"), list[str])
    assert_type(around(parse, lambda: None)("a b"), list[str])
    parse(5)  # type: ignore[arg-type]
    parse("a", sloppy=True)  # type: ignore[call-arg]
    bind(5)  # type: ignore[type-var]


def frames() -> None:
    """Check what frames, scopes and the pairs give and take."""
    with scope(order=7, customer=None) as frame:
        assert_type(frame, Frame)
    assert_type(current(), Frame | None)
    assert_type(get_current(), Frame | None)
    assert_type(values(), Mapping[str, object])
    assert_type(correlation_id(), str | None)
    task = start(STEP, correlation_id=new_correlation_id(), parent=current(), values={"a": 1})
    assert_type(task, Frame)
    assert_type(task.child(STEP, {"b": 2}), Frame)
    assert_type(task.name, str | None)
    assert_type(task.kind, str)
    assert_type(task.id, str)
    assert_type(task.parent, Frame | None)
    token: Token = enter(task)
    leave(token, ValueError("broken"))
    detach(attach(None))
    assert_type(failed_frame(None), Frame | None)
    assert_type(is_valid_id(5), bool)
    assert_type(kind_of(parse), str)
    values()["a"] = 1  # type: ignore[index]
    scope({"order": 7})  # type: ignore[arg-type]
    task.values["a"] = 1  # type: ignore[index]
    start("step")  # type: ignore[arg-type]


def carriers(environ: dict[str, str], pairs: list[tuple[str, bytes]]) -> None:
    """Check that a carrier keeps its type."""
    assert_type(inject(environ), dict[str, str])
    assert_type(inject(pairs, http=True, allow={"order"}), list[tuple[str, bytes]])
    assert_type(extract(environ), Frame | None)
    assert_type(extract(pairs, allow=["order"]), Frame | None)
    assert_type(extract([(b"corectx", b"{}")]), Frame | None)
    assert_type(extract(None), Frame | None)
    inject(())  # type: ignore[type-var]


def pools() -> None:
    """Check that a pool keeps the types of what it runs."""
    with ContextExecutor(ThreadPoolExecutor(), allow=["order"]) as pool:
        assert_type(pool, ContextExecutor)
        assert_type(pool.submit(parse, "a"), Future[list[str]])
        assert_type(pool.map(len, ["a"], timeout=1, chunksize=2), Iterator[int])


def observers() -> None:
    """Check that any object may listen."""

    class Listening:
        def entered(self, frame: Frame) -> None: ...

    assert_type(subscribe(Listening()), Callable[[], None])
