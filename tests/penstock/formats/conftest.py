"""The programs that read what was drawn: a real browser, and the real Mermaid."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from penstock.formats import html
from tests.penstock.formats.node import packages

HERE = pathlib.Path(__file__).parent
# The browser itself must not look anything up, either.
FLAGS = [
    *("--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="module")
def read_by_mermaid():
    """Return a function that has the real Mermaid read, and maybe draw, diagrams."""
    folder = packages()

    def read(diagrams, *, draw=False):
        asked = json.dumps([{"text": text, "draw": draw} for text in diagrams])
        done = subprocess.run(
            ["node", HERE / "mermaid_labels.mjs", folder],
            input=asked,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return read


@pytest.fixture(scope="module")
def browser():
    """Start headless Chromium once."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("the Python package playwright")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        _missing("the program chromium")
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    with sync_playwright() as running:
        opened = running.chromium.launch(
            executable_path=program, args=[*FLAGS, *(["--no-sandbox"] if is_root else [])]
        )
        yield opened
        opened.close()


def _missing(what):
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and .ci/run promises this test")
    pytest.skip(f"needs {what}")


@pytest.fixture
def visit(browser, tmp_path):
    """Open a graph's page; at the end nothing was asked for, and nothing went wrong."""
    troubles = []
    contexts = []

    def open_page(graph, scheme="light", *, collapse=False, **options):
        file = tmp_path / "map.html"
        file.write_bytes(html.render(graph, collapse=collapse).encode())
        context = browser.new_context(
            viewport={"width": 1200, "height": 800}, color_scheme=scheme, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(50_000)
        page.on("request", lambda asked: asked.url != file.as_uri() and troubles.append(asked.url))
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(dialog.message))
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []
