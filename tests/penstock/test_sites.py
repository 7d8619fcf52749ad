"""Maps in documentation sites: built by the real Sphinx and MkDocs, without any other program."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

SHOP = '''
from penstock import entrypoint, flow, step

@flow("orders")
@entrypoint
def receive(order):
    """Takes an order."""

@flow("orders")
@step(after="receive")
def ship(order):
    """Sends the parcel."""
'''


def build(folder, *command: str):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", *command],
        cwd=folder,
        env={"PATH": "/nonexistent", "HOME": str(folder), "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def sphinx(tmp_path):
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "conf.py").write_text(
        "extensions = ['penstock.contrib.sphinx']\npenstock_app = 'shop'\nproject = 'shop'\n"
    )

    def run(page: str, builder: str = "html"):
        (tmp_path / "index.rst").write_text(page)
        return build(tmp_path, "sphinx", "-W", "-b", builder, ".", "out")

    return run


PAGE = """
Shop
====

.. penstock:: orders
   :direction: LR
"""


def test_sphinx_puts_the_map_into_the_page(sphinx, tmp_path):
    done = sphinx(PAGE)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "index.html").read_text()
    assert "<svg" in page
    assert "receive" in page
    assert "Sends the parcel." in page
    assert "◆" not in page


def test_a_drawing_wider_than_its_page_is_scrolled_alone(sphinx, mkdocs, tmp_path):
    assert sphinx(PAGE).returncode == 0
    assert mkdocs("<!-- penstock:flow=orders -->\n").returncode == 0
    for folder in ("out", "site"):
        page = (tmp_path / folder / "index.html").read_text()
        assert '<div class="penstock" style="overflow-x:auto">' in page


def test_sphinx_shows_the_text_drawing_where_there_is_no_html(sphinx, tmp_path):
    done = sphinx(PAGE, "text")
    assert done.returncode == 0, done.stderr
    assert "◆ receive" in (tmp_path / "out" / "index.txt").read_text()


def test_sphinx_fails_a_strict_build_on_an_unknown_flow(sphinx):
    done = sphinx(PAGE.replace("orders", "oders"))
    assert done.returncode != 0
    # Sphinx before 8.1 ends at the first warning, and says so in a line above.
    message = r"index\.rst:5:( WARNING: )?Unknown flow 'oders'\. Did you mean 'orders'\?"
    assert re.search(message, done.stderr)


def test_sphinx_refuses_a_program_that_cannot_be_imported(sphinx, tmp_path):
    (tmp_path / "shop.py").write_text("import nothing_like_that\n")
    done = sphinx(PAGE)
    assert done.returncode != 0
    assert "penstock_app" in done.stderr


@pytest.fixture
def mkdocs(tmp_path):
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "hooks.py").write_text(
        "from penstock.contrib.mkdocs import on_config, on_page_markdown\n"
    )
    (tmp_path / "mkdocs.yml").write_text(
        "site_name: shop\nhooks: [hooks.py]\nextra:\n  penstock_app: shop\n"
    )
    (tmp_path / "docs").mkdir()

    def run(page: str):
        (tmp_path / "docs" / "index.md").write_text(page)
        return build(tmp_path, "mkdocs", "build", "--strict")

    return run


def test_mkdocs_puts_the_map_where_the_marker_is(mkdocs, tmp_path):
    done = mkdocs(
        "# Shop\n\n<!-- penstock:flow=orders -->\nstale drawing\n<!-- penstock:end -->\n\nText.\n"
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "index.html").read_text()
    assert page.count("<svg") == 1
    assert "stale drawing" not in page
    assert "<p>Text.</p>" in page


def test_mkdocs_fails_a_strict_build_on_an_unknown_flow(mkdocs):
    done = mkdocs("# Shop\n\n<!-- penstock:flow=oders -->\n")
    assert done.returncode != 0
    assert "index.md: Unknown flow 'oders'. Did you mean 'orders'?" in done.stderr


def test_mkdocs_fails_a_strict_build_where_the_program_cannot_be_imported(mkdocs, tmp_path):
    (tmp_path / "shop.py").write_text(SHOP + "import nothing_like_that\n")
    done = mkdocs("# Shop\n\n<!-- penstock:flow=orders -->\n")
    assert done.returncode != 0
    assert "penstock_app 'shop': Importing 'shop' failed" in done.stderr
    assert "No module named 'nothing_like_that'" in done.stderr
