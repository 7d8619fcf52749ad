"""Draw fifteen real graphs with penstock and its peers, and print who does how well.

python -m tests.peers           install the peers, measure all, print the table
python -m tests.peers --write   and keep the peers' numbers in numbers.json
"""

from __future__ import annotations

import json
import sys
import tempfile

from tests.peers import peers
from tests.peers.graphs import NAMES, graph
from tests.peers.ours import draw

PEERS = ("dot", "elk", "dagre", "mermaid")


def main(arguments):
    """Print the table; see above."""
    graphs = {name: graph(name) for name in NAMES}
    with tempfile.TemporaryDirectory() as folder:
        peers.install(folder)
        found = peers.by_npm(graphs, folder)
        for name, drawn in peers.by_mermaid(graphs, folder).items():
            found[name]["mermaid"] = drawn
    for name, each in graphs.items():
        found[name]["dot"] = peers.by_dot(each)
    if "--write" in arguments:
        numbers = {
            name: {peer: found[name][peer]._asdict() for peer in PEERS} for name in sorted(found)
        }
        peers.HERE.joinpath("numbers.json").write_text(
            json.dumps(numbers, indent=1) + "\n", "utf-8"
        )
    heads = "".join(f"{peer:>10}" for peer in ("ours", *PEERS))
    print(f"{'crossings (size of names in px)':42}{heads}")
    for name in NAMES:
        _, ours = draw(graphs[name])
        cells = [ours, *(found[name][peer] for peer in PEERS)]
        counts = "".join(f"{each.crossings:>5} {each.name:>4}" for each in cells)
        about = f"{name}, {len(graphs[name].nodes)} steps, {len(graphs[name].edges)} edges"
        print(f"{about:42}{counts}")


if __name__ == "__main__":
    main(sys.argv[1:])
