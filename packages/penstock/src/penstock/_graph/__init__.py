"""The graph of the flows: what every drawing, and the verdict, is made from.

_model  Graph, Node, Edge, Group: immutable values
_build  a registry's flows as a graph, and the ids of its nodes
_order  the order of a graph; cycles, longest paths, connected parts: each is only here
"""

from penstock._graph._build import UnknownFlowError, build, node_id, parted, resolve
from penstock._graph._model import Edge, Graph, Group, Node, Ran
from penstock._graph._order import connected, cycles, longest_paths

__all__ = [
    "Edge",
    "Graph",
    "Group",
    "Node",
    "Ran",
    "UnknownFlowError",
    "build",
    "connected",
    "cycles",
    "longest_paths",
    "node_id",
    "parted",
    "resolve",
]
