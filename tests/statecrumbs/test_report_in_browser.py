"""The report in headless Chromium, driven by its keyboard."""

from __future__ import annotations

import os
import shutil
from datetime import datetime, timedelta, timezone

import pytest

from statecrumbs._reading import Recording
from statecrumbs._reading import render_page as render

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MINUS = "\N{MINUS SIGN}"
EVIL = "</script><script>window.pwned=1</script><img src=x onerror=window.pwned=1>\u202e\x1b[31m"


def missing(what):
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and .ci/run promises this test")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="module")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("the Python package playwright")
    if CHROMIUM is None:
        missing("the program chromium")
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[*FLAGS, *(["--no-sandbox"] if is_root else [])],
        )
        yield browser
        browser.close()


# The time line is drawn with the next frame, and what is to be found on it is known from then on.
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


class Report:
    """A report that is shown in a browser, and what a user sees of it."""

    def __init__(self, context, html, path):
        path.write_text(html, encoding="utf-8")
        self.said = []
        self.requests = []
        self.page = context.new_page()
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.page.evaluate(DRAWN)

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def text(self, selector):
        return self.page.locator(selector).inner_text()

    @property
    def rows(self):
        """The rows that are in the document, by their first words."""
        return self.page.locator("[role=treeitem]").all_inner_texts()

    @property
    def selected(self):
        return self.page.locator("[role=treeitem][aria-selected=true]").inner_text()

    @property
    def title(self):
        """The heading of the details."""
        return self.text("#inspector h2")

    @property
    def count(self):
        return self.text("#count")

    @property
    def focused(self):
        return self.page.evaluate("document.activeElement.id")


@pytest.fixture
def show(browser, tmp_path):
    contexts = []

    def show(recording, tamper=str, **options):
        context = browser.new_context(viewport={"width": 1280, "height": 800}, **options)
        contexts.append(context)
        return Report(context, tamper(render(recording)), tmp_path / "report.html")

    yield show
    for context in contexts:
        context.close()


BEGIN = datetime(2026, 11, 22, 3, 12, tzinfo=timezone.utc)


def crumb(event, milliseconds, thread, step=None, operation="a", **data):
    moment = BEGIN + timedelta(milliseconds=milliseconds)
    made = {"event": event, "ts": moment.isoformat(timespec="microseconds"), "thread": thread}
    if step:
        made["context"] = {"request_id": f"req-{operation}"}
        made["frame"] = {
            "kind": "step",
            "name": step,
            "flow": "checkout",
            "correlation_id": operation * 32,
        }
    return {**made, **data}


FAILURE = {
    **crumb("unhandled_exception", 3000, "Worker-1", "charge"),
    "exception": {
        "type": "shop.PaymentRefused",
        "message": "the bank refused order 4711",
        "notes": ["order 4711"],
        "traceback": [
            {"file": "/srv/shop/app.py", "line": 88, "function": "handle"},
            {"file": "/srv/shop/bank.py", "line": 57, "function": "Bank.charge"},
        ],
        "cause": {
            "type": "ConnectionResetError",
            "message": "reset by peer",
            "traceback": [{"file": "/usr/lib/socket.py", "line": 719, "function": "readinto"}],
            "cause": {"type": "OSError", "message": "the root of it", "traceback": []},
        },
    },
    "dropped": 12,
    "process": {
        "pid": 14256,
        "parent_pid": 14177,
        "argv": ["python", "-m", "shop"],
        "python": "3.13.0",
        "host": "web-7",
    },
}
CRUMBS = [
    crumb("order_received", 0, "Worker-1", "receive"),
    crumb("poll", 10, "Poller", queue="'orders'"),
    crumb("other_order", 500, "Worker-2", "receive", "b", order="4712"),
    crumb("charge_requested", 1000, "Worker-1", "charge", order="4711"),
    crumb("charge_failed", 2990, "Worker-1", "charge", status="'503'"),
    FAILURE,
]
ENDING = {key: FAILURE[key] for key in ("dropped", "process")}
CRASH = Recording("/var/crumbs/dump.json", CRUMBS, ENDING)


def test_the_page_asks_for_nothing_and_complains_of_nothing(show):
    report = show(CRASH)
    report.press("t", "f", "f", "t", "?", "Escape", "/", "x", "Escape", "Escape")
    assert report.requests == [report.page.url]
    assert report.said == []


def test_a_script_that_somebody_adds_does_not_run(show):
    added = "<script>window.pwned = 1</script></body>"
    report = show(CRASH, tamper=lambda html: html.replace("</body>", added))
    assert report.page.evaluate("window.pwned") is None
    assert any("Content Security Policy" in said for said in report.said)


def test_the_failure_comes_first(show):
    report = show(CRASH)
    assert report.text("h1") == "shop.PaymentRefused: the bank refused order 4711"
    assert "checkout:charge" in report.text("#where")
    assert "a" * 32 in report.text("#where")
    facts = report.text("#facts")
    for fact in ("python -m shop", "pid 14256", "web-7", "Python 3.13.0", "6 crumbs", "12 dropped"):
        assert fact in facts
    first, requested, failed, crash, *_ = report.rows
    assert first.split() == ["▾", "checkout:charge", "#aaaaaaaa", "Worker-1", "3"]
    assert requested.split() == [MINUS + "2.000", "s", "charge_requested", "order=4711"]
    assert failed.split() == [MINUS + "0.010", "s", "charge_failed", "status='503'"]
    assert crash.split()[:3] == ["0.000", "s", "unhandled_exception"]
    assert report.selected == crash
    # Then the same operation, then the others, the latest first.
    groups = [row.split()[1] for row in report.rows if row[0] == "▾"]
    assert groups == ["checkout:charge", "checkout:receive", "checkout:receive", "outside"]


def test_the_details_show_the_exception_and_what_caused_it(show):
    details = show(CRASH).text("#inspector")
    order = [
        "unhandled_exception",
        "shop.PaymentRefused",
        "the bank refused order 4711",
        "order 4711",
        "handle",
        "/srv/shop/app.py:88",
        "Bank.charge",
        "/srv/shop/bank.py:57",
        "Caused by",
        "ConnectionResetError",
        "/usr/lib/socket.py:719",
        "Caused by",
        "the root of it",
        "req-a",
        "correlation_id",
    ]
    position = 0
    for part in order:
        assert part in details[position:], part
        position = details.index(part, position) + len(part)


def test_the_keyboard_moves_through_the_crumbs(show):
    report = show(CRASH)
    report.press("k")
    assert report.title == "charge_failed"
    report.press("ArrowUp")
    assert report.title == "charge_requested"
    report.press("j", "ArrowDown")
    assert report.title == "unhandled_exception"
    report.press("End")
    assert report.title == "poll"
    assert "'orders'" in report.text("#inspector")
    report.press("Home")
    assert report.title == "checkout:charge"
    assert "3 crumbs" in report.text("#inspector")
    report.press("Escape")
    assert report.title == "unhandled_exception"


def test_enter_goes_into_the_details_and_escape_back(show):
    report = show(CRASH)
    report.press("k", "Enter")
    assert report.focused == "inspector"
    assert report.title == "charge_failed"
    report.press("Escape")
    assert report.focused == "list"
    assert report.title == "charge_failed"


def test_groups_open_and_close(show):
    report = show(CRASH)
    report.press("ArrowLeft")  # to the group of the crumb
    assert report.selected.split()[1] == "checkout:charge"
    report.press("ArrowLeft")
    assert len(report.rows) == 7
    report.press("j")
    assert report.selected.split()[1] == "checkout:receive"
    report.press("k", "ArrowRight")
    assert len(report.rows) == 10
    report.press("Enter")
    assert len(report.rows) == 7
    report.page.locator("[role=treeitem]").first.click()
    assert len(report.rows) == 10


