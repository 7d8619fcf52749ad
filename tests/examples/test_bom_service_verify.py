"""The service's flow against what its processes run, with mistakes planted in it.

That nothing is reported of it as it is, is part of the story that test_bom_service compares.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.examples.planting import copy_examples, differences, run

# The program starts a web process and a worker.
pytestmark = pytest.mark.timeout(120)

APP = "examples.bom_service.views"
# As `manage.py penstock` would: the models have to be loaded before the tasks that use them.
VERIFY = """
import sys, django
django.setup()
from penstock.cli import main
sys.exit(main(["--app", sys.argv[1], "verify", sys.argv[2], "--json"]))
"""
MISTAKES = {
    # A step that is declared, and never sent: a dead edge.
    '    log.info("parts_linked", bom=bom.name, links=len(needs))\n': """\
    log.info("parts_linked", bom=bom.name, links=len(needs))
    tell_owner.delay(bom_id)


@flow("bom_import")
@flow_task(after="link_parts")
def check_licenses(bom_id: int) -> None:
    pass


@flow("bom_import")
@flow_task(after="check_licenses")
def tell_owner(bom_id: int) -> None:
    pass
""",
    # `tell_owner` is sent by `link_parts`, declared to come after what never runs: an undeclared
    # call. And `store_parts` has the wrong predecessor, which it sends itself.
    '@flow_task(after="receive_bom", base=ImportTask)': (
        '@flow_task(after="link_parts", base=ImportTask)'
    ),
}


def test_all_three_planted_mistakes_are_found_and_nothing_else(tmp_path):
    folder = copy_examples(tmp_path / "copy", "bom_service/tasks.py", MISTAKES)
    output = tmp_path / "out"
    run(folder, "examples.bom_service", "--output", output)
    done = subprocess.run(
        [sys.executable, "-c", VERIFY, APP, output / "evidence"],
        cwd=folder,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "examples.bom_service.settings",
            "BOM_SERVICE_FOLDER": str(output),
            "BOM_SERVICE_BROKER": "filesystem://",
        },
        capture_output=True,
        encoding="utf-8",
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (verdict,) = json.loads(done.stdout).values()
    found = differences(verdict)
    assert found["unseen"] == [
        "check_licenses -> tell_owner",
        "link_parts -> check_licenses",
        "link_parts -> store_parts",
    ]
    assert {(step, expected) for step, expected, _ in found["undeclared"]} == {
        ("store_parts", "link_parts"),
        ("tell_owner", "check_licenses"),
    }
    assert found["never_run"] == ["check_licenses"]
