"""The flow of the example against what it runs: as it is, and with mistakes planted in it."""

from __future__ import annotations

import pytest

from tests.examples.planting import ROOT, copy_examples, differences, run, verdict_of
from tests.examples.test_bom_sync import write_bom

# The program runs, as several processes, and so does the command.
pytestmark = pytest.mark.timeout(240)

APP = "examples.bom_sync.flow"
MISTAKES = {
    # A step that is declared, and never called: a dead edge.
    '    log.info("stored, parts: %d", len(parts))\n': """\
    log.info("stored, parts: %d", len(parts))


@flow("bom_sync")
@step(after="sync_to_database")
def archive() -> None:
    pass


@flow("bom_sync")
@step(after="archive")
def notify() -> None:
    pass


@flow("bom_sync")
@step(after="fetch_from_api")
def count_parts() -> None:
    pass
""",
    # A call that is not declared: `notify` comes after `archive`, and not from here.
    '        fetch_from_api(msg.payload["bom_id"])\n': """\
        fetch_from_api(msg.payload["bom_id"])
        notify()
        count_parts()
""",
    # The wrong predecessor: `count_parts` is what comes afterwards.
    '@step(after="handle_kafka_message")': '@step(after="count_parts")',
}


@pytest.fixture
def verdict_in(tmp_path):
    """Return a function that runs the example in a folder, and says what came of it."""

    def verdict(folder):
        bom = write_bom(tmp_path / "bom.json", 12)
        evidence = tmp_path / "evidence"
        run(
            folder,
            *("examples.bom_sync", "--bom", bom, "--output", tmp_path / "out"),
            PENSTOCK_OBSERVE=str(evidence),
        )
        return verdict_of(folder, APP, evidence)

    return verdict


def test_as_it_is_everything_is_seen_and_nothing_is_reported(verdict_in):
    verdict = verdict_in(ROOT)
    assert differences(verdict) == {"unseen": [], "undeclared": [], "never_run": []}
    # The program runs twice; it skips some messages, and dies of one.
    counts = {step["name"]: (step["runs"], step["errors"]) for step in verdict["steps"]}
    assert counts["handle_kafka_message"][1] == 1
    assert counts["sync_to_database"][1] == 1
    assert counts["fetch_from_api"][1] > 1
    assert [edge["count"] for edge in verdict["edges"]] == [
        counts["fetch_from_api"][0],
        counts["sync_to_database"][0],
    ]


def test_all_three_planted_mistakes_are_found_and_nothing_else(verdict_in, tmp_path):
    verdict = verdict_in(copy_examples(tmp_path / "copy", "bom_sync/flow.py", MISTAKES))
    assert differences(verdict) == {
        "unseen": [
            "archive -> notify",
            "count_parts -> fetch_from_api",
            "sync_to_database -> archive",
        ],
        "undeclared": [
            ("fetch_from_api", "count_parts", "handle_kafka_message"),
            ("notify", "archive", "handle_kafka_message"),
        ],
        "never_run": ["archive"],
    }
