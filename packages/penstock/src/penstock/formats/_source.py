"""Links to the code of steps, in the pages of whoever hosts it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from penstock._graph import Node

BESIDE = "{file}#L{line}"  # relative to the page, where nobody says where the code is


def checked(template: str) -> str:
    """Return `template`; ValueError where all its links would be the same."""
    if "{file}" not in template:
        raise ValueError(
            f"source={template!r} has no {{file}}: it is the link to a step's code, such as "
            "'https://github.com/me/shop/blob/main/{file}#L{line}'."
        )
    return template


def link(node: Node, template: str) -> str:
    """Return `template` with `{file}` and `{line}` of `node`, which has a file, filled in."""
    path = quote((node.file or "").lstrip("/"), errors="replace")
    return template.replace("{file}", path).replace("{line}", str(node.line or 1))
