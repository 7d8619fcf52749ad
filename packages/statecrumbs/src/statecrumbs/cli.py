"""The command ``statecrumbs``: read, follow and report what was recorded."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from statecrumbs._black_box import UnreadableError, boxes_in, is_black_box
from statecrumbs._lines import escaped
from statecrumbs._reading import (
    Selection,
    Tail,
    follow,
    load_each,
    merged,
    painter,
    processes,
    render_page,
    show_processes,
    show_timeline,
    since,
    timeline_lines,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TextIO

    from statecrumbs._reading import Recording

_EPILOG = """\
exit codes:
  0    everything that was asked for was read
  1    something could not be read, or there was nothing to read
  2    the command was not understood
  130  ended by Ctrl-C, which is how to end "tail --follow" of a folder
"""

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with the arguments `argv` (of the process by default); return its exit code.

    0: everything was read. 1: something could not be read, or there was nothing. 2 (as
    SystemExit): the arguments make no sense. 130: interrupted.
    """
    arguments = _parser().parse_args(argv)
    _print_anything(sys.stdout)
    _print_anything(sys.stderr)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        code = command(arguments)
        sys.stdout.flush()
    except UnreadableError as error:
        return _complain(error)
    except BrokenPipeError:
        # The reader has closed the pipe (`| head`). Python would complain when it flushes again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return code


