"""Scoped values that every crumb inside the scope carries: a public module for applications."""

from __future__ import annotations

from corectx import add_values as add_context
from corectx import scope as context
from corectx import values

__all__ = ["add_context", "context", "get_context"]


def get_context() -> dict[str, object]:
    """Return the values that are active now, as a dict of the caller's own."""
    return dict(values())
