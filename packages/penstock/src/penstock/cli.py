"""The ``penstock`` command: list, show, draw, check, document and verify the flows of a program.

Exit codes: 0 success; 1 `check` found problems, `docs --check` found stale pages, or an option of
`verify` was not met; 2 wrong arguments, no flow is declared, a program or package for drawing is
missing, or there is no evidence; 3 the program named by --app cannot be imported.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from penstock import _commands
from penstock._app import AppError, load_app
from penstock._arguments import did_you_mean
from penstock._check import check
from penstock._dag import DIRECTIONS, ENGINES, FORMATS, IMPLIED
from penstock._declare import registry_in_use
from penstock._graph import UnknownFlowError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import TextIO

__all__ = ["main"]

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
    command.set_defaults(run=_commands.list_flows)

    command = commands.add_parser("show", help="show a flow in the terminal")
    command.add_argument("flow", nargs="?", help="its name; without one, the whole system")
    command.add_argument("--json", action="store_true", help="as JSON")
    _add_evidence(command)
    command.set_defaults(run=_commands.show)

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
    command.set_defaults(run=_commands.render)

    command = commands.add_parser("check", help="find problems of the declared flows")
    command.add_argument("--json", action="store_true", help="as JSON")
    command.set_defaults(run=_commands.find_problems)

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
    command.set_defaults(run=_commands.write_docs)

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
    command.set_defaults(run=_commands.compare)
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
