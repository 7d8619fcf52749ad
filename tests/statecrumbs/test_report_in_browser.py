"""The report in headless Chromium, driven by its keyboard."""

from __future__ import annotations

import itertools
import os
import shutil
from datetime import datetime, timedelta, timezone

import pytest

from statecrumbs._reading import Recording, merged, render_page

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

    def __init__(self, context, html, path, address=""):
        path.write_text(html, encoding="utf-8")
        self.said = []
        self.requests = []
        self.page = context.new_page()
        self.page.set_default_timeout(5_000)
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri() + address)
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
        """The event of the selected crumb, or the name of the selected operation."""
        row = self.page.locator("[role=treeitem][aria-selected=true]")
        return row.locator(".event, .name").inner_text()

    @property
    def details(self):
        """The details of the crumb that is open."""
        return self.text(".details")

    @property
    def count(self):
        return self.text("#count")

    @property
    def focused(self):
        return self.page.evaluate("document.activeElement.id")


@pytest.fixture
def show(browser, tmp_path):
    contexts = []

    def show(recording, tamper=str, address="", **options):
        options = {"viewport": {"width": 1280, "height": 800}, "timezone_id": "UTC", **options}
        context = browser.new_context(**options)
        contexts.append(context)
        recordings = recording if isinstance(recording, list) else [recording]
        html = tamper(render_page(merged(recordings)))
        return Report(context, html, tmp_path / "report.html", address)

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
    where = report.text("#where")
    for part in ("step charge", "flow checkout", "a" * 32, "Copy"):
        assert part in where
    facts = report.text("#facts")
    for fact in ("python -m shop", "pid 14256", "web-7", "Python 3.13.0", "6 crumbs", "12 dropped"):
        assert fact in facts
    first, received, requested, failed, crash, *_ = report.rows
    assert first.split() == ["▾", "checkout:receive", "#aaaaaaaa", "Worker-1", "4"]
    assert received.split()[:3] == [MINUS + "3.000", "s", "order_received"]
    assert requested.split()[:4] == [MINUS + "2.000", "s", "charge_requested", "order=4711"]
    assert failed.split() == [MINUS + "0.010", "s", "charge_failed", "status='503'"]
    assert crash.split()[:4] == ["0.000", "s", "✕", "unhandled_exception"]
    assert report.selected == crash
    # Then the others, the latest first, folded.
    groups = [row.split()[:2] for row in report.rows if row[0] in "▾▸"]
    assert groups == [["▾", "checkout:receive"], ["▸", "checkout:receive"], ["▸", "outside"]]


def test_the_time_is_that_of_the_reader_and_that_of_the_dump(show):
    report = show(CRASH, timezone_id="Asia/Tokyo", locale="en-GB")
    assert "22 Nov 2026, 12:12:03.000" in report.text("#when")
    assert "2026-11-22T03:12:03.000000+00:00" in report.text("#when")


def test_the_id_is_copied(show):
    report = show(CRASH, permissions=["clipboard-read", "clipboard-write"])
    report.page.locator(".copy").click()
    report.page.wait_for_function("document.querySelector('.copy').textContent !== 'Copy'")
    assert report.text(".copy") in ("Copied", "Selected")


def test_the_exception_stands_beside_the_trail_with_what_caused_it(show):
    shown = show(CRASH).text("#failure")
    order = [
        "shop.PaymentRefused",
        "the bank refused order 4711",
        "order 4711",
        "Bank.charge",
        "/srv/shop/bank.py:57",
        "handle",
        "/srv/shop/app.py:88",
        "Caused by",
        "ConnectionResetError",
        "/usr/lib/socket.py:719",
        "Caused by",
        "the root of it",
    ]
    position = 0
    for part in order:
        assert part in shown[position:], part
        position = shown.index(part, position) + len(part)


