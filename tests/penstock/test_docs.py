"""Pages about the flows, which stay what they are until the flows change."""

from __future__ import annotations

import json
import pathlib
import subprocess

import pytest

from penstock._docs import document, inject
from penstock._graph import UnknownFlowError, build
from penstock.formats import visible
from tests.penstock.declared import ORDERS, SEED, registry_of
from tests.penstock.formats.hostile import names
from tests.penstock.formats.node import packages


@pytest.fixture
def registry():
    return registry_of({**SEED, **ORDERS})


def texts(folder) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def test_there_is_a_page_for_each_flow_and_an_index(registry, tmp_path):
    stale = document(registry, tmp_path / "flows", write=True)
    pages = texts(tmp_path / "flows")
    assert list(pages) == ["billing.md", "bom_sync.md", "index.md", "orders.md"]
    assert len(stale) == 4
    assert (
        "```mermaid\ngraph TD\n    handle_kafka_message --> fetch_from_api\n"
        in (pages["bom_sync.md"])
    )
    assert "[bom\\_sync](bom_sync.md)" in pages["index.md"]
    assert "| `chrage` | **unknown step** |" in pages["billing.md"]


def test_a_page_tells_of_its_own_steps_and_which_flows_others_are_in(tmp_path):
    flows = {
        "shop": {"order": (), "pay": ("order", "bank:gone")},
        "mail": {"write": ("shop:pay",), "send": ("write",)},
        "bank": {"open": ()},
    }
    registry = registry_of(flows, write={"kind": "entrypoint"})
    document(registry, tmp_path, write=True)
    rows = {
        name: [line for line in text.splitlines() if line.startswith("| `")]
        for name, text in texts(tmp_path).items()
    }
    assert rows["mail.md"] == [
        "| `write` | `shop/flows.py:1` | *starts here*, `shop:pay` | Does write. |",
        "| `send` | `shop/flows.py:2` | `write` | Does send. |",
    ]
    assert rows["shop.md"] == [
        "| `bank:gone` | **unknown step** |  |  |",
        "| `order` | `shop/flows.py:1` | *starts here* | Does order. |",
        "| `pay` | `shop/flows.py:2` | `bank:gone`, `order` | Does pay. |",
    ]


def test_steps_are_linked_to_their_code_where_the_caller_says(registry, tmp_path):
    document(registry, tmp_path, write=True, source="https://git.example/a(b)/{file}#L{line}")
    linked = "[`shop/flows.py:2`](<https://git.example/a(b)/shop/flows.py#L2>)"
    assert linked in (tmp_path / "bom_sync.md").read_text()
    with pytest.raises(ValueError, match=r"source='https://git.example' has no \{file\}"):
        document(registry, tmp_path / "other", write=True, source="https://git.example")
    assert not (tmp_path / "other").exists()


def test_a_page_that_git_checked_out_with_other_line_ends_is_not_stale(registry, tmp_path):
    document(registry, tmp_path, write=True)
    page = tmp_path / "orders.md"
    right = page.read_bytes().replace(b"\n", b"\r\n")
    page.write_bytes(right)
    assert document(registry, tmp_path, write=True) == []
    page.write_bytes(right.replace(b"graph TD", b"graph LR"))
    (stale,) = document(registry, tmp_path, write=True)
    assert "-graph LR\n+graph TD\n" in stale.diff
    assert page.read_bytes() == right


def test_a_second_run_changes_nothing(registry, tmp_path):
    document(registry, tmp_path, write=True)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert document(registry, tmp_path, write=True) == []
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_a_stale_page_is_found_with_its_difference_and_left_as_it_is(registry, tmp_path):
    document(registry, tmp_path, write=True)
    page = tmp_path / "orders.md"
    page.write_text(page.read_text().replace("graph TD", "graph LR"))
    (stale,) = document(registry, tmp_path, write=False)
    assert stale.path == str(page)
    assert "-graph LR\n+graph TD\n" in stale.diff
    assert "graph LR" in page.read_text()


def test_names_that_are_no_file_names_get_pages_too(tmp_path):
    registry = registry_of({name: {"step": ()} for name in ("a/b", "a b", "A-B", "Index", "..")})
    document(registry, tmp_path, write=True)
    assert list(texts(tmp_path)) == [
        "A-B.md",
        "Index-2.md",
        "a-b-2.md",
        "a-b-3.md",
        "flow.md",
        "index.md",
    ]


def test_a_name_cannot_leave_its_place_in_a_page(tmp_path):
    registry = registry_of({"a|b](x)<script>": {"s`|<b>": (), "t": ("s`|<b>",)}})
    document(registry, tmp_path, write=True)
    for text in texts(tmp_path).values():
        outside = "".join(text.split("```")[::2])
        assert "<script>" not in outside
        for line in outside.splitlines():
            if line.startswith("|"):
                assert line.replace("\\|", "").count("|") == 5, line