def test_search_filters_as_one_types_and_escape_takes_it_back(show):
    report = show(CRASH)
    report.press("/")
    assert report.focused == "search"
    report.page.keyboard.type("order 4711 charge_r")
    assert report.count == "1 of 6"
    assert report.page.locator("mark").all_inner_texts() == ["charge_r", "order", "4711"]
    assert report.title == "charge_requested"
    report.press("Enter")
    assert report.focused == "list"
    report.press("Escape")
    assert report.count == "6 crumbs"
    report.press("/")
    report.page.keyboard.type("nowhere")
    assert report.count == "0 of 6"
    assert report.page.locator("#empty").is_visible()
    report.press("Escape", "Escape")
    assert report.count == "6 crumbs"


def test_filters_by_thread_and_frame_and_operation(show):
    report = show(CRASH)
    report.page.locator("#thread").select_option("=Poller")
    assert report.count == "1 of 6"
    report.page.locator("#thread").select_option("")
    report.page.locator("#frame").select_option("=checkout:receive")
    assert report.count == "2 of 6"
    report.press("Escape", "Escape")
    assert report.count == "6 crumbs"
    report.press("f")
    assert report.count == "4 of 6"
    assert all("other_order" not in row for row in report.rows)
    report.press("f")
    assert report.count == "6 crumbs"


@pytest.mark.parametrize("span", [0.9, 900, 90_000_000])
def test_times_are_never_cut_short(show, span):
    crumbs = [crumb("first", 0, "Worker-1"), crumb("last", span, "Worker-1")]
    report = show(Recording("box", crumbs, {}))
    report.press("t")
    assert report.page.locator(".time").evaluate_all(
        "times => times.every(time => time.scrollWidth <= time.clientWidth)"
    )


def test_time_order_mixes_the_threads(show):
    report = show(CRASH)
    report.press("t")
    assert [row.split()[3] for row in report.rows] == [
        "order_received",
        "poll",
        "other_order",
        "charge_requested",
        "charge_failed",
        "unhandled_exception",
    ]
    assert report.title == "unhandled_exception"


def test_the_time_line_leads_to_a_crumb(show):
    report = show(CRASH)
    box = report.page.locator("canvas").bounding_box()
    lanes = ["Worker-1", "Poller", "Worker-2"]
    left = 150
    right = box["width"] - 12
    x = left + (right - left) * 500 / 3000
    y = lanes.index("Worker-2") * 22 + 11
    report.page.mouse.move(box["x"] + x, box["y"] + y)
    assert report.text("#hint").startswith(MINUS + "2.500 s · other_order")
    report.page.mouse.click(box["x"] + x, box["y"] + y)
    assert report.title == "other_order"
    assert report.focused == "list"


def test_the_time_line_comes_closer_to_the_last_moments(show):
    report = show(CRASH)
    box = report.page.locator("canvas").bounding_box()
    left, right, lane = 150, box["width"] - 12, box["y"] + 11

    def hint_at(x):
        report.page.mouse.move(box["x"] + x, box["y"] + 100)
        report.page.mouse.move(box["x"] + x, lane)
        hint = report.page.locator("#hint")
        return hint.inner_text() if hint.is_visible() else ""

    assert "unhandled_exception" in hint_at(right)
    report.press("+", "+", "+", "+", "=", "=")  # 3000 ms / 64, the failure at the right edge
    failed = right - (right - left) * 10 / (3000 / 64)
    assert hint_at(failed).startswith(MINUS + "0.010 s · charge_failed")
    assert "unhandled_exception" in hint_at(right)
    # The selected item scrolls into view.
    report.press("k", "k")
    assert report.title == "charge_requested"
    assert "charge_requested" in hint_at((left + right) / 2)
    report.press("-", "0")
    at_1000 = left + (right - left) / 3
    assert "charge_requested" in hint_at(at_1000)
    # The same with the mouse.
    report.page.mouse.move(box["x"] + at_1000 - 50, lane)
    report.page.mouse.down()
    report.page.mouse.move(box["x"] + at_1000 + 50, lane, steps=3)
    report.page.mouse.up()
    assert report.title == "charge_requested"
    assert hint_at(at_1000) == ""
    assert "charge_requested" in hint_at((left + right) / 2)
    report.page.mouse.dblclick(box["x"] + left + 200, lane)
    assert "charge_requested" in hint_at(at_1000)
    assert report.said == []


