"""The command ``statecrumbs``: read, follow and report what was recorded."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from statecrumbs._black_box import UnreadableError, boxes_in
from statecrumbs._lines import escaped
from statecrumbs._reading import (
    Tail,
    follow_file,
    follow_folder,
    load,
    painter,
    processes,
    render_page,
    show,
    show_processes,
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
        description="Show what a program recorded before it died. A FILE is a black box, of "
        "enable(black_box=...), or a JSON dump, or a log with one in it; a DIR holds black boxes.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    reader = commands.add_parser(
        "read", help="show what one file, or each black box in a folder, holds"
    )
    reader.add_argument("path", metavar="FILE|DIR")
    reader.add_argument(
        "--json",
        action="store_true",
        help="print a FILE as a JSON dump, a DIR as an object of dumps by path",
    )
    reader.set_defaults(command=_read)

    ps = commands.add_parser(
        "ps", help="show the processes with a black box, and the work in flight in each"
    )
    ps.add_argument("paths", metavar="FILE|DIR", nargs="+")
    ps.add_argument("--json", action="store_true", help="print a JSON list of processes")
    ps.set_defaults(command=_ps)

    tail = commands.add_parser("tail", help="show the last crumbs of black boxes, and follow them")
    tail.add_argument("path", metavar="FILE|DIR")
    tail.add_argument(
        "-f",
        "--follow",
        action="store_true",
        help="go on showing crumbs as they are recorded: until the process of the FILE ends; of a "
        "DIR, with processes that start later, until Ctrl-C",
    )
    tail.add_argument(
        "-n", "--lines", type=_count, default=10, metavar="N", help="begin with the last N (10)"
    )
    tail.set_defaults(command=_tail)

    reporter = commands.add_parser("report", help="make a self-contained HTML page of a file")
    reporter.add_argument("path", metavar="FILE")
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


def _read(arguments: argparse.Namespace) -> int:
    path: str = arguments.path
    code = 0
    recordings: list[Recording] = []
    for file in _files(path):
        try:
            recordings.append(load(file))
        except UnreadableError as error:
            code = _complain(error)
    if arguments.json:
        dumps = {recording.path: recording.to_dump() for recording in recordings}
        if os.path.isdir(path):
            _print_json(dumps)
        elif dumps:
            _print_json(dumps[path])
        return code
    paint = painter(sys.stdout)
    for number, recording in enumerate(recordings):
        if number:
            print()
        for line in show(recording, paint):
            print(line)
    return code


def _ps(arguments: argparse.Namespace) -> int:
    files = [file for path in arguments.paths for file in _files(path)]
    found, problems = processes(files)
    if arguments.json:
        _print_json(found)
    else:
        for line in show_processes(found, painter(sys.stdout)):
            print(line)
    for problem in problems:
        _complain(problem)
    return 1 if problems else 0


def _tail(arguments: argparse.Namespace) -> int:
    path: str = arguments.path
    is_folder = os.path.isdir(path)
    paint = painter(sys.stdout)

    def open_tail(file: str) -> Tail:
        name = os.path.basename(file).rpartition("-")[2].partition(".")[0] if is_folder else ""
        return Tail(file, _print_now, paint, escaped(name))

    code = 0
    tails: dict[str, Tail] = {}
    for file in _files(path, follow=arguments.follow):
        tail = open_tail(file)
        try:
            tail.look(limit=arguments.lines)
            tails[file] = tail
        except UnreadableError as error:
            code = _complain(error)
    if arguments.follow and is_folder:
        follow_folder(path, open_tail, tails)
    elif arguments.follow:
        for tail in tails.values():
            follow_file(tail)
    return code


def _report(arguments: argparse.Namespace) -> int:
    if os.path.isdir(arguments.path):
        newest = _files(arguments.path)[-1]
        raise UnreadableError(
            f"{arguments.path} is a folder, and a report is of one process. Its newest file is "
            f"{newest}."
        )
    page = render_page(load(arguments.path))
    if arguments.output == "-":
        print(page, end="")
        return 0
    from corectx.files import write_private

    try:
        write_private(arguments.output, page + "\n")
    except OSError as error:
        return _complain(f"Cannot write {arguments.output}: {error.strerror}.")
    print(f"Wrote {arguments.output}")
    return 0


def _redact(arguments: argparse.Namespace) -> int:
    from statecrumbs._redact import Redactor, split_words

    nameless = [name for name in arguments.names if not split_words(name)]
    if nameless:
        return _complain(f"--name {nameless[0]!r} has no letter and no digit.")
    sys.stdout.write(Redactor(arguments.names).scrub(sys.stdin.read()))
    return 0


def _files(path: str, *, follow: bool = False) -> list[str]:
    """Return the files that `path` stands for; a folder may be empty only to `follow` it."""
    if not os.path.isdir(path):
        return [path]
    files = boxes_in(path)
    if not files and not follow:
        raise UnreadableError(f"There are no black boxes in {path}.")
    return files


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
