"""Draw how the cost of a crumb grows: ``python -m tests.benchmarks.growth`` writes growth.svg.

Each point is the least of several turns, since other load can only make it slower. A cost that does
not grow is a flat line.
"""

from __future__ import annotations

import math
import pathlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle

from corectx import Site, attach, detach, scope, start
from penstock import flow
from penstock.testing import isolated_registry
from statecrumbs import clear, crumb, enable

OUTPUT = pathlib.Path(__file__).parent / "growth.svg"
CRUMBS = 2_000  # of one timing
TURNS = 9
PASSES = 5

Measure = Callable[[int], float]


def note() -> None:
    """Record the crumb of all benchmarks."""
    crumb("query_finished", rows=10, table="users")


def least(run: Callable[[], object], count: int) -> float:
    """Give the least nanoseconds of one of `count` in `run`."""
    best = math.inf
    for _ in range(TURNS):
        began = time.perf_counter_ns()
        run()
        best = min(best, (time.perf_counter_ns() - began) / count)
    return best


def repeat(function: Callable[[], object]) -> Callable[[], None]:
    """Return a function that calls `function` as often as one timing does."""

    def run() -> None:
        for _ in range(CRUMBS):
            function()

    return run


def per_crumb(function: Callable[[], object]) -> float:
    """Give the least nanoseconds of `function`, which records one crumb."""
    function()  # the first time is another one
    return least(repeat(function), CRUMBS)


@contextmanager
def black_box() -> Iterator[None]:
    """Mirror the crumbs of the block into a black box."""
    with tempfile.TemporaryDirectory() as folder:
        enable(on_crash="none", black_box=folder)
        try:
            yield
        finally:
            enable(black_box=None)


def in_frames(number: int) -> float:
    """Measure crumbs in so many open requests, one after the other."""
    turn = cycle([start(Site("request", "GET /orders")) for _ in range(number)])

    def note_in_next() -> None:
        token = attach(next(turn))
        note()
        detach(token)

    for _ in range(number):
        note_in_next()
    return per_crumb(note_in_next)


def in_frames_with_box(number: int) -> float:
    """Measure the same with a black box."""
    with black_box():
        return in_frames(number)