def test_the_programs_own_call_is_open_with_its_source_and_variables(show, tmp_path):
    own = tmp_path / "shop.py"
    own.write_text("def charge(order):\n    # before\n    raise LookupError(order)\n")
    library = "/usr/lib/python3.12/site-packages/django/core/base.py"
    calls = [
        {"file": library, "line": 1, "function": "inner"},
        {"file": str(own), "line": 1, "function": "outer", "locals": {"order": "4711"}},
        {"file": str(own), "line": 3, "function": "charge", "locals": {"secret": "[redacted]"}},
        {"file": library, "line": 2, "function": "execute"},
        {"file": library, "line": 3, "function": "more"},
    ]
    failure = {**FAILURE, "exception": {"type": "E", "message": "m", "traceback": calls}}
    report = show(Recording("dump", [failure], ENDING))
    calls = report.page.locator("#failure .traceback > .call")
    assert [text.split("\n")[0] for text in calls.all_inner_texts()] == [
        "2 calls in django",
        f"charge {own}:3",
        f"outer {own}:1",
        "1 call in django",
    ]
    is_open = calls.evaluate_all("each => each.map(one => one.open)")
    assert is_open == [False, True, False, False]
    assert report.text(".culprit >> nth=0").split() == ["3", "raise", "LookupError(order)"]
    assert "# before" in report.text(".source >> nth=0")
    assert "secret\n[redacted]" in report.text("#failure")
    assert "4711" not in report.text("#failure")


def test_the_other_threads_and_the_stacks_of_a_fault_are_there(show):
    call = {"file": "/srv/shop/poll.py", "line": 3, "function": "wait"}
    failure = {**FAILURE, "running": [{"thread": "Poller", "stack": [call]}, 5, {"task": "t"}]}
    ending = {**ENDING, "ending": "gone", "stacks": 'Fatal: Segmentation fault\n  File "x.py"'}
    report = show(Recording("dump", [failure], ending))
    report.press("Enter")
    assert "thread Poller" in report.details
    report.page.locator(".details summary", has_text="Poller").click()
    assert "wait /srv/shop/poll.py:3" in report.details.replace("\n", "")
    assert not report.page.locator("#about p", has_text="Segmentation fault").is_visible()
    report.page.locator("#facts").click()
    assert report.page.locator("#about p", has_text="Segmentation fault").is_visible()


def test_the_members_of_a_group_are_shown(show):
    members = [{"type": "KeyError", "message": "a"}, {"type": "OSError", "message": "b"}]
    exception = {"type": "ExceptionGroup", "message": "two", "exceptions": members}
    shown = show(Recording("x", [{**FAILURE, "exception": exception}], {})).text("#failure")
    assert shown.index("Member 1 of 2") < shown.index("KeyError") < shown.index("Member 2 of 2")


def test_the_keyboard_moves_through_the_crumbs(show):
    report = show(CRASH)
    report.press("k")
    assert report.title == "charge_failed"
    report.press("ArrowUp")
    assert report.title == "charge_requested"
    report.press("j", "ArrowDown")
    assert report.title == "unhandled_exception"
    report.press("End", "Enter", "End")
    assert report.title == "poll"
    report.press("Enter")
    assert "'orders'" in report.details
    report.press("Home")
    assert report.title == "checkout:receive"
    report.press("Escape")
    assert report.title == "unhandled_exception"


def test_a_crumb_opens_where_it_is_and_closes(show):
    report = show(CRASH)
    report.press("k", "Enter")
    assert report.title == "charge_failed"
    assert "'503'" in report.details
    assert "req-a" in report.details
    row = report.page.locator("[aria-selected=true]").bounding_box()
    details = report.page.locator(".details").bounding_box()
    after = report.page.locator(".row.failing.crumb").bounding_box()
    assert row["y"] + row["height"] == details["y"]
    assert abs(details["y"] + details["height"] - after["y"]) <= 1
    report.press("Enter")
    assert report.page.locator(".details").count() == 0
    report.page.locator(".row.crumb").first.click()
    assert report.title == "order_received"
    assert report.page.locator(".details").count() == 1
    report.press("ArrowLeft")
    assert report.page.locator(".details").count() == 0


def test_each_crumb_has_a_link_that_opens_it(show):
    report = show(CRASH)
    report.press("k", "Enter")
    link = report.page.locator(".details .link").get_attribute("href")
    assert report.page.url.endswith(link)
    again = show(CRASH, address=link)
    assert again.title == "charge_failed"
    assert "'503'" in again.details
    folded = show(CRASH, address="#c2")  # of an operation that is folded
    assert folded.title == "other_order"
    assert show(CRASH, address="#c99").title == "unhandled_exception"


def test_groups_open_and_close(show):
    report = show(CRASH)
    report.press("ArrowLeft")  # to the group of the crumb
    assert report.selected.split()[1] == "checkout:receive"
    report.press("ArrowLeft")
    assert len(report.rows) == 3
    report.press("j")
    assert report.selected.split()[2] == "#bbbbbbbb"
    report.press("k", "ArrowRight")
    assert len(report.rows) == 7
    report.press("Enter")
    assert len(report.rows) == 3
    report.page.locator("[role=treeitem]").first.click()
    assert len(report.rows) == 7


