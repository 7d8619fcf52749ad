"""The changes that log collectors make to the lines of a program, as functions."""

from __future__ import annotations

import html
import json
import re
import string
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    Lines: TypeAlias = list[str]
    Collector: TypeAlias = Callable[[Lines], Lines]

PIECE = 16 * 1024  # where Docker and CRI cut a line, in bytes


def _time(number: int) -> str:
    return f"2026-11-29T21:{number // 60 % 60:02}:{number % 60:02}.{number * 7919 % 10**9:09}Z"


def prefixed(lines: Lines) -> Lines:
    """`docker compose logs`."""
    return [f"web-1  | {line}" for line in lines]


def numbered(lines: Lines) -> Lines:
    """syslog: a time, a host, a process, and all of it different in length from line to line."""
    return [f"Nov 29 21:00:{n % 60:02} host7 shop[{n * n}]: {line}" for n, line in enumerate(lines)]


def bracketed(lines: Lines) -> Lines:
    """A prefix with all that a dump has too."""
    return [f'{{{n}}} ["a": "b", [{n}]] "x" - {line}' for n, line in enumerate(lines)]


def cri(lines: Lines, size: int = PIECE) -> Lines:
    """Kubernetes."""
    made: Lines = []
    for line in lines:
        pieces = [line[at : at + size] for at in range(0, len(line), size)] or [""]
        made += [f"{_time(len(made))} stderr P {piece}" for piece in pieces[:-1]]
        made.append(f"{_time(len(made))} stderr F {pieces[-1]}")
    return made


def docker(lines: Lines, size: int = PIECE) -> Lines:
    """The driver json-file of Docker."""
    made: Lines = []
    for line in lines:
        whole = f"{line}\n"
        for at in range(0, len(whole), size):
            record = {"log": whole[at : at + size], "stream": "stderr", "time": _time(len(made))}
            made.append(json.dumps(record))
    return made


def structured(lines: Lines) -> Lines:
    """Fluent Bit, Vector and others: an object with an object in it, and an ID for each line."""
    return [
        json.dumps(
            {
                "_id": f"{n * 2654435761 % 2**32:08x}{string.ascii_letters[n % 50]}",
                "kubernetes": {"pod": "web-7d9f", "labels": {"app": "web"}},
                "message": line,
                "tags": ["a", "b"],
                "n": n,
            },
            separators=(",", ":"),
        )
        for n, line in enumerate(lines)
    ]


def logfmt(lines: Lines) -> Lines:
    """``key=value``, with quotes only where they are needed."""
    return [
        f"ts={_time(n)} level=error msg={json.dumps(line) if len(line) != 1 else line} pod=web-1"
        for n, line in enumerate(lines)
    ]


def _doubled(field: str) -> str:
    return field.replace('"', '""')


def _in_csv(field: str) -> str:
    return f'"{_doubled(field)}"' if '"' in field or "," in field else field


def csv(lines: Lines) -> Lines:
    """An export for a spreadsheet, with quotes only where they are needed."""
    rows = [f"{_time(n)},{_in_csv(line)},web" for n, line in enumerate(lines)]
    return ["@timestamp,@message,service", *rows]


def csv_of_the_newest_first(lines: Lines) -> Lines:
    """The same, as a log service sorts it."""
    return ["Date\tMessage", *(f'{_time(0)}\t"{_doubled(line)}"' for line in lines[::-1])]


def csv_in_one_field(lines: Lines) -> Lines:
    """A row for each event, with the line ends in it."""
    return f'{_time(1)};"{_doubled(chr(10).join(lines))}";web'.split("\n")


def otlp(lines: Lines) -> Any:
    """One document of OpenTelemetry's protocol: records with attributes, in lists of lists."""
    attributes = [{"key": "log.file.name", "value": {"stringValue": "app.log"}}]
    records = [{"body": {"stringValue": each}, "attributes": attributes} for each in lines]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]}


def otlp_lines(lines: Lines) -> Lines:
    """The exporter `file` of OpenTelemetry's Collector: a document for each few records."""
    return [json.dumps(otlp(lines[at : at + 7])) for at in range(0, len(lines), 7)]


def coloured(lines: Lines) -> Lines:
    """A development server."""
    return [f"\x1b[31m{line}\x1b[0m" for line in lines]


def indented(lines: Lines) -> Lines:
    """A supervisor that indents what its child prints."""
    return [f"      {line}" for line in lines]


def trimmed(lines: Lines) -> Lines:
    """A collector that takes spaces away."""
    return [line.strip() for line in lines]


def with_carriage_returns(lines: Lines) -> Lines:
    """Windows."""
    return [f"{line}\r" for line in lines]


def after_an_unfinished_line(lines: Lines) -> Lines:
    """A progress bar."""
    return [f"Working...  41 % {lines[0]}", *lines[1:]]


