"""HTML: one page that asks for nothing, is driven by keyboard, and runs nobody's names."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import random
import re
from html.parser import HTMLParser

import pytest

from penstock._graph import build
from penstock.formats import html, visible
from penstock.formats._layout import lay_out
from penstock.formats._layout._crossings import State
from tests.penstock.declared import SEED, graph_of, registry_of
from tests.penstock.formats.hostile import names

SHOP = {
    "checkout": {"place_order": (), "charge": ("place_order",), "confirm": ("charge",)},
    "billing": {"write_invoice": ("checkout:charge",), "send_invoice": ("write_invoice",)},
    "nightly": {"clean_up": ()},
}
DOCS = {"charge": {"doc": "Charges the card.\n\nNever twice.", "call_kind": "coroutine"}}


class Page(HTMLParser):
    """The contents of a page, read by a parser of HTML."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.content = {}
        self._inside = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._inside = (tag, dict(attrs).get("id"))
            self.content[self._inside] = ""

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self._inside = []

    def handle_data(self, data):
        if self._inside:
            self.content[self._inside] += data


def test_the_policy_allows_only_the_script_and_style_that_are_in_the_page():
    page = Page(html.render(graph_of(SHOP, **DOCS)))
    (policy,) = (
        each["content"]
        for tag, each in page.found
        if tag == "meta" and each.get("http-equiv") == "Content-Security-Policy"
    )
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert allowed.pop("default-src") == "'none'"
    for kind, key in (("script-src", ("script", None)), ("style-src", ("style", None))):
        digest = hashlib.sha256(page.content[key].encode()).digest()
        assert allowed.pop(kind) == f"'sha256-{base64.b64encode(digest).decode()}'"
    assert allowed == {"img-src": "data:", "base-uri": "'none'", "form-action": "'none'"}
    for _, attributes in page.found:
        assert not {"src", "style", "onclick", "onload"} & attributes.keys()
        assert not attributes.get("href", "").startswith("http")


def test_links_lead_where_the_caller_says():
    def first(**options):
        page = Page(html.render(graph_of(SEED, "bom_sync"), **options))
        return json.loads(page.content["script", "data"])["nodes"][0]

    assert (first()["where"], first()["href"]) == ("shop/flows.py:1", "shop/flows.py#L1")
    told = first(source="https://git.example/blob/main/{file}?a=1#L{line}")
    assert told["href"] == "https://git.example/blob/main/shop/flows.py?a=1#L1"
    odd = {"file": "/x/javascript:alert(1)//'\">.py", "module": "other"}
    page = Page(html.render(graph_of({"f": {"a": ()}}, "f", a=odd)))
    node = json.loads(page.content["script", "data"])["nodes"][0]
    assert re.fullmatch(r"[\w/%.()-]+#L1", node["href"])


def test_data_cannot_end_its_element():
    attack = "</script><script>alert(1)</script><!--<script>"
    drawn = html.render(graph_of({attack: {attack: ()}}, attack, **{attack: {"doc": attack}}))
    page = Page(drawn)
    assert len(page.content) == 3
    node = json.loads(page.content["script", "data"])["nodes"][0]
    assert (node["name"], node["flow"], node["doc"]) == (attack, attack, attack)
    assert "alert" not in "".join(tag for tag, _ in page.found)


def test_each_flow_has_a_view_with_what_it_is_linked_to():
    page = Page(html.render(graph_of(SHOP)))
    data = json.loads(page.content["script", "data"])
    overview = "Overview: each flow as a box"
    assert data["views"] == ["All flows", "nightly", "checkout", "billing", overview]
    views, flows = [], []
    for tag, attributes in page.found:
        if tag == "section":
            views.append(set())
        elif tag == "g" and attributes.get("data-node"):
            views[-1].add(data["nodes"][int(attributes["data-node"])]["name"])
        elif tag == "option":
            flows.append(attributes["value"])
    assert views[1] == {"clean_up"}
    assert views[2] == {"place_order", "charge", "confirm", "write_invoice"}
    assert views[3] == {"charge", "write_invoice", "send_invoice"}
    assert views[4] == {"nightly", "checkout", "billing"}
    assert flows == ["0", "1", "2", "3", "4"]