@pytest.mark.parametrize("span", [0, 0.001, 0.9, 70_000, 10_000_000, 1e9, 3e11])
def test_the_time_line_may_be_of_any_length(show, span):
    report = show(Recording("box", [crumb("first", 0, "a"), crumb("last", span, "a")], {}))
    report.press(*"+++++++-0", "k", *"++--", "j", "-")
    assert report.said == []


def test_help_opens_and_closes(show):
    report = show(CRASH)
    report.press("?")
    assert report.page.locator("#help").is_visible()
    report.press("j")
    assert report.title == "unhandled_exception"
    report.press("Escape")
    assert not report.page.locator("#help").is_visible()
    assert report.title == "unhandled_exception"


def test_what_has_the_focus_is_to_be_seen(show):
    report = show(CRASH)

    def outline(selector):
        style = "e => getComputedStyle(e).outlineStyle + ' ' + getComputedStyle(e).outlineWidth"
        return report.page.locator(selector).evaluate(style)

    report.press("j", "k")
    assert outline("[aria-selected=true]") == "solid 2px"
    report.press("Enter")
    assert outline("#inspector") == "solid 2px"
    assert outline("[aria-selected=true]").startswith("none")
    seen = set()
    for _ in range(8):
        report.press("Shift+Tab")
        if report.focused not in ("", "list"):
            assert outline(":focus") == "solid 2px"
            seen.add(report.focused)
    assert seen >= {"keys", "by-time", "focus", "frame", "thread", "search"}


def test_assistive_technology_is_told_the_same(show):
    report = show(CRASH)
    assert report.page.locator("#list").get_attribute("role") == "tree"
    active = report.page.locator("#list").get_attribute("aria-activedescendant")
    assert report.page.locator(f"#{active}").inner_text() == report.selected
    group = report.page.locator("[role=treeitem]").first
    assert group.get_attribute("aria-expanded") == "true"
    assert group.get_attribute("aria-level") == "1"
    for field in ("search", "thread", "frame", "focus", "by-time"):
        name = report.page.locator(f"#{field}").evaluate("e => e.labels[0].textContent.trim()")
        assert name


def test_light_and_dark_follow_the_system(show):
    def colours(scheme):
        page = show(CRASH, color_scheme=scheme).page
        return page.evaluate(
            "[getComputedStyle(document.body).backgroundColor,"
            " getComputedStyle(document.body).color]"
        )

    light_paper, light_ink = colours("light")
    dark_paper, dark_ink = colours("dark")
    brightness = {
        name: sum(int(part) for part in colour[4:-1].split(","))
        for name, colour in (
            ("light_paper", light_paper),
            ("light_ink", light_ink),
            ("dark_paper", dark_paper),
            ("dark_ink", dark_ink),
        )
    }
    assert brightness["light_paper"] - brightness["light_ink"] > 500
    assert brightness["dark_ink"] - brightness["dark_paper"] > 500


def test_a_phone_shows_the_list_above_the_details(show):
    report = show(CRASH)
    report.page.set_viewport_size({"width": 400, "height": 800})
    crumbs = report.page.locator("#list").bounding_box()
    details = report.page.locator("#inspector").bounding_box()
    assert crumbs["x"] == details["x"]
    assert crumbs["y"] + crumbs["height"] <= details["y"]
    assert report.page.evaluate("document.documentElement.scrollWidth") <= 400