def test_levels_have_a_colour_and_a_sign(show):
    levels = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "odd"]
    crumbs = [crumb(level, at, "a", level=repr(level)) for at, level in enumerate(levels)]
    report = show(Recording("x", crumbs, {}))
    assert report.page.locator(".sign").all_inner_texts() == ["·", "", "▲", "✕", "✕", ""]
    colours = report.page.locator(".event").evaluate_all(
        "events => events.map(each => getComputedStyle(each).color)"
    )
    assert len(set(colours)) == 4
    red = [int(part) for part in colours[3][4:-1].split(",")]
    assert red[0] > 2 * red[2]  # also on a page that is about no failure
    assert report.rows[1].split()[-1] == "DEBUG"  # and no level='DEBUG' again
    assert report.rows[-1].endswith("level='odd'")


def test_a_folded_operation_with_an_error_has_its_sign(show):
    other = crumb("late", 100, "t", "receive", "b", level="'ERROR'")
    fine = crumb("fine", 200, "t", "receive", "c")
    report = show(Recording("x", [other, fine, FAILURE], {}))
    signs = [row.split()[3] for row in report.rows if row[0] == "▸"]
    assert signs == ["t", "✕"]


def test_a_value_that_only_repeats_the_scope_is_left_out_of_the_row(show):
    scope = {"order": 4711, "user": "bob", "vip": True, "none": None}
    data = {"order": "4711", "user": "'bob'", "vip": "True", "none": "None", "amount": "3"}
    other = {**data, "order": "4712"}
    crumbs = [
        {"event": name, "context": scope, **each} for name, each in [("a", data), ("b", other)]
    ]
    report = show(Recording("x", crumbs, {}))
    assert report.page.locator(".data").all_inner_texts() == ["amount=3", "order=4712 amount=3"]


def test_threads_with_long_names_stay_distinct(show):
    names = [f"ThreadPoolExecutor-for-the-stock-service-of-the-shop_{n}" for n in (1, 2)]
    crumbs = [crumb("tick", at, name) for at, name in enumerate(names)]
    report = show(Recording("x", crumbs, {}))
    places = report.page.locator(".place").all_inner_texts()
    assert [place[-2:] for place in places] == ["_1", "_2"]
    assert all(place.startswith("Thread") for place in places)
    of_operations = [
        crumb("tick", at, name, "charge_the_card_of_the_customer_again_and_again", operation)
        for at, (name, operation) in enumerate(zip(names, "ab", strict=True))
    ]
    report = show(Recording("x", of_operations, {}))
    places = sorted(report.page.locator(".where").all_inner_texts())
    assert [place[-2:] for place in places] == ["_1", "_2"]


def test_data_with_a_name_of_the_last_record_is_data(show):
    names = ("exception", "dropped", "process", "in_flight", "running", "signal")
    report = show(Recording("x", [crumb("told", 0, "t", **dict.fromkeys(names, "'later'"))], {}))
    assert all(f"{name}='later'" in report.rows[-1] for name in names)


def test_several_processes_have_their_lanes_and_their_messages(show):
    def recording(pid, *crumbs):
        process = {"pid": pid, "argv": [f"app-{pid}"], "host": "h"}
        return Recording(f"{pid}.json", list(crumbs), {"process": process})

    def sent(made):
        return {**made, "frame": {**made["frame"], "origin": "1@h"}}

    asked, queued = crumb("asked", 0, "t", "receive"), crumb("queued", 1000, "t", "receive")
    web = recording(1, asked, queued, crumb("answered", 2000, "t", "receive"))
    worker = recording(2, sent(asked), sent(queued), crumb("stored", 2500, "t", "charge"), FAILURE)
    report = show([web, worker])
    assert report.page.evaluate("document.querySelectorAll('.row.crumb').length") == 5
    assert report.rows[0].split()[:2] == ["▾", "checkout:receive"]
    assert "app-1 1, app-2 2" in report.rows[0]
    places = [place for place in report.page.locator(".place").all_inner_texts() if place]
    assert places == ["app-1 1 checkout:receive", "app-2 2 checkout:charge"]
    assert "2 files" in report.text("#facts")
    assert "Exception in app-2 2" in report.text("#failure")
    box = report.page.locator("canvas").bounding_box()
    right = box["width"] - 12
    for lane, at, event in ((0, 1000, "queued"), (1, 2500, "stored")):
        x = 190 + (right - 190) * at / 3000
        report.page.mouse.move(box["x"] + x, box["y"] + lane * 22 + 11)
        assert event in report.text("#hint")