def test_the_views_of_a_page_share_their_effort(monkeypatch):
    """A view beside many others takes a fraction of the work that it takes alone."""
    looked_at = 0
    sides = State.sides

    def counted(state, vertex):
        nonlocal looked_at
        looked_at += 1
        return sides(state, vertex)

    def work(render):
        nonlocal looked_at
        looked_at = 0
        render()
        return looked_at

    pick = random.Random(1)
    flows, steps = [f"f{flow}" for flow in range(6)], [f"s{step}" for step in range(8)]
    graph = graph_of(
        {
            flow: {
                step: tuple(
                    f"{pick.choice((flow, *flows))}:{pick.choice(steps[:at])}"
                    for _ in range(2 * bool(at))
                )
                for at, step in enumerate(steps)
            }
            for flow in flows
        }
    )
    monkeypatch.setattr(State, "sides", counted)
    view = html._alone(graph, graph.groups[0])
    assert work(lambda: lay_out(view, others=1_000)) < work(lambda: lay_out(view)) / 3
    alone = work(lambda: html.render(graph))
    for module in ("_order", "_layered"):
        monkeypatch.setattr(f"penstock.formats._layout.{module}.MANY_OTHERS", 0)
    whole = work(lambda: lay_out(graph))
    assert work(lambda: html.render(graph)) - whole < (alone - whole) / 2


def test_one_flow_has_one_view_and_no_switcher():
    for name in ("nightly", "billing"):
        page = Page(html.render(graph_of(SHOP, name)))
        assert [tag for tag, _ in page.found].count("section") == 1
        assert "select" not in [tag for tag, _ in page.found]


_WINDOW = """(() => {
    const view = document.querySelector('.view:not([hidden])');
    const moved = new DOMMatrix(getComputedStyle(view.querySelector('svg')).transform);
    const size = [view.clientWidth / moved.a, view.clientHeight / moved.a];
    return [-moved.e / moved.a, -moved.f / moved.a, ...size];
})"""


def box_of(page, name):
    nodes = json.loads(page.locator("#data").text_content())["nodes"]
    index = [node["name"] for node in nodes].index(name)
    return page.locator(f".view:not([hidden]) .node[data-node='{index}']")


def shown(page):
    """Return the part of the drawing that is in the window: x, y, width, height."""
    return page.evaluate(f"{_WINDOW}()")


def test_a_step_is_found_by_keyboard_alone(visit):
    page = visit(graph_of(SHOP, **DOCS))
    page.keyboard.press("/")
    assert page.locator("#search").evaluate("each => each === document.activeElement")
    page.keyboard.type("INVOICE")
    assert page.locator("#results li .code").all_inner_texts() == ["write_invoice", "send_invoice"]
    page.keyboard.press("ArrowDown")
    assert page.locator("#results [aria-selected=true] .code").inner_text() == "send_invoice"
    assert page.locator("#search").get_attribute("aria-activedescendant") == "result-1"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator("#details h2").inner_text() == "write_invoice"
    assert page.locator("#results").is_hidden()
    focused = page.locator(".node:focus-visible")
    assert focused.locator("title").text_content().startswith("write_invoice")
    assert focused.locator(".box").first.evaluate("e => getComputedStyle(e).strokeWidth") == "4px"

    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator("#details h2").inner_text() == "send_invoice"
    page.keyboard.press("Escape")
    assert page.locator("#details h2").inner_text() == "Steps"
    page.keyboard.press("/")
    page.keyboard.press("Control+a")
    page.keyboard.type("nothing like it")
    assert page.locator("#results").inner_text() == "No step found"


def test_a_step_that_is_found_is_brought_into_the_window(visit):
    chain = {f"step_{n}": (f"step_{n - 1}",) if n else () for n in range(60)}
    page = visit(graph_of({"f": chain}, "f"))
    for name in ("step_59", "step_7"):
        page.keyboard.press("/")
        page.keyboard.press("Control+a")
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        box = box_of(page, name).bounding_box()
        window = page.locator(".view:not([hidden])").bounding_box()
        assert window["y"] <= box["y"]
        assert box["y"] + box["height"] <= window["y"] + window["height"]
        assert box["height"] > 20


