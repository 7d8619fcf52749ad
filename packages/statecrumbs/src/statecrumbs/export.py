"""Write the current crumbs to a file: a public module, whose path programs import."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os

__all__ = ["export_json"]


def export_json(path: str | os.PathLike[str]) -> None:
    """Write the current `snapshot()` to `path` as pretty JSON.

    A reader sees the old file or all of the new one. Its mode is 0600, since crumbs may hold
    personal data. Raises OSError if the file cannot be written.
    """
    from corectx.files import write_private
    from statecrumbs._recorder import snapshot
    from statecrumbs.formatter import format_json

    write_private(path, format_json(snapshot()) + "\n")