def among_others(lines: Lines) -> Lines:
    """Other threads print between any two lines, and what they print looks like parts of dumps."""
    noise = [
        '10.0.0.7 - - "GET /a HTTP/1.1" 200 612 "-" "curl/7.64"',
        "INFO [main]",
        "if (x) {",
        "}",
        '  "event": "x",',
        "[",
        '{"event": "structlog", "level": "info"}',
        "",
        "progress 17",
    ]
    made: Lines = []
    for number, line in enumerate(lines):
        made += [line, f"2026 other  {noise[number % len(noise)]}"]
    return made


def escaped_by_syslog(lines: Lines) -> Lines:
    """One line, with the line ends as rsyslog writes them."""
    return ["Nov 29 21:00:00 host shop: " + "#012".join(lines)]


def in_one_event(lines: Lines) -> Lines:
    """A collector that knows that lines belong together."""
    return [json.dumps({"@timestamp": _time(1), "message": "\n".join(lines), "host": "web"})]


def cut_hard(lines: Lines) -> Lines:
    """A line of more than 200 characters goes on in the next line."""
    made: Lines = []
    for line in lines:
        made += [line[at : at + 200] for at in range(0, len(line), 200)] or [""]
    return made


# Copies that people make, and the output of their tools.


def repr_of_the_output(lines: Lines) -> Lines:
    """The output of a program in the message of another one."""
    text = "\n".join(lines)
    return ["starting", f"Command ['a'] failed. stderr={text!r} stdout=''"]


def repr_of_bytes(lines: Lines) -> Lines:
    """The same, before it was decoded."""
    return ["starting", repr("\n".join(lines).encode())]


def repr_of_each_line(lines: Lines) -> Lines:
    """A program that logs what its child prints."""
    return [f"INFO worker-{n % 3} said {line + chr(10)!r}" for n, line in enumerate(lines)]


def list_of_lines(lines: Lines) -> Lines:
    """The repr of `splitlines`."""
    return [f"stderr: {lines!r}"]


def dict_of_each_line(lines: Lines) -> Lines:
    """A structured logger without a renderer."""
    return [repr({"level": "info", "line": line}) for line in lines]


def escaped_ends(lines: Lines) -> Lines:
    """One line, without quotes around it."""
    return ["err: " + "\n".join(lines).replace("\\", "\\\\").replace("\n", "\\n")]


def in_ruby(lines: Lines) -> Lines:
    """Fluent Bit on its standard output."""
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return [f'[{n}] web: [[{n}.5, {{}}], {{"log"=>"{line}"}}]' for n, line in enumerate(escaped)]


def in_yaml(lines: Lines) -> Lines:
    """A command line of a cloud."""
    made = [line.replace("'", "''") for line in lines]
    return [each for line in made for each in ("---", "insertId: x1", f"textPayload: '{line}'")]


def in_html(lines: Lines) -> Lines:
    """The source of a page."""
    return ["<html><pre>", *(html.escape(line) for line in lines), "</pre>"]


def in_xml(lines: Lines) -> Lines:
    """An export with an element for each line."""
    return [f'<log t="{n}"><text>{html.escape(line)}</text></log>' for n, line in enumerate(lines)]


def with_typographic_quotes(lines: Lines) -> Lines:
    """A chat or an office program."""
    return [re.sub(r'"([^"]*)"', "\u201c\\1\u201d", line) for line in lines]


def with_coloured_words(lines: Lines) -> Lines:
    """A viewer of JSON."""
    return [re.sub(r'("(?:[^"\\]|\\.)*")', "\x1b[32m\\1\x1b[0m", line) for line in lines]


def with_line_numbers(lines: Lines) -> Lines:
    """``less -N``, ``cat -n``."""
    return [f"{n:7} {line}" for n, line in enumerate(lines, 1)]


def found_by_grep(lines: Lines) -> Lines:
    """``grep -n -C 99 unhandled``."""
    return [f"{n}{':' if 'unhandled' in line else '-'}{line}" for n, line in enumerate(lines, 1)]


def aligned_anew(lines: Lines) -> Lines:
    """Docker Compose, when a service with a longer name has started."""
    return [f"web-1{' ' * (3 + 5 * (n > 9))}| {line}" for n, line in enumerate(lines)]


