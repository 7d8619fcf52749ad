"""The graph of the flows. Every drawing, and the verdict, is made from it.

_model       Graph, Node, Edge, Group: immutable values; the ids of nodes
_build       a registry's flows as a graph
_algorithms  the order of a graph; cycles, longest paths, connected parts; collapsed flows and
             implied edges
"""

from penstock._graph._algorithms import (
    collapsed,
    connected,
    cycles,
    longest_paths,
    with_implied,
    without_implied,
)
from penstock._graph._build import UnknownFlowError, build, resolve
from penstock._graph._model import FLOW, Edge, Graph, Group, Node, Ran, node_id, split_node_id

__all__ = [
    "FLOW",
    "Edge",
    "Graph",
    "Group",
    "Node",
    "Ran",
    "UnknownFlowError",
    "build",
    "collapsed",
    "connected",
    "cycles",
    "longest_paths",
    "node_id",
    "resolve",
    "split_node_id",
    "with_implied",
    "without_implied",
]
