"""A structlog processor that adds the flow ID.

It comes with ``pip install "penstock[structlog]"``.
"""

from __future__ import annotations

try:
    from penstock_structlog import flow_processor
except ModuleNotFoundError as _error:
    if _error.name != "penstock_structlog":
        raise
    raise ImportError(
        'penstock.contrib.structlog is not installed. Run: pip install "penstock[structlog]"'
    ) from _error

__all__ = ["flow_processor"]
