"""The changes that log collectors make to the lines of a program, as functions."""

from __future__ import annotations

import json
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


WRAPPERS: list[Collector] = [
    prefixed,
    numbered,
    bracketed,
    cri,
    docker,
    structured,
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