def test_a_filter_gives_the_time_line_the_scale_of_what_is_left(show):
    report = show(CRASH)
    box = report.page.locator("canvas").bounding_box()
    report.page.locator("#frame").select_option("=checkout:charge")
    report.page.evaluate(DRAWN)
    report.page.mouse.move(box["x"] + 190, box["y"] + 11)  # from 1000 to 3000 ms
    assert "charge_requested" in report.text("#hint")


def test_the_printed_page_has_every_crumb_and_nothing_to_press(show):
    crumbs = [crumb(f"event_{n}", n, "t", "step", "abc"[n % 3], n=str(n)) for n in range(300)]
    report = show(Recording("x", [*crumbs, FAILURE], {}))
    report.press("/")
    report.page.keyboard.type("event_7")
    report.page.emulate_media(media="print")
    report.page.evaluate(DRAWN)
    assert report.page.locator(".row.crumb").count() == 301
    for control in ("button:visible", "input:visible", "select:visible", "dialog:visible"):
        assert report.page.locator(control).count() == 0
    boxes = report.page.locator(".row").evaluate_all(
        "rows => rows.map(row => row.getBoundingClientRect()).map(box => [box.top, box.bottom])"
    )
    assert all(upper[1] <= lower[0] + 1 for upper, lower in itertools.pairwise(boxes))
    report.page.emulate_media(media="screen")
    report.page.evaluate(DRAWN)
    assert report.page.locator(".row.crumb").count() < 60
    assert report.count == "11 of 301"


def test_on_paper_long_words_stay_in_their_column_and_nothing_is_cut(show):
    long = "checkout_of_" + "a_very_" * 20 + "long_flow"
    crumbs = [
        crumb("e" * 90, 0, "Thread-" + "t" * 90, long, "a", text="word " * 200),
        crumb("short", 1, "u", long, "b", text="y" * 900),
    ]
    report = show(Recording("x", [*crumbs, FAILURE], {}))
    report.page.emulate_media(media="print")
    report.page.set_viewport_size({"width": 720, "height": 1000})
    cells = report.page.locator(".row.crumb").evaluate_all(
        "rows => rows.flatMap(row => [...row.children])"
        ".map(cell => [cell.scrollWidth, cell.clientWidth])"
    )
    assert all(content <= room for content, room in cells if room)
    data = report.page.locator(".row.crumb .data").all_text_contents()
    assert [text.count("word ") for text in data if "word" in text] == [200]
    assert any("y" * 900 in text for text in data)


def test_paper_is_light_and_its_time_line_has_every_crumb(show):
    drawn = """() => {
      const canvas = document.querySelector("canvas");
      const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.join();
    }"""
    paper = "getComputedStyle(document.body).backgroundColor"
    as_light = show(CRASH, color_scheme="light")
    report = show(CRASH, color_scheme="dark")
    for page in (as_light, report):
        page.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert report.page.evaluate(drawn) == as_light.page.evaluate(drawn)
    assert report.page.evaluate(paper) == as_light.page.evaluate(paper)
    report.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert report.page.evaluate(paper) != as_light.page.evaluate(paper)
    as_light.page.evaluate("dispatchEvent(new Event('afterprint'))")
    as_light.press("/")
    as_light.page.keyboard.type("charge_requested")
    as_light.page.evaluate(DRAWN)
    filtered = as_light.page.evaluate(drawn)
    as_light.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert as_light.page.evaluate(drawn) != filtered


def test_the_theme_can_be_changed(show):
    report = show(CRASH, color_scheme="light")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = report.page.evaluate(paper)
    report.page.locator("#theme").click()
    dark = report.page.evaluate(paper)
    report.page.locator("#theme").click()
    assert dark != light == report.page.evaluate(paper)


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