def indented_by_tabs(lines: Lines) -> Lines:
    """An editor."""
    return [re.sub("^(?:  )+", lambda spaces: "\t" * (len(spaces[0]) // 2), line) for line in lines]


def in_a_terminal(lines: Lines) -> Lines:
    """A copy from a terminal of 80 columns, without its knowledge of what it wrapped."""
    made = [f"web-1  | {line}" for line in lines]
    return [line[at : at + 80] for line in made for at in range(0, len(line), 80)]


def with_the_newest_first(lines: Lines) -> Lines:
    """``journalctl -r``, ``logcli``."""
    return [f"Nov 29 21:00:00 web app[7]: {line}" for line in lines[::-1]]


def in_the_journal(lines: Lines) -> Lines:
    """``journalctl -o json``, which has some texts as lists of their bytes."""
    texts = [list(line.encode()) if n % 3 else line for n, line in enumerate(lines)]
    return [json.dumps({"__CURSOR": f"i={n}", "MESSAGE": each}) for n, each in enumerate(texts)]


def before_a_column(lines: Lines) -> Lines:
    """``aws logs filter-log-events --output text``: the message is not in the last column."""
    return [f"EVENTS\t{n * 7919}\t{line}\tweb/{n}\t{n}" for n, line in enumerate(lines)]


def with_visible_ends(lines: Lines) -> Lines:
    """``cat -A``."""
    return [f"{line}^M$" for line in lines]


def in_yaml_texts(lines: Lines) -> Lines:
    """``gcloud logging read``, where a line has a character that YAML has to escape."""
    return [row for line in lines for row in ("---", f"textPayload: {json.dumps(line)}")]


COPIES: list[Collector] = [
    repr_of_the_output,
    repr_of_bytes,
    repr_of_each_line,
    list_of_lines,
    dict_of_each_line,
    escaped_ends,
    in_ruby,
    in_html,
    in_xml,
    with_coloured_words,
    with_line_numbers,
    found_by_grep,
    aligned_anew,
    in_a_terminal,
    with_the_newest_first,
    in_the_journal,
    before_a_column,
    with_visible_ends,
    in_yaml_texts,
]

WRAPPERS: list[Collector] = [
    prefixed,
    numbered,
    bracketed,
    cri,
    docker,
    structured,
    otlp_lines,
    coloured,
    indented,
    trimmed,
    with_carriage_returns,
]
# Inside of those; but nobody puts them around others.
ALONE: list[Collector] = [
    logfmt,
    after_an_unfinished_line,
    among_others,
    escaped_by_syslog,
    in_one_event,
    cut_hard,
    lambda lines: cri(lines, 61),
    lambda lines: docker(lines, 61),
]

# Around all others: whole files.
OUTERMOST: list[Collector] = [csv, csv_of_the_newest_first, csv_in_one_field]

# Exports of log services as one JSON document: rows, in any lists.
EXPORTS: dict[str, Callable[[Lines], Any]] = {
    "events": lambda lines: {
        "events": [{"timestamp": n, "message": line} for n, line in enumerate(lines)],
        "nextForwardToken": "f/1",
    },
    "entries": lambda lines: [
        {"textPayload": line, "resource": {"labels": {"pod": "web"}}} for line in lines
    ],
    "rows with lists": lambda lines: {
        "data": [{"attributes": {"message": line, "tags": ["a", "b"]}} for line in lines]
    },
    "hits": lambda lines: {"hits": {"hits": [{"_source": {"message": line}} for line in lines]}},
    "streams": lambda lines: {
        "data": {
            "result": [
                {"stream": {"app": "db"}, "values": [["1", "ready"]]},
                {"stream": {"app": "web"}, "values": [[_time(1), line] for line in lines]},
            ]
        }
    },
    "texts": lambda lines: {"log": lines},
    "records with attributes": otlp,
}

_texts = st.one_of(
    st.text(max_size=30),
    st.text('"\\{}[],: \n\x1b|=#', max_size=20),
    st.sampled_from(['{"event": "x"}', "[", "{", "}", "],", '"event": "x",', "x" * 300, "=[ a"]),
)
_names = st.sampled_from(["n", "event_", "order", "ts_", "text", "a b", 'q"'])


def _exceptions(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    call = st.fixed_dictionaries({"file": _texts, "line": st.integers(0, 9999), "function": _texts})
    return st.fixed_dictionaries(
        {"type": _texts, "message": _texts},
        optional={
            "notes": st.lists(_texts, max_size=2),
            "traceback": st.lists(call, max_size=3),
            "cause": inner,
            "exceptions": st.lists(inner, max_size=2),
        },
    )


_events = st.one_of(st.text(min_size=1, max_size=10), st.just("paid"))
_contexts = st.dictionaries(
    st.one_of(_names, st.just("event")),
    st.one_of(
        _texts,
        st.integers(),
        st.booleans(),
        st.none(),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    max_size=3,
)
_crumbs = st.builds(
    lambda event, context, frame, data: {
        "event": event,
        "ts": "2026-11-29T21:27:34.291350+00:00",
        "thread": "MainThread",
        **({"context": context} if context else {}),
        **({"frame": frame} if frame else {}),
        **data,
    },
    _events,
    _contexts,
    st.dictionaries(st.sampled_from(["kind", "name", "flow"]), _texts, max_size=3),
    st.dictionaries(_names, _texts, max_size=4),
)
_crashes = st.fixed_dictionaries(
    {
        "exception": _exceptions(_exceptions(_exceptions(st.just({"type": "E"})))),
        "dropped": st.integers(0, 9),
        "process": st.fixed_dictionaries(
            {"pid": st.integers(1, 99999), "argv": st.lists(_texts, max_size=4)}
        ),
    }
)
dumps = st.builds(
    lambda crumbs, crash: [*crumbs, {"event": "unhandled_exception", **crash}],
    st.lists(_crumbs, max_size=4),
    _crashes,
)
