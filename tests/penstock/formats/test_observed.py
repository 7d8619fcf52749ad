"""Drawings of what really ran: each tells seen, unseen and undeclared apart, in words too."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from xml.etree import ElementTree as ET

import pytest

from penstock._graph import Graph, Ran
from penstock._verify import overlay, verify
from penstock._verify._evidence import Evidence, Start
from penstock._verify._totals import Totals
from penstock.formats import dot, html, mermaid, png, svg, text
from penstock.formats import json as json_format
from penstock.formats._wording import duration, share, summary
from tests.penstock.declared import graph_of
from tests.penstock.formats import hostile

FLOWS = {
    "orders": {
        "receive": (),
        "by_phone": (),
        "check": ("receive",),
        "charge": ("check", "by_phone"),
        "ship": ("charge",),
        "audit": ("ship",),
    },
    "mail": {"notify": ("orders:charge",)},
}


@pytest.fixture(scope="module")
def observed() -> Graph:
    """A graph in which `audit` ran from `receive`, which nobody declared."""
    graph = graph_of(FLOWS)
    counts = {"orders:receive": 1234, "orders:check": 1234, "orders:charge": 1000}
    steps = {step: Totals(began=count, took={400: count}) for step, count in counts.items()}
    steps["orders:check"].seen = {"orders:receive": 1234}
    steps["orders:check"].errors = 234
    steps["orders:charge"].seen = {"orders:check": 1000}
    steps["orders:audit"] = Totals(began=7)
    odd = Start("orders:audit", ("orders:ship",), ("orders:receive",), ("receive",), 7, "a" * 32)
    return overlay(graph, verify(graph, Evidence(steps=steps, starts=[odd])))


def statuses(graph: Graph) -> dict[str, tuple[str, int]]:
    return {f"{edge.source} {edge.target}": (edge.status, edge.seen) for edge in graph.edges}


EXPECTED = {
    "orders:receive orders:check": ("seen", 1234),
    "orders:check orders:charge": ("seen", 1000),
    "orders:by_phone orders:charge": ("unseen", 0),
    "orders:charge orders:ship": ("unseen", 0),
    "orders:charge mail:notify": ("unseen", 0),
    "orders:ship orders:audit": ("unseen", 0),
    "orders:receive orders:audit": ("undeclared", 7),
}


def test_the_overlay_says_of_each_edge_whether_it_was_seen_and_adds_what_is_not_declared(observed):
    assert statuses(observed) == EXPECTED


def test_the_overlay_leaves_the_order_of_nodes_and_edges(observed):
    plain = graph_of(FLOWS)
    assert [node.id for node in observed.nodes] == [node.id for node in plain.nodes]
    kept = [(e.source, e.target) for e in observed.edges if e.status != "undeclared"]
    assert kept == [(edge.source, edge.target) for edge in plain.edges]


def test_one_flow_alone_has_its_own_part_of_it():
    graph = graph_of(FLOWS, "mail")
    drawn = overlay(graph, verify(graph_of(FLOWS), Evidence()))
    assert statuses(drawn) == {"orders:charge mail:notify": ("unseen", 0)}
    assert all(node.ran == Ran(0, 0, 0, None, None) for node in drawn.nodes)


def test_json_has_it_and_can_be_read_without_it(observed):
    content = json.loads(json_format.render(observed))
    (check,) = [node for node in content["nodes"] if node["name"] == "check"]
    assert (check["ran"]["began"], check["ran"]["errors"]) == (1234, 234)
    assert {
        f"{e['source']} {e['target']}": (e["status"], e["count"]) for e in content["edges"]
    } == EXPECTED
    plain = graph_of(FLOWS)
    assert json_format.parse(json_format.render(plain)) == plain
    assert "ran" not in json_format.render(plain)


def test_text_tells_it_below_the_steps(observed):
    lines = [line.strip("│ ") for line in text.render(observed).splitlines()]
    at = lines.index(next(line for line in lines if line.startswith("● check")))
    assert "1,234 runs, 19 % failed, p50 99 us, p95 99 us" in lines[at + 1]
    assert "! audit" in lines
    assert "✗ mail:notify, ship" in lines
    assert lines[-1].endswith("! leads to, but is not declared")


def test_mermaid_has_other_arrows_for_it_and_words(observed, read_by_mermaid):
    drawn = mermaid.render(observed)
    assert '-- "1,234" -->' in drawn
    assert drawn.count('-. "never seen" .->') == 4
    assert '== "not declared#58; 7" ==>' in drawn
    (answer,) = read_by_mermaid([drawn])
    assert "error" not in answer, answer
    assert len(answer["edges"]) == len(observed.edges)
    labels = {label.replace("\u200c", "") for label in answer["labels"].values()}
    # A line break has no text of its own.
    assert "check1,234 runs, 19 % failedp50 99 us, p95 99 us" in labels


def test_mermaid_still_keeps_to_its_limits(observed):
    drawn = mermaid.diagrams(observed, max_chars=1000)
    assert all(len(diagram.text) <= 1000 for diagram in drawn)
    assert {edge for diagram in drawn for edge in diagram.edges} == set(observed.edges)


def test_dot_has_other_lines_for_it_and_words(observed):
    drawn = dot.render(observed)
    assert '"receive" -> "check" [label="1,234"]' in drawn
    assert '"charge" -> "ship" [style=dotted, label="never seen"]' in drawn
    assert '"receive" -> "audit" [style=bold, color=red, label="not declared: 7"]' in drawn
    assert 'label="check\\n1,234 runs, 19 % failed\\np50 99 us, p95 99 us"' in drawn


def test_the_real_dot_draws_hostile_names_with_counts():
    if not shutil.which("dot"):
        pytest.skip("needs the program dot")
    graph = graph_of({"f": dict.fromkeys(hostile.KNOWN, ())})
    drawn = dot.render(overlay(graph, verify(graph, Evidence())))
    done = subprocess.run(
        ["dot", "-Tplain"], input=drawn.encode(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_svg_has_other_lines_for_it_and_words(observed):
    root = ET.fromstring(svg.render(observed))  # noqa: S314
    lines = [each for each in root.iter() if each.get("class", "").startswith("line ")]
    drawn = [each for each in lines if each.get("data-from")]
    kinds = [each.get("class").removeprefix("line ") for each in drawn]
    assert sorted(kinds) == ["next"] * 2 + ["undeclared"] + ["unseen"] * 4
    told = [each[0].text for each in drawn]
    assert sorted(told) == sorted(
        ["1,234 times, seen", "1,000 times, seen", "7 times, undeclared"] + ["0 times, unseen"] * 4
    )
    words = {each.text for each in root.iter() if each.tag.endswith("text")}
    assert {"1,234 runs, 19 % failed", "p50 99 us, p95 99 us", "never ran"} <= words
    assert {"Never seen", "Not declared"} <= words  # the legend
    assert root[1].text.count("was never seen") == 4


def test_what_is_not_declared_lies_on_top_of_what_is(observed):
    kinds = re.findall(r'<path class="line (\w+)" data-from', svg.render(observed))
    assert kinds[-1] == "undeclared"


def test_without_data_a_drawing_has_nothing_of_it():
    plain = svg.render(graph_of(FLOWS))
    assert not re.search("unseen|undeclared|counts|never", plain)


def test_html_tells_it_beside_the_step_and_its_neighbours(observed):
    page = html.render(observed)
    data = json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1]
    )
    (check,) = [node for node in data["nodes"] if node["name"] == "check"]
    assert check["ran"] == ["1,234 runs, 19 % failed", "p50 99 us, p95 99 us", "failed 234 times"]
    flows = {at for at, node in enumerate(data["nodes"]) if "isFlow" in node}
    assert sorted(edge[2] for edge in data["edges"] if edge[0] not in flows) == sorted(
        ["1,234 times", "1,000 times", "not declared, 7 times"] + ["never seen"] * 4
    )


def test_a_reader_of_the_page_sees_it(observed, visit):
    page = visit(observed)
    page.locator("#search").fill("audit")
    page.keyboard.press("Enter")
    details = page.locator("#details")
    assert details.locator(".ran").inner_text() == "7 runs"
    told = dict(
        zip(
            details.locator("li button").all_inner_texts(),
            details.locator("li .observed").all_inner_texts(),
            strict=True,
        )
    )
    assert told == {"receive": "not declared, 7 times", "ship": "never seen"}
    dashes = "each => getComputedStyle(each).strokeDasharray"
    kinds = {
        kind: page.locator(f".view:not([hidden]) .line.{kind}[data-from]").first.evaluate(dashes)
        for kind in ("next", "unseen", "undeclared")
    }
    assert len(set(kinds.values())) == 3  # also without colour


def test_png_is_painted_with_it(observed):
    assert png.render(observed) != png.render(graph_of(FLOWS))


@pytest.mark.parametrize(
    ("nanoseconds", "shown"),
    [
        (0, "0 ns"),
        (840, "840 ns"),
        (1_000, "1.0 us"),
        (9_949, "9.9 us"),
        (26_100, "26 us"),
        (999_999, "1000 us"),
        (1_200_000, "1.2 ms"),
        (31 * 10**9, "31 s"),
        (100 * 10**9, "2 min"),
        (7200 * 10**9, "2.0 h"),
    ],
)
def test_durations_have_two_or_three_digits(nanoseconds, shown):
    assert duration(nanoseconds) == shown


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (0, 0, "0 %"),
        (0, 9, "0 %"),
        (1, 100_000, "<0.1 %"),
        (37, 1000, "3.7 %"),
        (1, 2, "50 %"),
        (999, 1000, ">99 %"),
        (9, 9, "100 %"),
    ],
)
def test_a_share_is_none_or_all_only_where_it_is(part, whole, shown):
    assert share(part, whole) == shown


def test_what_never_ended_has_no_durations():
    assert summary(Ran(1, 0, 0, None, None)) == ("1 run",)
