"""The command ``statecrumbs``: read, follow and report what was recorded."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from statecrumbs._black_box import UnreadableError, boxes_in, is_absent, is_black_box
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

_REDACT = """\
Copy text from stdin to stdout as a crumb would show it, with its secrets blanked. All of the text
is read first, since the name of a secret may stand far before it, in the header of a table. A log
takes about 8 times its size in memory, a text full of secrets up to 40 times.
"""

_MAX_DIGITS = 18  # of a number of lines; no index of a list has more

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
        if sys.stdout is not None:
            sys.stdout.flush()
    except UnreadableError as error:
        return _complain(error)
    except BrokenPipeError:
        _forget_output()  # the reader has closed the pipe: `| head`
        return 0
    except KeyboardInterrupt:
        return 130
    return code


class _Parser(argparse.ArgumentParser):
    """Refuses abbreviations of options: one may mean another option in the next version."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)


class _Version(argparse.Action):
    """Prints the version, which is read only now: that takes as long as the rest."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print("statecrumbs", version("statecrumbs"))
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
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
        "ps", help="show the processes of black boxes and dumps, and the work in flight in each"
    )
    _add_paths(ps)
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
        description=_REDACT,
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
        help="only operations whose correlation ID is, or begins with, ID",
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
        help="only crumbs of the last 90s, 10m, 2h or 1d, or since an ISO 8601 time; for ps, only "
        "work that began then",
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
    problems: list[UnreadableError] = []
    found = processes(arguments.paths, problems.append)
    for problem in problems:
        _complain(problem)
    found = _selection(arguments).of_processes(found) if found else []
    if arguments.json:
        _print_json(found)
    else:
        for line in show_processes(found, painter(sys.stdout)):
            print(line)
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
        is_named = file in paths
        if not is_named and is_absent(file):
            continue  # `follow` finds it
        try:
            if not is_black_box(file):
                code = _complain(f"{file} is not a black box, and only those can be followed.")
                continue
            tail = open_tail(file)
            tail.look(limit=arguments.lines)
            tails[file] = tail
        except UnreadableError as error:
            if is_named or not is_absent(file):
                code = _complain(error)
    follow(paths, open_tail, tails)
    return code


def _report(arguments: argparse.Namespace) -> int:
    if any(_is_same_file(path, arguments.output) for path in arguments.paths):
        return _complain(f"{arguments.output} is one of the files to read. Choose another -o.")
    recordings, code = _load(arguments)
    if not recordings:
        return code
    page = render_page(merged(recordings))
    if arguments.output == "-":
        print(page, end="")
        return code
    from corectx.files import write_private

    try:
        write_private(arguments.output, page)
    except OSError as error:
        return _complain(f"Cannot write {arguments.output}: {error.strerror}.")
    print(f"Wrote {arguments.output}")
    return code


def _is_same_file(path: str, other: str) -> bool:
    try:
        return os.path.isfile(path) and os.path.samefile(path, other)
    except OSError:
        return False


def _redact(arguments: argparse.Namespace) -> int:
    from statecrumbs._redact import Redactor, split_words

    nameless = [name for name in arguments.names if not split_words(name)]
    if nameless:
        return _complain(f"--name {nameless[0]!r} has no letter and no digit.")
    if sys.stdin is None or sys.stdout is None:
        return _complain("The standard input or the standard output is closed.")
    source, target = getattr(sys.stdin, "buffer", None), getattr(sys.stdout, "buffer", None)
    encoding = "utf-8"
    try:
        if source is None:
            text = sys.stdin.read()
        else:
            text, encoding = _decoded(source.read())
    except OSError as error:
        return _complain(f"Cannot read the standard input: {error.strerror}.")
    scrubbed = Redactor(arguments.names).scrub(text)
    try:
        if target is None:
            sys.stdout.write(scrubbed)
        else:
            target.write(scrubbed.encode(encoding, "surrogateescape"))
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _forget_output()
        return _complain(f"Cannot write to the standard output: {error.strerror}.")
    return 0


def _decoded(data: bytes) -> tuple[str, str]:
    """Return the text of `data` and its encoding: UTF-16 after its mark, as PowerShell writes it.

    Bytes that are no UTF-8 pass as they are.
    """
    for mark, encoding in _MARKS:
        # In UTF-16 each letter of ASCII has a zero. A file of another kind may begin like the mark.
        if data.startswith(mark) and data.count(0) * 8 >= len(data):
            try:
                return data.decode(encoding), encoding
            except UnicodeDecodeError:
                break
    return data.decode("utf-8", "surrogateescape"), "utf-8"


# The mark is the first character of the text.
_MARKS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def _forget_output() -> None:
    """Let the standard output go nowhere, so that Python does not complain when it flushes it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _since(text: str) -> float:
    try:
        return since(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"a number of lines is 0 or more, not {text}")
    return int(text[:_MAX_DIGITS])


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
