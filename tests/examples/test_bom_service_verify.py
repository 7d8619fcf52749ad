"""The service's flow against what its processes run, with mistakes planted in it.

That nothing is reported of it as it is, is part of the story that test_bom_service compares.
"""

from __future__ import annotations

import pytest

from tests.examples.planting import copy_examples, differences, run, verdict_of

# The program starts a web process and a worker.
pytestmark = pytest.mark.timeout(240)

APP = "examples.bom_service.flows:declare"
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
    verdict = verdict_of(folder, APP, output / "evidence")
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
