"""Measure ours against the floors and the peers: ``python -m tests.benchmarks``.

Every case runs in every round, one after the other, in a fresh process, on one interpreter, so that
a busy moment of the machine falls on both sides of a ratio. Other load can only make a
case slower, so the least of its values counts in a round. A ratio is the median over the rounds; of
what is added to a framework (``+``), a small difference, it is that of the best rounds.
"""

from __future__ import annotations

import argparse
import json
import operator
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator

import pyperf

from tests.benchmarks.environments import prepare
from tests.benchmarks.table import BOUNDS, COMPARISONS, IMPORTS, PAIRS, Bound, Comparison, Pair

HERE = pathlib.Path(__file__).parent
README = HERE / "README.md"


def measure(python: pathlib.Path, case: str, values: int) -> float:
    """Run one case in a process of its own; give the least of its values in nanoseconds."""
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "result.json"
        # -E and -s are -I but for the case's own folder, where it may find more of itself.
        command = [python, "-E", "-s", HERE / "cases" / f"{case}.py", "--quiet", "--processes=1"]
        # Many short ones: each is over before something else takes the processor.
        options = ["--warmups=1", f"--values={values}", "--min-time=0.001", f"--output={output}"]
        subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL)
        return min(pyperf.Benchmark.load(str(output)).get_values()) * 1e9