@pytest.mark.timeout(300)
def test_a_thousand_names_come_back_from_a_page(tmp_path):
    hostile = names(1000)
    flow = {name: (hostile[index // 2],) if index else () for index, name in enumerate(hostile)}
    registry = registry_of({"f": flow}, **{name: {"doc": name} for name in hostile})
    document(registry, tmp_path, write=True, source="https://git.example/{file}#L{line}")
    done = subprocess.run(
        ["node", pathlib.Path(__file__).parent / "markdown_cells.mjs", packages()],
        input=(tmp_path / "f.md").read_bytes(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for node, cells in zip(build(registry, "f").nodes, json.loads(done.stdout), strict=True):
        name, where, after, summary = cells
        assert name == visible(node.name)
        assert where == f"shop/flows.py:{node.line}"
        assert after == ("starts here" if node.entrypoint else visible(flow[node.name][0]))
        # Outside of code, Markdown trims a text.
        assert summary == (visible(node.summary).strip(" ") if node.summary else "")


def test_an_address_in_a_docstring_is_a_link(tmp_path):
    doc = "See https://x.y/a_b?c=d&e#f_g (or http://z.y/*). Not a_b.\n\nOr https://x.y/c_d."
    registry = registry_of({"f": {"s": ()}}, s={"doc": doc})
    registry.set_doc("f", doc)
    document(registry, tmp_path, write=True)
    first = "See <https://x.y/a_b?c=d&e#f_g> (or <http://z.y/>\\*). Not a\\_b."
    page = (tmp_path / "f.md").read_text()
    assert f"# f\n\n{first}\n\nOr <https://x.y/c_d>.\n" in page
    assert f"| {first} |\n" in page
    assert f" {first} |\n" in (tmp_path / "index.md").read_text()


def test_a_flow_with_a_very_long_name_has_a_page(tmp_path):
    document(registry_of({"x" * 400: {"step": ()}}), tmp_path, write=True)
    assert list(texts(tmp_path)) == ["index.md", "x" * 100 + ".md"]


class TestInject:
    PAGE = "# Mine\n\n<!-- penstock:flow=bom_sync -->\nold\n<!-- penstock:end -->\n\nText.\n"

    def test_replaces_what_stands_between_the_markers(self, registry, tmp_path):
        page = tmp_path / "README.md"
        page.write_text(self.PAGE)
        assert len(inject(registry, [str(page)], write=True)) == 1
        text = page.read_text()
        assert text.startswith("# Mine\n\n<!-- penstock:flow=bom_sync -->\n\n```mermaid\ngraph TD")
        assert text.endswith("```\n\n<!-- penstock:end -->\n\nText.\n")
        assert "old" not in text
        assert inject(registry, [str(page)], write=True) == []

    def test_takes_several_markers_and_the_whole_system(self, registry, tmp_path):
        page = tmp_path / "README.md"
        page.write_text(self.PAGE + self.PAGE.replace("bom_sync", "*"))
        inject(registry, [str(page)], write=True)
        assert page.read_text().count("```mermaid") == 2
        assert "subgraph" in page.read_text()

    def test_keeps_the_line_ends_of_windows(self, registry, tmp_path):
        page = tmp_path / "README.md"
        page.write_bytes(self.PAGE.replace("\n", "\r\n").encode())
        inject(registry, [str(page)], write=True)
        written = page.read_bytes()
        assert written.startswith(
            b"# Mine\r\n\r\n<!-- penstock:flow=bom_sync -->\r\n\r\n```mermaid"
        )
        assert written.count(b"\n") == written.count(b"\r\n")
        assert inject(registry, [str(page)], write=True) == []

    def test_refuses_a_file_that_is_not_utf_8(self, registry, tmp_path):
        page = tmp_path / "README.md"
        page.write_bytes(self.PAGE.encode() + b"caf\xe9\n")
        with pytest.raises(ValueError, match=r"README\.md is not UTF-8"):
            inject(registry, [str(page)], write=True)

    def test_refuses_an_unknown_flow_and_writes_nothing(self, registry, tmp_path):
        page = tmp_path / "README.md"
        page.write_text(self.PAGE.replace("bom_sync", "bom_snyc"))
        with pytest.raises(UnknownFlowError, match="Did you mean 'bom_sync'"):
            inject(registry, [str(page)], write=True)
        assert "old" in page.read_text()

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("# Mine\n", "no marker"),
            ("x\n<!-- penstock:flow=a -->\n", ":2: this marker has no <!-- penstock:end -->"),
            (
                "<!-- penstock:flow=a -->\n<!-- penstock:flow=b -->\n<!-- penstock:end -->\n",
                ":1: this marker has no",
            ),
        ],
    )
    def test_refuses_a_file_whose_markers_are_not_right(self, registry, tmp_path, text, says):
        page = tmp_path / "README.md"
        page.write_text(text)
        with pytest.raises(ValueError, match=says):
            inject(registry, [str(page)], write=True)