def test_the_details_of_a_step_lead_to_its_neighbours(visit):
    page = visit(graph_of(SHOP, **DOCS))
    box_of(page, "charge").click()
    details = page.locator("#details")
    assert details.locator(".facts").first.inner_text() == "Async step"
    assert details.locator(".doc").inner_text() == "Charges the card.\n\nNever twice."
    assert details.locator("a").inner_text() == "shop/flows.py:2"
    assert details.locator("a").get_attribute("href") == "shop/flows.py#L2"
    assert details.locator("li").all_inner_texts() == ["place_order", "confirm", "write_invoice"]
    view = page.locator(".view:not([hidden])")
    assert view.locator(".line.related").count() == 3
    assert page.evaluate("decodeURIComponent(location.hash)") == "#checkout:charge"
    details.get_by_role("button", name="write_invoice").click()
    assert details.locator("h2").inner_text() == "write_invoice"
    assert view.locator(".node.selected title").text_content().startswith("write_invoice")
    page.locator("header h1").click()
    view.click(position={"x": 3, "y": 3})
    assert view.locator(".selected, .related").count() == 0


def test_a_link_to_a_step_opens_the_page_there(visit):
    page = visit(graph_of(SHOP))
    page.evaluate("location.hash = '#' + encodeURIComponent('billing:send_invoice')")
    page.wait_for_function("document.querySelector('#details h2').textContent == 'send_invoice'")


def test_all_flows_can_be_switched_through(visit):
    page = visit(graph_of(SHOP))
    assert page.locator(".view:not([hidden])").get_attribute("aria-label") == "All flows"
    page.locator("#flows").select_option("3")
    assert page.locator(".view:not([hidden])").get_attribute("aria-label") == "billing"
    page.locator("header h1").click()
    page.keyboard.press("[")
    assert page.locator(".view:not([hidden])").get_attribute("aria-label") == "checkout"
    assert page.locator("#flows").input_value() == "2"
    # The flow's own view shows the steps that this view lacks.
    page.keyboard.press("/")
    page.keyboard.type("clean_up")
    page.keyboard.press("Enter")
    assert page.locator(".view:not([hidden])").get_attribute("aria-label") == "nightly"
    # A flow that has not the chosen step is not dimmed for it.
    dimmed = page.locator("svg.focused").evaluate_all("all => all.map(e => e.parentNode.ariaLabel)")
    assert dimmed == ["All flows", "nightly"]


_TEXTS = """[...document.querySelectorAll('.view:not([hidden]) svg text')].map(e => {
    const outer = e.closest('.node, .frame')?.querySelector('rect') ?? e.ownerSVGElement;
    const [text, room] = [e, outer].map(each => each.getBoundingClientRect());
    return [text.left - room.left, room.right - text.right, e.textContent];
})"""


def test_no_text_reaches_out_of_its_box_in_the_font_that_is_here(visit):
    prose = "Reads what came from the warehouse, and hands it over to whoever wants to know of it."
    service = "com.example.WarehouseManagementService.synchronise_with_all_the_others"
    flows = {
        "illimitable_little_wires": {"a": (), service: ("a",), "mmmmm_wwwww_MMMMM_WWWWW": ("a",)},
        "WMWMWMWMWMWMWMWM" * 4: {"i": (), "\N{CYRILLIC SMALL LETTER SHA}" * 30: ("i",)},
    }
    every = {name: {"doc": prose} for steps in flows.values() for name in steps}
    every["i"] = {"doc": "WM" * 90, "call_kind": "async_generator"}
    registry = registry_of(flows, **every)
    for flow in flows:
        registry.set_doc(flow, prose)
    for graph in (build(registry), *(build(registry, flow) for flow in flows)):
        texts = visit(graph).evaluate(_TEXTS)
        assert len(texts) > 9
        assert [each for each in texts if min(each[:2]) < 2] == []