class _Version(argparse.Action):
    """Print the version. It is looked up only then, since that takes as long as the rest."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print("statecrumbs", version("statecrumbs"))
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="statecrumbs",
        description="Show what a program recorded before it died. A PATH is a black box, of "
        "enable(black_box=...), or a JSON dump, or a log with a dump in it, all of them gzipped or "
        "not; or a folder of them, or a pipe, or - for the standard input. Several are merged into "
        "one time line.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    reader = commands.add_parser(
        "read", help="show what black boxes, dumps and logs hold, as one time line"
    )
    _add_paths(reader)
    reader.add_argument(
        "--json",
        action="store_true",
        help="print the dump of a single recording, else an object of dumps by path",
    )
    reader.set_defaults(command=_read)

    ps = commands.add_parser(
        "ps", help="show the processes with a black box, and the work in flight in each"
    )
    ps.add_argument("paths", metavar="FILE|DIR", nargs="+")
    ps.add_argument("--json", action="store_true", help="print a JSON list of processes")
    ps.set_defaults(command=_ps)

    tail = commands.add_parser("tail", help="show the last crumbs, and follow black boxes")
    _add_paths(tail)
    tail.add_argument(
        "-f",
        "--follow",
        action="store_true",
        help="go on showing crumbs as they are recorded: of a black box until its process ends; of "
        "a folder, with processes that start later, until Ctrl-C",
    )
    tail.add_argument(
        "-n", "--lines", type=_count, default=10, metavar="N", help="begin with the last N (10)"
    )
    tail.set_defaults(command=_tail)

    reporter = commands.add_parser("report", help="make a self-contained HTML page of recordings")
    _add_paths(reporter)
    reporter.add_argument("-o", "--output", required=True, metavar="x.html", help="- for stdout")
    reporter.set_defaults(command=_report)

    redacter = commands.add_parser(
        "redact",
        help="copy text from stdin to stdout as a crumb would show it, with its secrets blanked",
    )
    redacter.add_argument(
        "--name",
        action="append",
        default=[],
        dest="names",
        metavar="NAME",
        help="one more sensitive name, as in enable(redact=[NAME]); may be repeated",
    )
    redacter.set_defaults(command=_redact)
    return parser


def _add_paths(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", metavar="PATH", nargs="+")
    parser.add_argument(
        "--id",
        default="",
        metavar="ID",
        dest="identity",
        help="only the operation with this correlation ID, or with one that begins so",
    )
    parser.add_argument(
        "--operation",
        default="",
        metavar="NAME",
        help="only operations with this name of a request, task, flow or step",
    )
    parser.add_argument(
        "--since",
        type=_since,
        default=0.0,
        metavar="AGE",
        help="only crumbs of the last 90s, 10m, 2h or 1d, or since an ISO 8601 time",
    )


def _selection(arguments: argparse.Namespace) -> Selection:
    return Selection(arguments.identity, arguments.operation, arguments.since)


def _load(arguments: argparse.Namespace) -> tuple[list[Recording], int]:
    """Return the recordings that are asked for, and 1 if there were problems, else 0."""
    problems: list[UnreadableError] = []
    selection = _selection(arguments)
    recordings = load_each(arguments.paths, problems.append, older=bool(selection))
    for problem in problems:
        _complain(problem)
    if not recordings:
        return [], 1
    return selection.applied(recordings), 1 if problems else 0


def _read(arguments: argparse.Namespace) -> int:
    recordings, code = _load(arguments)
    if arguments.json and recordings:
        is_single = len(recordings) == 1 and not os.path.isdir(arguments.paths[0])
        _print_json(recordings[0].to_dump() if is_single else _by_path(recordings))
    elif recordings:
        for line in show_timeline(merged(recordings), painter(sys.stdout)):
            print(line)
    return code


def _ps(arguments: argparse.Namespace) -> int:
    files = [file for path in arguments.paths for file in _boxes(path)]
    found, problems = processes(files)
    if arguments.json:
        _print_json(found)
    else:
        for line in show_processes(found, painter(sys.stdout)):
            print(line)
    for problem in problems:
        _complain(problem)
    return 1 if problems else 0


def _by_path(recordings: list[Recording]) -> dict[str, list[dict[str, Any]]]:
    dumps: dict[str, list[dict[str, Any]]] = {}
    for recording in recordings:
        name, number = recording.path, 1
        while name in dumps:
            number += 1
            name = f"{recording.path} ({number})"
        dumps[name] = recording.to_dump()
    return dumps


def _tail(arguments: argparse.Namespace) -> int:
    if arguments.follow:
        return _follow(arguments)
    recordings, code = _load(arguments)
    if recordings:
        for line in timeline_lines(merged(recordings), painter(sys.stdout), last=arguments.lines):
            print(line)
    return code


def _follow(arguments: argparse.Namespace) -> int:
    paths: list[str] = arguments.paths
    files = [file for path in paths for file in (boxes_in(path) if os.path.isdir(path) else [path])]
    paint = painter(sys.stdout)
    wants = _selection(arguments).wants
    is_alone = len(paths) == 1 and not os.path.isdir(paths[0])

    def open_tail(file: str) -> Tail:
        name = "" if is_alone else os.path.basename(file).rpartition("-")[2].partition(".")[0]
        return Tail(file, _print_now, paint, escaped(name), wants)

    code = 0
    tails: dict[str, Tail] = {}
    for file in files:
        try:
            if not is_black_box(file):
                code = _complain(f"{file} is not a black box, and only those can be followed.")
                continue
            tail = open_tail(file)
            tail.look(limit=arguments.lines)
            tails[file] = tail
        except UnreadableError as error:
            code = _complain(error)
    follow(paths, open_tail, tails)
    return code


def _report(arguments: argparse.Namespace) -> int:
    recordings, code = _load(arguments)
    if not recordings:
        return code
    page = render_page(merged(recordings).as_one())
    if arguments.output == "-":
        print(page, end="")
        return code
    from corectx.files import write_private

    try:
        write_private(arguments.output, page + "\n")
    except OSError as error:
        return _complain(f"Cannot write {arguments.output}: {error.strerror}.")
    print(f"Wrote {arguments.output}")
    return code


def _redact(arguments: argparse.Namespace) -> int:
    from statecrumbs._redact import Redactor, split_words

    nameless = [name for name in arguments.names if not split_words(name)]
    if nameless:
        return _complain(f"--name {nameless[0]!r} has no letter and no digit.")
    sys.stdout.write(Redactor(arguments.names).scrub(sys.stdin.read()))
    return 0


def _boxes(path: str) -> list[str]:
    """Return the black boxes that `path` stands for: itself, or those in the folder."""
    if not os.path.isdir(path):
        return [path]
    files = boxes_in(path)
    if not files:
        raise UnreadableError(f"There are no black boxes in {path}.")
    return files


def _since(text: str) -> float:
    try:
        return since(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"a number of lines is 0 or more, not {text}")
    return number


def _print_anything(stream: TextIO) -> None:
    """Let `stream` escape characters that its encoding lacks, instead of failing."""
    reconfigure: Callable[..., None] | None = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _print_now(line: str) -> None:
    print(line, flush=True)


def _print_json(value: Any) -> None:
    import json

    from statecrumbs._json import to_json

    print(json.dumps(to_json(value), indent=2, allow_nan=False))


def _complain(problem: object) -> int:
    # It names files that other users may have put into the folder.
    print(f"statecrumbs: {escaped(str(problem))}", file=sys.stderr)
    return 1
