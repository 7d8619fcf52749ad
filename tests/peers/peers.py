"""Have the peers draw the real graphs: dot, ELK, dagre and Mermaid, at the sizes of our boxes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

from penstock.formats._layout import lay_out
from tests.peers.measure import measured

HERE = Path(__file__).parent
PACKAGES = ("elkjs@0.12.1", "@dagrejs/dagre@3.1.3", "mermaid@11.6.0")
_PIECES = 8  # straight pieces that stand for one Bezier curve


def sizes(graph):
    """Return what a peer needs to know of `graph`: sizes of boxes, edges, groups."""
    return {
        "nodes": [
            {"id": box.node.id, "width": box.label.width, "height": box.label.height}
            for box in lay_out(graph).boxes
        ],
        "edges": [[edge.source, edge.target] for edge in graph.edges],
        "groups": [list(group.nodes) for group in graph.groups],
    }


def install(folder):
    """Install the peers that are packages of npm into `folder`."""
    subprocess.run(
        ["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--silent", *PACKAGES],
        check=True,
    )


def by_npm(graphs, folder):
    """Return the measures of what ELK and dagre draw, by the graphs' names."""
    asked = json.dumps({name: sizes(graph) for name, graph in graphs.items()})
    done = subprocess.run(
        ["node", HERE / "layouts.mjs", folder],
        input=asked,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return {
        name: {peer: _measured(drawn) for peer, drawn in both.items()}
        for name, both in json.loads(done.stdout).items()
    }


def _measured(drawn):
    return measured(drawn["width"], drawn["height"], drawn["boxes"], drawn["lines"])


def by_dot(graph):
    """Return the measures of what Graphviz draws."""
    asked = sizes(graph)
    number = {node["id"]: at for at, node in enumerate(asked["nodes"])}
    lines = ["digraph {", 'node [shape=box, fixedsize=true, label=""]']
    for node in asked["nodes"]:
        at, width, height = number[node["id"]], node["width"] / 72, node["height"] / 72
        lines.append(f"n{at} [width={width:.4f}, height={height:.4f}]")
    if len(asked["groups"]) > 1:
        for at, group in enumerate(asked["groups"]):
            members = " ".join(f"n{number[node]};" for node in group)
            lines.append(f"subgraph cluster_{at} {{ margin=20; {members} }}")
    lines += [f"n{number[source]} -> n{number[target]}" for source, target in asked["edges"]]
    program = shutil.which("dot")
    done = subprocess.run(
        [program, "-Tjson"],
        input="\n".join([*lines, "}"]),
        capture_output=True,
        text=True,
        check=True,
    )
    read = json.loads(done.stdout)
    left, bottom, right, top = map(float, read["bb"].split(","))
    ids = [node["id"] for node in asked["nodes"]]
    boxes, names = {}, {}
    for each in read["objects"]:
        if re.fullmatch(r"n\d+", each["name"]):
            node = ids[int(each["name"][1:])]
            names[each["_gvid"]] = node
            x, y = map(float, each["pos"].split(","))
            width, height = float(each["width"]) * 72, float(each["height"]) * 72
            boxes[node] = (x - width / 2, y - height / 2, width, height)
    drawn = [
        (names[edge["tail"]], names[edge["head"]], _curve(edge["pos"])) for edge in read["edges"]
    ]
    return measured(right - left, top - bottom, boxes, drawn)


def _curve(text):
    """Return the polyline that stands for a curve of Graphviz."""
    end = None
    controls = []
    for word in text.split():
        if word.startswith("e,"):
            end = tuple(map(float, word[2:].split(",")))
        elif not word.startswith("s,"):
            controls.append(tuple(map(float, word.split(","))))
    points = [controls[0]]
    for at in range(0, len(controls) - 1, 3):
        a, b, c, d = controls[at : at + 4]
        for piece in range(1, _PIECES + 1):
            t = piece / _PIECES
            u = 1 - t
            points.append(
                tuple(
                    u**3 * a[axis]
                    + 3 * u * u * t * b[axis]
                    + 3 * u * t * t * c[axis]
                    + t**3 * d[axis]
                    for axis in (0, 1)
                )
            )
    return [*points, end] if end else points


def by_mermaid(graphs, folder):
    """Return the measures of what Mermaid draws in a browser, by the graphs' names."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser")
    script = Path(folder, "node_modules", "mermaid", "dist", "mermaid.min.js")
    found = {}
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_content("<body></body>")
        page.add_script_tag(content=script.read_text("utf-8"))
        for name, graph in graphs.items():
            drawn = page.evaluate(_IN_BROWSER, _with_sizes(graph))
            found[name] = _measured(drawn)
        browser.close()
    return found


def _with_sizes(graph):
    """Return `graph` for Mermaid: its nodes as n0, n1, ..., with the boxes' sizes."""
    asked = sizes(graph)
    number = {node["id"]: f"n{at}" for at, node in enumerate(asked["nodes"])}
    lines = ["flowchart TB"]
    label = {
        number[node["id"]]: f'<div style="width:{node["width"]}px;height:{node["height"]}px"></div>'
        for node in asked["nodes"]
    }
    if len(asked["groups"]) > 1:
        for at, group in enumerate(asked["groups"]):
            lines.append(f"subgraph g{at}")
            lines += [f'{number[node]}["{label[number[node]]}"]' for node in group]
            lines.append("end")
    else:
        lines += [f'{each}["{text}"]' for each, text in label.items()]
    lines += [f"{number[source]} --> {number[target]}" for source, target in asked["edges"]]
    return {
        "text": "\n".join(lines),
        "edges": [[number[source], number[target]] for source, target in asked["edges"]],
    }


_IN_BROWSER = """async ({text, edges}) => {
  mermaid.initialize({
    startOnLoad: false, securityLevel: "loose", maxTextSize: 1e7, maxEdges: 1e5,
    flowchart: {htmlLabels: true, padding: 0, useMaxWidth: false},
  });
  const {svg} = await mermaid.render("drawing", text);
  document.body.innerHTML = svg;
  const root = document.querySelector("svg");
  const place = (element, x, y) => {
    const {a, b, c, d, e, f} = element.getCTM();
    return [a * x + c * y + e, b * x + d * y + f];
  };
  const boxes = {};
  for (const node of root.querySelectorAll("g.node")) {
    const {x, y, width, height} = node.getBBox();
    const [left, top] = place(node, x, y);
    boxes[node.id.match(/-(n\\d+)-/)[1]] = [left, top, width, height];
  }
  const lines = [];
  for (const path of root.querySelectorAll("path.flowchart-link")) {
    const [, source, target] = path.id.match(/L_(n\\d+)_(n\\d+)_/);
    const length = path.getTotalLength();
    const points = [];
    for (let at = 0; at <= 60; at++) {
      const {x, y} = path.getPointAtLength(length * at / 60);
      points.push(place(path, x, y));
    }
    lines.push([source, target, points]);
  }
  if (lines.length !== edges.length) throw new Error(`lines are missing`);
  const box = root.viewBox.baseVal;
  return {width: box.width, height: box.height, boxes, lines};
}"""
