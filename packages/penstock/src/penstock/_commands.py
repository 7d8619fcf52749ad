"""Run the commands of ``penstock``: parsed arguments in, exit code out."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from penstock._arguments import from_here
from penstock._check import check
from penstock._dag import generate_dag
from penstock._declare import registry_in_use
from penstock._docs import Stale, document, inject
from penstock._graph import build
from penstock.formats import columns, counted, visible

if TYPE_CHECKING:
    import argparse

    from penstock._declare import Flow
    from penstock._verify import Verdict

_FOUND = 1


def list_flows(chosen: argparse.Namespace) -> int:
    """Print a table of the flows, or JSON."""
    flows = registry_in_use().flows
    if chosen.json:
        _print_json([_described(flow) for flow in flows.values()])
        return 0
    rows = [("flow", "entrypoints", "steps", "declared in")]
    for name, flow in flows.items():
        steps = flow.steps.values()
        entrypoints = [step.name for step in steps if step.kind == "entrypoint"]
        files = dict.fromkeys(from_here(step.file) for step in steps if step.file)
        rows.append((name, ", ".join(entrypoints) or "-", str(len(steps)), ", ".join(files)))
    shown = [[visible(cell) for cell in row] for row in rows]
    widths = [max(columns(row[at]) for row in shown) for at in range(3)]
    for row in shown:
        cells = [_padded(cell, width) for cell, width in zip(row, widths, strict=False)]
        print("  ".join([*cells, row[3]]))
    return 0


def show(chosen: argparse.Namespace) -> int:
    """Print the drawing of a flow and where its steps are."""
    # Not `print`: the drawing ends with its own newline, in every format.
    kind = "json" if chosen.json else "text"
    sys.stdout.write(str(generate_dag(chosen.flow, format=kind, data=_verdict(chosen))))
    if chosen.json or chosen.flow is None:
        return 0
    graph = build(registry_in_use(), chosen.flow)
    print()
    own = graph.title
    names = [
        visible(each.name if each.flow == own else f"{each.flow}:{each.name}")
        for each in graph.nodes
    ]
    width = max(map(columns, names))
    for name, node in zip(names, graph.nodes, strict=True):
        where = f"{node.file}:{node.line}" if node.file else "unknown step"
        print(f"{_padded(name, width)}  {visible(where)}")
    return 0


def render(chosen: argparse.Namespace) -> int:
    """Draw a flow to a file, or to the standard output."""
    content = generate_dag(
        chosen.flow,
        format=chosen.format,
        output=chosen.output,
        direction=chosen.direction,
        width=chosen.width,
        engine=chosen.engine,
        max_chars=chosen.max_chars,
        data=_verdict(chosen),
        crash=chosen.crash,
        source=chosen.source,
        collapse=chosen.collapse,
        implied=chosen.implied,
    )
    if chosen.output is not None:
        print(f"wrote {chosen.output}", file=sys.stderr)
    elif isinstance(content, str):
        sys.stdout.write(content)
    else:
        sys.stdout.buffer.write(content)
    return 0


def find_problems(chosen: argparse.Namespace) -> int:
    """Print the problems of the declared flows."""
    problems = check(registry_in_use())
    if chosen.json:
        names = ("kind", "message", "flow", "step", "file", "line")
        _print_json([{name: getattr(each, name) for name in names} for each in problems])
    else:
        for problem in problems:
            print(visible(str(problem)))
        flows = len(registry_in_use().flows)
        print(f"{counted(len(problems), 'problem')} in {counted(flows, 'flow')}", file=sys.stderr)
    return _FOUND if problems else 0


def write_docs(chosen: argparse.Namespace) -> int:
    """Write the pages, or bring files up to date."""
    if not chosen.files and chosen.output is None:
        raise ValueError(
            "docs needs a folder to write to, with -o DIR, or files to bring up to date."
        )
    if chosen.source is not None and chosen.output is None:
        raise ValueError(
            "--source is for the pages that -o DIR writes; files have no links to code."
        )
    data = _verdict(chosen)
    stale: list[Stale] = []
    if chosen.output is not None:
        stale += document(
            registry_in_use(),
            chosen.output,
            write=not chosen.check,
            source=chosen.source,
            data=data,
        )
    stale += inject(registry_in_use(), chosen.files, write=not chosen.check, data=data)
    for each in stale:
        if chosen.check:
            sys.stdout.write(each.diff)
        else:
            print(f"wrote {each.path}", file=sys.stderr)
    if chosen.check and stale:
        print(f"{counted(len(stale), 'file')} out of date", file=sys.stderr)
        return _FOUND
    return 0


def compare(chosen: argparse.Namespace) -> int:
    """Print the verdict on the evidence."""
    from penstock._verify import as_json, as_text

    verdict = _verdict(chosen)
    if verdict is None:
        raise ValueError(
            "verify needs evidence: a folder of penstock.observe(), or --from-otlp FILE. Run the "
            "program with PENSTOCK_OBSERVE=DIR, then: penstock verify DIR"
        )
    if chosen.json:
        _print_json(as_json(verdict))
    else:
        sys.stdout.write(as_text(verdict))
    failures: list[str] = []
    if chosen.fail_under is not None and verdict.coverage < chosen.fail_under:
        failures.append(
            f"{verdict.coverage:.1f} % of the edges were seen, which is under "
            f"{chosen.fail_under:g} %"
        )
    if chosen.fail_undeclared and verdict.undeclared:
        failures.append("something ran that is not declared")
    if chosen.fail_outside and verdict.outside:
        failures.append("a step ran outside its flow")
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    return _FOUND if failures else 0


def _verdict(chosen: argparse.Namespace) -> Verdict | None:
    """Return the verdict on the evidence that the arguments name, or None if they name none."""
    if not chosen.data and not chosen.from_otlp:
        return None
    from penstock._verify import read, read_spans, verify

    graph = build(registry_in_use())
    evidence = read(chosen.data)
    if chosen.from_otlp:
        evidence.add(read_spans(chosen.from_otlp, graph))
    return verify(graph, evidence)


def _described(flow: Flow) -> dict[str, Any]:
    return {
        "name": flow.name,
        "doc": flow.doc,
        "steps": [
            {
                "name": step.name,
                "entrypoint": step.kind == "entrypoint",
                "after": list(step.after),
                "file": step.file,
                "line": step.line,
            }
            for step in flow.steps.values()
        ],
    }


def _padded(text: str, width: int) -> str:
    """Return `text` with spaces after it that make it `width` columns of a terminal wide."""
    return text + " " * (width - columns(text))


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2))