def test_a_long_name_of_a_flow_makes_the_page_no_wider_than_its_window(visit):
    page = visit(graph_of({"x" * 400: {"a": ()}, "f": {"b": ()}}))
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_drawing_is_zoomed_and_moved(visit):
    page = visit(graph_of(SHOP))
    before = shown(page)
    page.mouse.move(300, 400)
    page.mouse.wheel(0, -300)
    page.wait_for_function(f"() => {_WINDOW}()[2] < {before[2]} - 1")
    closer = shown(page)
    frame = page.locator(".view:not([hidden])").bounding_box()
    across = (300 - frame["x"]) / frame["width"]
    assert before[0] + across * before[2] == pytest.approx(closer[0] + across * closer[2], abs=0.1)

    page.mouse.move(200, 300)
    page.mouse.down()
    page.mouse.move(260, 330, steps=4)
    page.mouse.up()
    scale = frame["width"] / closer[2]
    assert shown(page)[:2] == pytest.approx([closer[0] - 60 / scale, closer[1] - 30 / scale], abs=1)

    for name, smaller in (("Zoom in", True), ("Zoom out", False)):
        width = shown(page)[2]
        page.get_by_role("button", name=name).click()
        assert (shown(page)[2] < width) is smaller
    page.get_by_role("button", name="Fit").click()
    x, y, width, height = shown(page)
    svg = page.locator(".view:not([hidden]) svg")
    assert (x <= 0, y <= 0) == (True, True)
    assert x + width >= float(svg.get_attribute("width"))
    assert y + height >= float(svg.get_attribute("height"))

    page.locator("header h1").click()
    page.keyboard.press("Shift+ArrowRight")
    assert shown(page)[0] > x
    page.keyboard.press("+")
    assert shown(page)[2] < width
    page.keyboard.press("0")
    assert shown(page) == pytest.approx([x, y, width, height])