def measure_pairs(python: pathlib.Path, case: str) -> dict[str, list[float]]:
    """Run a case that takes several measurements in turn; give the numbers of each of its keys."""
    command = [python, "-E", "-s", HERE / "cases" / f"{case}.py"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    pairs: dict[str, list[float]] = json.loads(output)
    return pairs


def import_time(python: pathlib.Path, statement: str) -> float:
    """Give the milliseconds of the processor that a whole interpreter takes for a statement."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([python, "-I", "-c", statement], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1e3


def rounds(
    pythons: dict[str, pathlib.Path], number: int, values: int
) -> Iterator[dict[str, float]]:
    """Measure every case once a round, in turn; give each round's results by ``case:place``."""
    cases = dict.fromkeys(
        name for c in COMPARISONS for name in (c.over, f"{c.ours}:ours", c.theirs) if name
    )
    for each in range(1, number + 1):
        print(f"round {each} of {number} ...", file=sys.stderr, flush=True)
        results = {}
        for name in cases:
            case, _, place = name.partition(":")
            results[name] = measure(pythons[place], case, values)
        for case in dict.fromkeys(pair.case for pair in PAIRS):
            for key, numbers in measure_pairs(pythons["ours"], case).items():
                results.update((f"{case}.{key}.{at}", ns) for at, ns in enumerate(numbers))
        for _ in range(5):  # short, so several in each round
            for statement in ("pass", *(f"import {package}" for package in IMPORTS)):
                taken = import_time(pythons["ours"], statement)
                results[statement] = min(taken, results.get(statement, taken))
        yield results


def median_ratio(results: list[dict[str, float]], ours: str, theirs: str) -> float:
    """Divide within each round, then take the median."""
    return statistics.median(r[ours] / r[theirs] for r in results)


def added(results: list[dict[str, float]], name: str, over: str) -> float:
    """Subtract the best rounds: what disturbs a round only ever makes it slower."""
    return min(r[name] for r in results) - min(r[over] for r in results)


def comparison_row(c: Comparison, results: list[dict[str, float]]) -> list[str]:
    """Write one comparison as the cells of a table row."""
    what = f"`{c.what}`" if "(" in c.what else c.what
    numbers = in_numbers(results, f"{c.ours}:ours", c.theirs, c.over)
    return ratio_row(what, c.against, numbers, c.limit)


def pair_row(pair: Pair, results: list[dict[str, float]]) -> list[str]:
    """Write two measurements of one case as the cells of a table row."""
    ours, theirs, base = (f"{pair.case}.{pair.key}.{at}" for at in range(3))
    numbers = in_numbers(results, ours, theirs, base if base in results[0] else None)
    return ratio_row(pair.what, pair.against, numbers, pair.limit)


def in_numbers(
    results: list[dict[str, float]], ours: str, theirs: str, over: str | None
) -> tuple[float, float, float, str]:
    """Give ours and theirs, their ratio, and the sign before both: "+" if they are added."""
    if over is None:
        sides = (statistics.median(r[name] for r in results) for name in (ours, theirs))
        return *sides, median_ratio(results, ours, theirs), ""
    added_ours, added_theirs = (added(results, name, over) for name in (ours, theirs))
    return added_ours, added_theirs, added_ours / added_theirs, "+"


def ratio_row(
    what: str, against: str, numbers: tuple[float, float, float, str], limit: float | None
) -> list[str]:
    """Write a ratio, and the two numbers that it is of, as the cells of a table row."""
    ours, theirs, ratio, sign = numbers
    sides = f"{sign}{ours:,.0f} ns", f"{sign}{theirs:,.0f} ns"
    cells = [what, sides[0], against, sides[1], f"{ratio:.2f}"]
    return [*cells, *verdict(ratio, limit, f"{limit:.2f}" if limit else "")]


def import_row(package: str, limit: float, results: list[dict[str, float]]) -> list[str]:
    """Write the cost of an import, over a bare interpreter, as a table row."""
    statement = f"import {package}"
    taken = statistics.median(r[statement] - r["pass"] for r in results)
    bare = statistics.median(r["pass"] for r in results)
    cells = [f"`{statement}`", f"+{taken:.1f} ms", "a bare interpreter", f"{bare:.1f} ms"]
    whole = median_ratio(results, statement, "pass")
    return [*cells, f"{whole:.2f}", *verdict(taken, limit, f"+{limit:.0f} ms")]


def bound_row(bound: Bound, printed: dict[str, object]) -> list[str]:
    """Write a measurement with a limit of its own as a table row."""
    value: object = printed
    for key in bound.key.split("."):
        value = operator.getitem(value, key)
    text, limit = f"{amount(float(value))} {bound.unit}", f"{amount(bound.limit)} {bound.unit}"
    return [bound.what, text, "", "", "", *verdict(float(value), bound.limit, limit)]


def amount(value: float) -> str:
    """Write a number with the digits that can be trusted."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def verdict(value: float, limit: float | None, text: str) -> list[str]:
    """Write the last two cells: the limit, and whether it holds."""
    return ["", ""] if limit is None else [text, "ok" if value <= limit else "**over**"]


def markdown(rows: list[list[str]]) -> str:
    """Write rows as a Markdown table, aligned so that it reads well as text too."""
    head = ["what", "ours", "against", "theirs", "ratio", "at most", ""]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    )


def write(table: str, readme: pathlib.Path = README) -> None:
    """Put a table between the markers of the README beside this file."""
    head, start, rest = readme.read_text(encoding="utf-8").partition("<!-- table -->\n")
    _, end, tail = rest.partition("<!-- end of table -->")
    if not (start and end):
        raise ValueError(f"{readme} has no place for the table between its two markers")
    readme.write_text(f"{head}{start}{table}\n{end}{tail}", encoding="utf-8")


def main() -> int:
    """Measure, print the table, and fail where a limit does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=11, help="how often every case runs")
    parser.add_argument("--values", type=int, default=200, help="how often each run measures")
    parser.add_argument("--write", action="store_true", help="write the table into the README")
    options = parser.parse_args()

    pythons = prepare()
    results = list(rounds(pythons, options.rounds, options.values))
    printed: dict[str, dict[str, object]] = defaultdict(dict)
    for case in dict.fromkeys(bound.case for bound in BOUNDS):
        command = [pythons["ours"], "-I", HERE / "cases" / f"{case}.py"]
        printed[case] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

    rows = [comparison_row(c, results) for c in COMPARISONS]
    rows += [pair_row(pair, results) for pair in PAIRS]
    rows += [import_row(package, limit, results) for package, limit in IMPORTS.items()]
    rows += [bound_row(bound, printed[bound.case]) for bound in BOUNDS]
    where = f"{platform.python_implementation()} {platform.python_version()}, {platform.system()}"
    table = f"{where}, median of {options.rounds} rounds.\n\n{markdown(rows)}"
    print(table)
    if options.write:
        write(table)
    return 1 if any(row[-1] == "**over**" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