def test_ten_thousand_crumbs_are_as_quick_as_ten(show):
    crumbs = [
        crumb(
            f"event_{number % 7}",
            number,
            f"Worker-{number % 12}",
            "step" if number % 3 else None,
            "abcdef"[number % 6],
            number=str(number),
            sql="'SELECT id, sku, amount FROM order_line WHERE order_id = %s'",
        )
        for number in range(9_999)
    ]
    report = show(Recording("big.json", [*crumbs, {**FAILURE, "ts": crumbs[-1]["ts"]}], {}))
    assert report.count == "10,000 crumbs"
    assert report.page.locator("*").count() < 600
    report.press("t", "End")
    assert report.title == "unhandled_exception"
    report.press("k")
    assert "9998" in report.selected
    report.press("Home")
    assert report.selected.split()[4] == "number=0"
    assert report.page.locator("[role=treeitem]").count() < 60
    took = report.page.evaluate(
        """() => {
          const search = document.getElementById("search");
          const began = performance.now();
          for (const text of ["n", "nu", "number", "number 77", ""]) {
            search.value = text;
            search.dispatchEvent(new Event("input"));
          }
          return performance.now() - began;
        }"""
    )
    assert took < 5_000  # milliseconds for five key presses; 300 on a quiet machine
    report.press("/")
    report.page.keyboard.type("number=7777")
    assert report.count == "1 of 10,000"
    assert report.said == []


def test_hostile_crumbs_are_only_text(show):
    odd = [EVIL, None, 5, {}, [], {EVIL: EVIL}, [[[]]], "__proto__", "x" * 5000]
    fields = ("ts", "thread", "context", "frame", EVIL, "__proto__", "dropped")
    crumbs = [
        {"event": EVIL, "frame": {"kind": EVIL, "name": EVIL, "correlation_id": EVIL}, field: value}
        for field in fields
        for value in odd
    ]
    exception = {
        "type": EVIL,
        "message": EVIL,
        "traceback": [{"file": EVIL, "line": EVIL, "function": EVIL}, None],
        "cause": {"type": None, "message": 5, "cause": "x", "exceptions": [None, {}]},
    }
    process = {"pid": EVIL, "argv": [EVIL, None], "host": [], "python": {}}
    failure = {"event": EVIL, "exception": exception}
    report = show(Recording(EVIL, [*crumbs, failure], {"process": process, "dropped": EVIL}))
    for _ in crumbs:
        report.press("j")
    report.press("t", "Home", "End", "/", "<")
    assert report.count == f"{len(crumbs) + 1} crumbs"
    assert report.page.evaluate("window.pwned") is None
    assert report.requests == [report.page.url]
    assert report.said == []
    assert report.title.endswith("onerror=window.pwned=1>\\u{202e}\\x1b[31m")


def test_a_process_without_a_word_shows_what_it_did_last(show):
    process = FAILURE["process"]
    report = show(Recording("box", CRUMBS[:-1], {"ending": "gone", "process": process, "torn": 2}))
    assert report.text("h1") == "Ended without its exit hooks"
    assert report.text("#died").startswith("The process ended without its exit hooks")
    assert "last seen: charge_failed" in report.text("#where")
    assert "2 torn" in report.text("#facts")
    assert report.title == "charge_failed"
    assert report.rows[0].split()[1] == "checkout:charge"
    report.press("f")
    assert report.count == "3 of 5"


def test_nothing_recorded_is_said(show):
    report = show(Recording("box", [], {"ending": "ended"}))
    assert report.text("h1") == "Ended by itself"
    assert report.text("#where") == "nothing was recorded"
    report.press("j", "k", "Enter", "Home", "End", "t", "f", "Escape", "Escape", "ArrowLeft")
    assert report.said == []
