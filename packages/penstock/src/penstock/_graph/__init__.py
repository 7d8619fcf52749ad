"""The graph of the flows: what every drawing, and the verdict, is made from.

_model       Graph, Node, Edge, Group, and the ids of nodes
_build       a registry's flows as a graph
_algorithms  cycles, longest paths, connected parts; each is written only here
"""

from penstock._graph._algorithms import connected, cycles, longest_paths
from penstock._graph._build import UnknownFlowError, build, resolve
from penstock._graph._model import Edge, Graph, Group, Node, Ran, node_id, parted

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