def test_time_order_mixes_the_operations(show):
    report = show(CRASH)
    report.press("t")
    assert report.page.locator(".event").all_inner_texts() == [
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
    left = 190
    right = box["width"] - 12
    x = left + (right - left) * 500 / 3000
    y = 22 + 11  # the failing operation, the other one, the thread without any
    report.page.mouse.move(box["x"] + x, box["y"] + y)
    assert report.text("#hint").startswith(MINUS + "2.500 s · other_order")
    report.page.mouse.click(box["x"] + x, box["y"] + y)
    assert report.title == "other_order"
    assert report.focused == "list"


def test_the_time_line_comes_closer_to_the_last_moments(show):
    report = show(CRASH)
    box = report.page.locator("canvas").bounding_box()
    left, right, lane = 190, box["width"] - 12, box["y"] + 11

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
    seen = set()
    for _ in range(14):
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_the_page_scrolls_and_a_tapped_crumb_opens_where_it_is(show, scheme):
    size = {"width": 390, "height": 844}
    report = show(CRASH, viewport=size, has_touch=True, color_scheme=scheme)
    assert report.page.evaluate("document.documentElement.scrollWidth") <= 390
    exception = report.page.locator("#failure").bounding_box()
    trail = report.page.locator("#list").bounding_box()
    assert exception["y"] + exception["height"] <= trail["y"]
    row = report.page.locator(".row.crumb", has_text="charge_failed")
    row.scroll_into_view_if_needed()
    row.tap()
    report.page.evaluate(DRAWN)
    top, details = row.bounding_box(), report.page.locator(".details").bounding_box()
    assert top["y"] + top["height"] == details["y"]
    assert 0 <= top["y"] < 844
    assert "'503'" in report.details
    assert report.page.evaluate("document.documentElement.scrollWidth") <= 390


def many(number):
    """Return the recording of a failed operation with `number` crumbs."""
    crumbs = [crumb("charge_requested", each, "Worker-1", "charge") for each in range(number)]
    return Recording("/var/crumbs/dump.json", [*crumbs, FAILURE], ENDING)


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1280, 800)], ids=str)
def test_the_last_of_many_crumbs_is_to_be_seen_at_once(show, width, height):
    report = show(many(300), viewport={"width": width, "height": height})
    row = report.page.locator("[role=treeitem][aria-selected=true]").bounding_box()
    box = report.page.locator("#list").bounding_box()
    assert box["y"] <= row["y"]
    assert row["y"] + row["height"] <= box["y"] + box["height"] + 1  # parts of a pixel


@pytest.mark.parametrize(("number", "width", "height"), [(10_000, 1440, 900), (300, 1280, 800)])
def test_the_trail_stands_above_the_last_of_many_crumbs(show, number, width, height):
    report = show(many(number), viewport={"width": width, "height": height})
    row = report.page.locator("[role=treeitem][aria-selected=true]").bounding_box()
    box = report.page.locator("#list").bounding_box()
    above = report.page.locator("[role=treeitem]").evaluate_all(
        """(rows, top) => rows.filter(row => row.getBoundingClientRect().top >= top).length""",
        box["y"] - 1,
    )
    room = (box["y"] + box["height"] - row["y"]) / row["height"]
    assert room < 3, room  # at the end of the list, not at its top
    assert above >= 10


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1024, 500)], ids=str)
def test_a_page_that_scrolls_begins_at_its_top_and_a_linked_crumb_is_in_view(show, width, height):
    size = {"width": width, "height": height}
    report = show(many(300), viewport=size, has_touch=True)
    assert report.page.evaluate("scrollY") == 0
    assert report.page.locator("#headline").bounding_box()["y"] >= 0
    linked = show(many(300), viewport=size, has_touch=True, address="#c200")
    top = linked.page.locator("[role=treeitem][aria-selected=true]").bounding_box()
    assert 0 <= top["y"] < height


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
    report.press("Enter")
    assert "9998" in report.details
    report.press("Home")
    assert "number=0" in report.selected
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
    report.press("Escape", "End", "Enter")
    assert report.title.endswith("onerror=window.pwned=1>\\u{202e}\\x1b[31m")
    assert report.page.evaluate("window.pwned") is None


def test_a_process_without_a_word_shows_what_it_did_last(show):
    process = FAILURE["process"]
    report = show(Recording("box", CRUMBS[:-1], {"ending": "gone", "process": process, "torn": 2}))
    assert report.text("h1") == "Ended without its exit hooks"
    assert report.text("#died").startswith("The process ended without its exit hooks")
    assert "last seen: charge_failed" in report.text("#where")
    assert "2 torn" in report.text("#facts")
    assert report.title == "charge_failed"
    assert report.rows[0].split()[1] == "checkout:receive"
    assert not report.page.locator("#failure").is_visible()
    report.press("f")
    assert report.count == "3 of 5"


def test_nothing_recorded_is_said(show):
    report = show(Recording("box", [], {"ending": "ended"}))
    assert report.text("h1") == "Ended by itself"
    assert report.text("#where") == "nothing was recorded"
    report.press("j", "k", "Enter", "Home", "End", "t", "f", "Escape", "Escape", "ArrowLeft")
    assert report.said == []
