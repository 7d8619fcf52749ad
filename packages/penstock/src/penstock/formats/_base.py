"""One HTML page that loads nothing. The same file is in each package that makes pages.

The policy of the page lets it run only the one style and the one script in it, by their hashes. The
data in it is only ever text for the script.
"""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def page(
    package: str,
    *,
    title: str,
    style: str,
    styles: Sequence[str],
    scripts: Sequence[str],
    data: object,
    body: str,
) -> str:
    """Return a page with the rules in `style`, and with the files of `package` that are named.

    ``_base.css`` and ``_base.js`` come before the others; all scripts run as one function. `data`
    is what they find as JSON in the element "data". `title` is text, and `body` is HTML.
    """
    rules = "\n".join([style, *(_file(package, name) for name in ("_base.css", *styles))])
    script = "\n".join(_file(package, name) for name in ("_base.js", *scripts))
    script = f"(() => {{\n{script}}})();\n"
    policy = (
        f"default-src 'none'; style-src '{_hash(rules)}'; script-src '{_hash(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    # In a script element only "</script" and "<!--" have a meaning, so no "<" is left.
    content = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(title, quote=False)}</title>\n<style>{rules}</style>\n</head>\n"
        f'<body>\n{body}\n<script type="application/json" id="data">{content}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def _file(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