def test_two_fingers_zoom(visit):
    page = visit(graph_of(SHOP), has_touch=True)
    before = shown(page)
    touch = page.context.new_cdp_session(page)

    def fingers(kind, *places):
        points = [{"x": x, "y": y, "id": at} for at, (x, y) in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", (400, 400), (500, 400))
    for apart in (20, 40, 60, 80):
        fingers("touchMove", (400 - apart, 400), (500 + apart, 400))
    fingers("touchEnd")
    page.wait_for_function(f"() => {_WINDOW}()[2] < {before[2] * 0.6}")


def test_it_is_light_or_dark_as_the_reader_likes(visit):
    def paper(page):
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light, dark = visit(graph_of(SHOP)), visit(graph_of(SHOP), scheme="dark")
    colours = paper(light), paper(dark)
    assert colours == ("rgb(255, 255, 255)", "rgb(15, 18, 22)")
    for page in (light, dark):
        page.get_by_role("button", name="Light / dark").click()
    assert (paper(dark), paper(light)) == colours


def test_the_drawing_has_room_on_the_smallest_screen(visit):
    page = visit(graph_of(SHOP))
    page.set_viewport_size({"width": 320, "height": 256})  # as at 400 % on a laptop
    assert page.locator("main").bounding_box()["height"] > 150
    assert page.evaluate("document.documentElement.scrollHeight") > 256  # the rest is below


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_printed_in_the_colours_of_paper(visit, scheme):
    page = visit(graph_of(SHOP), scheme=scheme)
    if scheme == "light":
        page.get_by_role("button", name="Light / dark").click()
    page.emulate_media(media="print")
    colours = page.evaluate(
        "[document.body, document.querySelector('.paper')].map(e => getComputedStyle(e))"
        ".map((e, at) => at ? e.fill : e.backgroundColor)"
    )
    assert colours == ["rgb(255, 255, 255)"] * 2


def test_those_who_cannot_see_a_step_are_told_that_it_can_be_chosen(visit):
    page = visit(graph_of(SHOP, **DOCS))
    step = page.get_by_role("button", name="charge Charges the card.")
    assert step.count() == 1
    step.press("Enter")
    assert page.locator("#details h2").inner_text() == "charge"


def test_a_thousand_names_come_back_and_none_of_them_runs(visit):
    hostile = names(1000)
    tree = {name: (hostile[index // 2],) if index else () for index, name in enumerate(hostile)}
    graph = graph_of({"f": tree}, "f", **{name: {"doc": name} for name in hostile})
    page = visit(graph)
    titles = page.evaluate(
        "[...document.querySelectorAll('.node')].map(e => e.querySelector('title').textContent)"
    )
    assert [title.partition("\n")[0] for title in titles] == [
        visible(node.name) for node in graph.nodes
    ]
    edges = page.evaluate(
        "[...document.querySelectorAll('.line[data-from]')].map(e => ({...e.dataset}))"
    )
    index = {node.id: str(at) for at, node in enumerate(graph.nodes)}
    assert edges == [{"from": index[each.source], "to": index[each.target]} for each in graph.edges]

    for name in ("<script>alert(1)</script>", "</title><b>", "\x1b[31mred\x1b[0m", "</script>"):
        page.keyboard.press("/")
        page.keyboard.press("Control+a")
        page.keyboard.insert_text(visible(name))
        page.keyboard.press("Enter")
        assert page.locator("#details h2").text_content() == visible(name)
    assert page.locator("b").count() == 0


def test_an_exact_name_is_found_before_longer_ones(visit):
    page = visit(graph_of({"f": {"orders_refunds": (), "orders": ("orders_refunds",)}}))
    page.keyboard.press("/")
    page.keyboard.type("orders")
    page.keyboard.press("Enter")
    assert page.locator("#details h2").inner_text() == "orders"


def test_all_steps_before_and_after_one_can_be_marked(visit):
    chain = {f"s{at}": (f"s{at - 1}",) if at else () for at in range(5)}
    page = visit(graph_of({"f": {**chain, "aside": ()}}))
    page.locator(".node").nth(3).click()
    for name, kin in (("All before it", 2), ("All after it", 2)):
        button = page.locator("#details").get_by_role("button", name=name)
        button.click()
        assert button.inner_text() == f"{name}: {kin}"
        assert page.locator(".node.kin").count() == kin
        assert page.locator(".line.related").count() == kin


def test_arrowheads_fade_with_their_lines(visit):
    from PIL import Image

    page = visit(graph_of({"f": {"a": (), "b": ("a",), "c": ("b",), "d": ("c",)}}))
    line = page.locator('.line[data-from="0"]')

    def darkest():
        box = line.bounding_box()  # with the arrowhead
        end = {"x": box["x"], "y": box["y"] + box["height"] - 9, "width": 8, "height": 6}
        content = page.screenshot(clip=end)
        return min(Image.open(io.BytesIO(content)).convert("L").tobytes())

    assert darkest() < 130
    page.locator(".node").last.click()
    assert darkest() > 180


def test_the_sign_of_a_queue_fades_with_its_lines(visit):
    tasks = {"c": {"call_kind": "task"}, "e": {"call_kind": "task"}}
    steps = {"a": (), "b": (), "c": ("a", "b"), "d": ("c",), "e": ("d",)}
    page = visit(graph_of({"f": steps}, **tasks))

    def colors():
        bars = page.locator(".view:not([hidden]) .plate .queue .bar:first-child")
        return bars.evaluate_all("bars => bars.map(bar => getComputedStyle(bar).fill)")

    plain = colors()[0]
    assert colors() == [plain, plain]
    page.locator('.node[data-node="1"]').click()  # b, beside a
    to_c, to_e = colors()
    assert to_c == plain != to_e
    page.locator('.node[data-node="3"]').click()  # d
    to_c, to_e = colors()
    assert to_c != plain == to_e


def test_on_a_narrow_screen_the_help_makes_room_for_the_drawing(visit):
    page = visit(graph_of(SHOP))
    page.set_viewport_size({"width": 500, "height": 700})
    assert not page.locator("#details").is_visible()
    page.locator(".node").first.click()
    assert page.locator("#details").is_visible()


@pytest.mark.parametrize("hash_", ["#%", "#%E0%A4%A", "#nothing"])
def test_an_address_that_names_no_step_opens_the_whole_map(visit, hash_):
    page = visit(graph_of(SHOP))
    page.goto(page.url + hash_)
    page.reload()
    assert page.locator(".selected").count() == 0
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator(".view:not([hidden]) .selected").count() == 1


def test_a_cleared_selection_does_not_come_back(visit):
    page = visit(graph_of(SHOP))

    def choose():
        page.keyboard.press("/")
        page.keyboard.type("charge")
        page.keyboard.press("Enter")
        assert "#" in page.url

    choose()
    page.keyboard.press("Escape")
    assert "#" not in page.url
    page.locator("#search").fill("")
    page.locator(".view:not([hidden])").focus()
    choose()
    page.get_by_role("button", name="Clear the selection").click()
    assert "#" not in page.url
    page.reload()
    assert page.locator(".selected").count() == 0
    assert page.get_by_role("heading", name="Steps").is_visible()


def test_a_drawing_that_fits_its_window_fits_the_window_after_that(visit):
    page = visit(graph_of({"f": {f"s{at}": (f"s{at - 1}",) * bool(at) for at in range(30)}}))
    page.keyboard.press("0")
    page.set_viewport_size({"width": 600, "height": 500})
    height = float(page.locator("svg").first.get_attribute("height"))
    page.wait_for_function(f"() => {_WINDOW}()[3] >= {height} - 1")
    page.keyboard.press("+")
    zoomed = shown(page)
    page.set_viewport_size({"width": 700, "height": 500})
    assert shown(page)[:2] == zoomed[:2]


def test_a_pointer_that_was_released_outside_drags_nothing(visit):
    page = visit(graph_of(SHOP))
    before = shown(page)
    page.evaluate(
        """() => {
            const view = document.querySelector('.view:not([hidden])');
            for (const [name, buttons, x] of
                    [['pointerdown', 1, 300], ['pointermove', 0, 302], ['pointermove', 0, 380]]) {
                view.dispatchEvent(new PointerEvent(
                    name, { pointerId: 7, button: 0, buttons, clientX: x, clientY: 400 }));
            }
        }"""
    )
    assert shown(page) == before


def test_the_list_of_steps_is_scrolled_by_touch_and_within_a_narrow_screen(visit):
    page = visit(graph_of({"f": {f"step_{at}": () for at in range(60)}}), has_touch=True)
    page.set_viewport_size({"width": 390, "height": 700})
    page.locator("#search").fill("step")
    area = page.locator("#results").bounding_box()
    assert area["x"] >= 0
    assert area["x"] + area["width"] <= 390
    touch = page.context.new_cdp_session(page)

    def send(kind, *y):
        points = [{"x": area["x"] + 60, "y": area["y"] + each} for each in y]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    send("touchStart", 300)
    for y in range(290, 100, -20):
        send("touchMove", y)
    send("touchEnd")
    page.wait_for_function("() => document.getElementById('results').scrollTop > 50")
    assert page.locator(".selected").count() == 0
    page.locator("#results li").nth(30).tap()
    assert page.locator(".selected").count() == 1


def test_on_a_narrow_screen_the_details_do_not_cover_the_step(visit):
    page = visit(graph_of({"f": {f"s{at}": (f"s{at - 1}",) * bool(at) for at in range(30)}}))
    page.set_viewport_size({"width": 320, "height": 568})
    for name in ("s7", "s17", "s29"):
        page.locator("#search").fill(name)
        page.keyboard.press("Enter")
        step = page.locator(".selected rect").first.bounding_box()
        details = page.locator("#details").bounding_box()
        assert step["y"] + step["height"] <= details["y"] + 1


def test_the_focus_goes_into_the_flow_that_is_opened(visit):
    page = visit(graph_of(SHOP), collapse=True)
    for key in ("ArrowDown", "Enter", "Enter"):
        page.keyboard.press(key)
    inside = "document.querySelector('.view:not([hidden])').contains(document.activeElement)"
    assert page.evaluate(inside)
    assert page.evaluate("document.activeElement.matches('.node')")
    page.keyboard.press("]")
    assert page.evaluate(inside)
