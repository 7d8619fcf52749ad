"""The report as a file: all in one, and nothing in it but text."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from statecrumbs import cli
from statecrumbs._reading import Recording, merged, render_page
from statecrumbs._reading._recording import from_dump

EVIL = "</script><!--<script>{{data}}\u2028\ud800<img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """The elements of a page, with what is in each script and style."""

    def __init__(self, html):
        super().__init__()
        self.tags = []
        self.texts = {}
        self._inside = None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = (tag, dict(attrs).get("type"))

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        if self._inside:
            self.texts[self._inside] = self.texts.get(self._inside, "") + data


def page_of(*crumbs, **ending):
    return Page(render_page(merged([Recording("box.crumbs", list(crumbs), ending)])))


def data_of(page):
    return json.loads(page.texts["script", "application/json"])


def test_nothing_in_the_page_points_elsewhere():
    page = page_of({"event": "x"})
    for tag, attributes in page.tags:
        assert "src" not in attributes
        assert attributes.get("href", "data:,") == "data:,"
        assert tag not in ("iframe", "object", "embed", "base", "form action")
    for text in page.texts.values():
        assert not re.search(r"https?://|url\(|@import|fetch\(|XMLHttpRequest|import\(", text)


def test_the_policy_allows_this_script_and_this_style_alone():
    page = page_of({"event": "x"})
    (policy,) = [
        attributes["content"]
        for _, attributes in page.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    hashes = {
        kind: b64encode(sha256(page.texts[kind, None].encode()).digest()).decode()
        for kind in ("script", "style")
    }
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes['style']}'; "
        f"script-src 'sha256-{hashes['script']}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def test_no_crumb_gets_out_of_its_place():
    crumb = {"event": EVIL, EVIL: EVIL, "context": {"a": EVIL}, "frame": {"name": EVIL}}
    failure = {"event": "unhandled_exception", "exception": {"type": EVIL, "message": EVIL}}
    page = page_of(crumb, failure)
    assert data_of(page)["crumbs"] == [crumb, failure]
    usual = page_of({"event": "x"}, {"event": "y", "exception": {"type": "E"}})
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in usual.tags]


def test_the_title_says_what_happened():
    failure = {"event": "e", "exception": {"type": "KeyError", "message": "'<x>'\nmore"}}
    assert page_of(failure).texts["title", None] == "KeyError: '<x>'"
    assert page_of(ending="gone").texts["title", None] == "Ended without its exit hooks"
    assert page_of().texts["title", None] == "What happened so far"
    frame = {"flow": "orders", "name": "charge", "correlation_id": "8f14e45f" * 4}
    of_a_step = page_of({**failure, "frame": frame}).texts["title", None]
    assert of_a_step == "KeyError: '<x>' · orders:charge · 8f14e45f"


def test_the_title_and_the_page_are_about_the_same_failure():
    """An exception counts before a report, and the last one by the clocks that were set."""

    def one(pid, second, event, **more):
        process = {"pid": pid, "parent_pid": 1, "argv": ["x"], "python": "3", "host": f"h{pid}"}
        frame = {"kind": "task", "name": f"t{pid}", "correlation_id": "8f14e45f" * 4}
        ts = f"2026-01-05T10:23:{second:02}.000000+00:00"
        return {"event": event, "ts": ts, "frame": frame, "process": process, **more}

    dumps = [
        [one(1, 10, "unhandled_exception", exception={"type": "E1", "message": "m"})],
        [one(2, 11, "unhandled_exception", exception={"type": "E2", "message": "m"})],
        [one(3, 12, "reported", message="slow")],
    ]
    page = Page(render_page(merged([from_dump(str(at), dump) for at, dump in enumerate(dumps)])))
    assert page.texts["title", None].startswith("E2: m · task t2")
    data = data_of(page)
    assert data["crumbs"][data["failing"]]["exception"]["type"] == "E2"
    assert data["headline"] == "E2: m"


def test_numbers_that_javascript_would_round_are_text():
    page = page_of({"event": "x", "context": {"a": 2**53 + 1, "b": 2**53, "c": float("nan")}})
    assert data_of(page)["crumbs"][0]["context"] == {
        "a": "9007199254740993",
        "b": 9007199254740992,
        "c": "nan",
    }


def test_the_page_is_written_whole_and_for_its_owner_only(tmp_path, capsys):
    dump = tmp_path / "dump.json"
    dump.write_text('[{"event": "x"}]')
    out = tmp_path / "out.html"
    assert cli.main(["report", str(dump), "-o", str(out)]) == 0
    assert capsys.readouterr().out == f"Wrote {out}\n"
    assert out.stat().st_mode & 0o077 == 0
    assert cli.main(["report", str(dump), "-o", "-"]) == 0
    assert capsys.readouterr().out.strip() == out.read_text(encoding="utf-8").strip()
    assert cli.main(["report", str(dump), "-o", str(tmp_path / "missing" / "x.html")]) == 1
    assert "Cannot write" in capsys.readouterr().err


@pytest.mark.parametrize("odd", [None, 5, "x", [], [1], {"a": [{}]}])
def test_records_of_any_shape_make_a_page(odd):
    fields = ("ts", "thread", "context", "frame", "exception", "dropped", "process", "x")
    crumbs = [{"event": "x", field: odd} for field in fields]
    assert data_of(page_of(*crumbs, process=odd, dropped=odd))["crumbs"] == crumbs