def in_threads(number: int) -> float:
    """Measure crumbs of so many threads at once."""

    def run() -> None:
        threads = [threading.Thread(target=repeat(note)) for _ in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    run()
    return least(run, CRUMBS * number)


def in_ring(number: int) -> float:
    """Measure crumbs in a full ring of so many."""
    enable(on_crash="none", max_crumbs=number)
    for _ in range(number):
        note()
    return per_crumb(note)


def among_events(number: int) -> float:
    """Measure a crumb that comes after so many other events."""
    for each in range(number):
        crumb(f"event {each}")
    return per_crumb(note)


def with_values(number: int) -> float:
    """Measure one of so many values of a crumb."""
    values = {f"name_{each}": each for each in range(number)}
    return per_crumb(lambda: crumb(f"with_{number}", **values)) / number


def in_step(flows: int, steps: int) -> float:
    """Measure a step with a crumb in one of so many flows, with so many steps each."""
    with isolated_registry():
        for at in range(flows):
            declared = flow(f"flow_{at}")
            begin = declared.entrypoint(name="begin")(per_crumb)
            for each in range(steps):
                work = declared.step(name=f"step_{each}", after="begin")(note)
        return begin(work)


def in_scopes(number: int) -> float:
    """Measure a step with a crumb, where so many values are scoped."""
    with isolated_registry():
        declared = flow("flow")
        work = declared.step(name="work", after="begin")(note)
        begin = declared.entrypoint(name="begin")(per_crumb)
        with scope(**{f"name_{each}": each for each in range(number)}):
            return begin(work)


PANELS: list[tuple[str, Measure, tuple[int, ...]]] = [
    ("open frames", in_frames, (1, 10, 100, 1_000, 10_000)),
    ("open frames, with a black box", in_frames_with_box, (1, 10, 100, 1_000, 10_000)),
    ("threads", in_threads, (1, 2, 4, 8, 16)),
    ("crumbs in the ring", in_ring, (10, 100, 1_000, 10_000, 100_000)),
    ("events before", among_events, (1, 10, 100, 1_000, 10_000)),
    ("values of a crumb: one of them", with_values, (1, 2, 4, 8, 16, 32, 64)),
    ("scoped values of a step", in_scopes, (1, 10, 30, 60)),
    ("flows", lambda number: in_step(number, 3), (1, 10, 100, 1_000)),
    ("steps of a flow", lambda number: in_step(1, number), (1, 10, 100, 1_000, 10_000)),
]

WIDTH, HEIGHT, LEFT, TOP, GAP = 220, 110, 56, 34, 50
COLUMNS = 3


def panel(title: str, points: list[tuple[int, float]], left: int, top: int) -> str:
    """Draw one measurement: its numbers on a logarithmic axis, nanoseconds from 0 on."""
    highest = 1.25 * max(ns for _, ns in points)
    last = math.log(points[-1][0] / points[0][0])
    places = [
        (
            left + WIDTH * math.log(number / points[0][0]) / last,
            top + HEIGHT * (1 - ns / highest),
        )
        for number, ns in points
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    middle = points[len(points) // 2][1]
    at = top + HEIGHT * (1 - middle / highest) + 4
    texts = [
        f'<text x="{left}" y="{top - 10}" font-weight="bold">{title}</text>',
        f'<text x="{left - 6}" y="{top + HEIGHT}" text-anchor="end">0</text>',
        f'<text x="{left - 6}" y="{at:.1f}" text-anchor="end">{middle:,.0f} ns</text>',
        *(
            f'<text x="{x:.1f}" y="{top + HEIGHT + 16}" text-anchor="middle">{number:,}</text>'
            for (x, _), (number, _) in zip(places, points, strict=True)
        ),
    ]
    axes = f"M{left},{top}v{HEIGHT}h{WIDTH}"
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places)
    return "\n".join(
        [
            f'<path d="{axes}" fill="none" stroke="#888"/>',
            f'<polyline points="{line}" fill="none" stroke="#2563eb" stroke-width="2"/>',
            f'<g fill="#2563eb">{dots}</g>',
            *texts,
        ]
    )


def draw(panels: list[tuple[str, list[tuple[int, float]]]]) -> str:
    """Draw all measurements as one SVG."""
    across, down = WIDTH + LEFT + 20, HEIGHT + TOP + GAP
    rows = -(-len(panels) // COLUMNS)
    drawn = [
        panel(title, points, LEFT + at % COLUMNS * across, TOP + at // COLUMNS * down)
        for at, (title, points) in enumerate(panels)
    ]
    width, height = COLUMNS * across + 20, rows * down
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">',
            '<g font-family="sans-serif" font-size="11">',
            f'<rect width="{width}" height="{height}" fill="#fff"/>',
            *drawn,
            "</g>",
            "</svg>\n",
        ]
    )


def measured(measure: Measure, numbers: tuple[int, ...]) -> list[tuple[int, float]]:
    """Measure one panel several times over, and give the least for each number."""
    best = dict.fromkeys(numbers, math.inf)
    for _ in range(PASSES):
        for number in numbers:
            clear()
            best[number] = min(best[number], measure(number))
            enable(on_crash="none", max_crumbs=50)
    return list(best.items())


def main() -> None:
    """Measure and draw all panels."""
    panels = [(title, measured(measure, numbers)) for title, measure, numbers in PANELS]
    for title, points in panels:
        print(title, *(f"{number}: {ns:,.0f} ns" for number, ns in points), sep="\n  ")
    OUTPUT.write_text(draw(panels), encoding="utf-8")


if __name__ == "__main__":
    main()
