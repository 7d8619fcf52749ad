"""The parts that both HTML pages have are one source: the same files in both packages."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (
    ROOT / "packages/penstock/src/penstock/formats",
    ROOT / "packages/statecrumbs/src/statecrumbs/_reading/_page",
)


@pytest.mark.parametrize("name", ["_base.py", "_base.css", "_base.js"])
def test_both_packages_have_the_same_file(name):
    one, other = ((folder / name).read_bytes() for folder in FOLDERS)
    assert one == other, f"copy {name} from one of {FOLDERS} to the other"


def test_no_page_has_a_copy_of_its_own_of_what_is_shared():
    for folder in FOLDERS:
        for path in folder.glob("*.[cj]s*"):
            if not path.name.startswith("_base"):
                text = path.read_text("utf-8")
                for shared in ("box-sizing: border-box", "const byId =", "function element("):
                    assert shared not in text, path
