"""The ``penstock`` command: list, show, draw, check, document and verify the flows of a program.

Exit codes: 0 success; 1 `check` found problems, `docs --check` found stale pages, or an option of
`verify` was not met; 2 wrong arguments, no flow is declared, a program or package for drawing is
missing, or there is no evidence; 3 the program named by --app cannot be imported.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from penstock._app import AppError, load_app
from penstock._arguments import did_you_mean, from_here
from penstock._check import check
from penstock._dag import DIRECTIONS, ENGINES, FORMATS, IMPLIED, generate_dag
from penstock._declare import registry_in_use
from penstock._docs import Stale, document, inject
from penstock._graph import UnknownFlowError, build
from penstock.formats import columns, counted, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import TextIO

    from penstock._declare import Flow
    from penstock._verify import Verdict

__all__ = ["main"]

_FOUND = 1
WRONG = 2
NOT_IMPORTED = 3

_SOURCE = "such as https://github.com/me/shop/blob/main/{file}#L{line}"


def main(arguments: Sequence[str] | None = None, *, prog: str = "penstock") -> int:
    """Run the command with `arguments`, by default the program's own; return the exit code."""
    _print_anything(sys.stdout)
    parser, commands = _parser(prog)
    given = _app_first(list(sys.argv[1:] if arguments is None else arguments))
    command = _command_in(given)
    if command is not None and command not in commands:
        parser.error(
            f"there is no command {command!r}.{did_you_mean(command, commands)} Commands: "
            f"{', '.join(commands)}."
        )
    chosen = parser.parse_args(given)
    try:
        for app in chosen.app:
            load_app(app)
        if _nothing_is_declared():
            if not chosen.app:
                parser.error("nothing declares a flow yet: name your program with --app module")
            parser.error(
                f"no flow is declared in {', '.join(chosen.app)} or in its imports: name the "
                "module that declares flows with --app"
            )
        code: int = chosen.run(chosen)
        sys.stdout.flush()  # otherwise a closed pipe is only noticed when Python ends
    except AppError as error:
        print(error, file=sys.stderr)
        return NOT_IMPORTED
    except UnknownFlowError as error:
        print(error.args[0], file=sys.stderr)
        return WRONG
    except (ValueError, ImportError, RuntimeError, OSError) as error:
        if isinstance(error, BrokenPipeError):  # the reader, such as `head`, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(error, file=sys.stderr)
        return WRONG
    return code


def _app_first(arguments: list[str]) -> list[str]:
    """Return `arguments` with each --app moved before the command."""
    apps: list[str] = []
    others: list[str] = []
    rest = iter(arguments)
    for each in rest:
        if each == "--":
            others += [each, *rest]
        elif each == "--app":
            apps += [each, *([value] if (value := next(rest, None)) is not None else [])]
        elif each.startswith("--app="):
            apps.append(each)
        else:
            others.append(each)
    return apps + others


def _command_in(arguments: list[str]) -> str | None:
    """Return the command in the result of `_app_first`."""
    rest = iter(arguments)
    for each in rest:
        if each == "--app":
            next(rest, None)
        elif not each.startswith("-"):
            return each
    return None


def _nothing_is_declared() -> bool:
    """Tell whether there is no flow and no problem: then a check that passes means nothing."""
    registry = registry_in_use()
    return not registry.flows and not check(registry)  # a step in no flow is a problem to show


class _Parser(argparse.ArgumentParser):
    """Refuses abbreviations of options: one may mean another option in the next version."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)


class _Version(argparse.Action):
    """Prints the version, which is read only now: that takes as long as the rest."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print("penstock", version("penstock"))
        parser.exit()


def _print_anything(stream: TextIO) -> None:
    """Let `stream` print every name. If it is no terminal, it gets UTF-8, as our files do."""
    reconfigure: Callable[..., None] | None = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding=None if stream.isatty() else "utf-8", errors="backslashreplace")


def _parser(prog: str) -> tuple[argparse.ArgumentParser, Collection[str]]:
    """Return the parser, and the names of the commands."""
    parser = _Parser(
        prog=prog,
        description="List, show, draw, check, document and verify the flows of a program.",
        epilog="Exit codes: 0 success, 1 problems found, 2 wrong arguments, 3 --app failed.",
    )
    parser.add_argument(
        "--app",
        action="append",
        default=[],
        metavar="MODULE[:FUNCTION]",
        help="import this first; may be repeated. A function is called without arguments",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    command = commands.add_parser("list", help="list the flows")
    command.add_argument("--json", action="store_true", help="as JSON")
    command.set_defaults(run=_list_flows)

    command = commands.add_parser("show", help="show a flow in the terminal")
    command.add_argument("flow", nargs="?", help="its name; without one, the whole system")
    command.add_argument("--json", action="store_true", help="as JSON")
    _add_evidence(command)
    command.set_defaults(run=_show)

    command = commands.add_parser("render", help="draw a flow")
    command.add_argument("flow", nargs="?", help="its name; without one, the whole system")
    command.add_argument("--format", choices=FORMATS, help="default: by the file's ending")
    command.add_argument("-o", "--output", metavar="FILE", help="default: the standard output")
    command.add_argument("--direction", choices=DIRECTIONS, default="auto")
    command.add_argument(
        "--width",
        type=int,
        metavar="PIXELS",
        help="the page that SVG, HTML and PNG are laid out for; default: 1400",
    )
    command.add_argument("--engine", choices=tuple(ENGINES), help="default: penstock's own")
    command.add_argument(
        "--max-chars", type=int, metavar="N", help="split Mermaid diagrams at this size"
    )
    _add_evidence(command)
    command.add_argument(
        "--crash",
        action="append",
        metavar="DUMP",
        help="mark the failed step and the path to it, from a crash dump of statecrumbs; may be "
        "repeated for the dumps of one operation; in HTML and SVG",
    )
    command.add_argument("--source", metavar="URL", help=f"the URL of a step's code; {_SOURCE}")
    command.add_argument(
        "--collapse",
        action=argparse.BooleanOptionalAction,
        help="draw each flow as one box; default: in pictures of more than 100 steps",
    )
    command.add_argument(
        "--implied",
        choices=IMPLIED,
        default="drawn",
        help="draw edges whose target other edges lead to as well, faintly or not at all",
    )
    command.set_defaults(run=_render)

    command = commands.add_parser("check", help="find problems of the declared flows")
    command.add_argument("--json", action="store_true", help="as JSON")
    command.set_defaults(run=_find_problems)

    command = commands.add_parser("docs", help="write Markdown pages, or bring files up to date")
    command.add_argument(
        "-o", "--output", metavar="DIR", help="write a page per flow, and an index"
    )
    command.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="replace the text between <!-- penstock:flow=NAME --> and <!-- penstock:end -->",
    )
    command.add_argument("--source", metavar="URL", help=f"the URL of a step's code; {_SOURCE}")
    command.add_argument("--check", action="store_true", help="write nothing; exit 1 if stale")
    _add_evidence(command)
    command.set_defaults(run=_write_docs)

    command = commands.add_parser("verify", help="compare the flows with what really ran")
    command.add_argument(
        "data",
        nargs="*",
        metavar="DATA",
        help="a folder with evidence of penstock.observe() or PENSTOCK_OBSERVE",
    )
    _add_spans(command)
    command.add_argument("--json", action="store_true", help="as JSON")
    command.add_argument(
        "--fail-under",
        type=float,
        metavar="PERCENT",
        help="exit 1 if fewer of the edges were seen",
    )
    command.add_argument(
        "--fail-undeclared", action="store_true", help="exit 1 if anything ran undeclared"
    )
    command.add_argument(
        "--fail-outside", action="store_true", help="exit 1 if a step ran outside its flow"
    )
    command.set_defaults(run=_compare)
    return parser, commands.choices


def _add_evidence(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="DIR",
        help="also show the evidence in this folder; may be repeated",
    )
    _add_spans(command)


def _add_spans(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--from-otlp",
        action="append",
        default=[],
        metavar="FILE",
        help="the same from exported spans in OTLP JSON; may be repeated",
    )


def _list_flows(chosen: argparse.Namespace) -> int:
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


def _show(chosen: argparse.Namespace) -> int:
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


def _render(chosen: argparse.Namespace) -> int:
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


def _find_problems(chosen: argparse.Namespace) -> int:
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


def _write_docs(chosen: argparse.Namespace) -> int:
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


def _compare(chosen: argparse.Namespace) -> int:
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
