"""The small examples, run as their first lines say: what they print and leave behind."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
WIDTH = 80  # columns of a terminal that nobody made larger


def run(program: str, *arguments: object, exits: int = 0) -> subprocess.CompletedProcess[str]:
    """Run an example from the top folder: it ends with the status `exits`, and fits a terminal."""
    done = subprocess.run(
        [sys.executable, "-W", "error", f"examples/{program}", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=50,
        check=False,
    )
    assert done.returncode == exits, done.stderr
    # Only the path of a temporary folder may be as long as it likes.
    wide = [line for line in done.stdout.splitlines() if len(line) > WIDTH and "/" not in line]
    assert wide == []
    return done


def untimed(text: str) -> str:
    """Replace the times in what format_text prints."""
    return re.sub(r"^[ -]\d+\.\d{6}s", "TIME", text, flags=re.MULTILINE)


def first_json(text: str) -> Any:
    return json.JSONDecoder().raw_decode(text, text.index("[\n"))[0]


def events(crumbs: list[dict[str, Any]]) -> list[str]:
    return [crumb["event"] for crumb in crumbs]


def test_the_examples_are_those_that_the_readme_of_statecrumbs_has_always_listed():
    assert PROGRAMS == [
        "basic_context.py",
        "basic_crumb.py",
        "data_ingest.py",
        "nested_context.py",
        "prod_scale_pipeline.py",
        "web_request.py",
    ]


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_example_says_how_it_is_run(program):
    assert f"\n    python examples/{program}" in (ROOT / "examples" / program).read_text("utf-8")


def test_basic_crumb_crashes_and_its_dump_shows_what_it_did_last():
    done = run("basic_crumb.py", exits=1)

    assert done.stdout == "cellar    11.6 °C\nkitchen   20.2 °C\n"
    *crumbs, crash = first_json(done.stderr)
    assert events(crumbs) == ["averaging", "averaged", "averaging", "averaged", "averaging"]
    assert (crumbs[-1]["room"], crumbs[-1]["readings"]) == ("'attic'", "[]")
    assert crash["exception"]["type"] == "ZeroDivisionError"
    assert crash["exception"]["traceback"][-1]["function"] == "average"
    assert crash["dropped"] == 1
    assert done.stderr.endswith("\nZeroDivisionError: division by zero\n")


def test_basic_context_shows_each_request_with_its_own_values():
    done = run("basic_context.py")

    assert untimed(done.stdout).splitlines() == [
        "TIME  request_start  path='/orders'  [request_id=req-1 user=alice]",
        "TIME  request_end    status=200  [request_id=req-1 user=alice]",
        "TIME  request_start  path='/invoices'  [request_id=req-2 user=bob]",
        "TIME  request_end    status=200  [request_id=req-2 user=bob]",
        "TIME  idle",
    ]


def test_nested_context_keeps_two_orders_apart_that_are_done_at_once():
    done = run("nested_context.py")

    lines = done.stdout.splitlines()
    assert lines.pop() == "afterwards:    {}"
    for order in (1, 2):
        mine = [line for line in lines if f"'order_id': {order}" in line]
        assert mine == [
            f"looking_for    {{'order_id': {order}, 'step': 'reserve'}}",
            f"found          {{'order_id': {order}, 'step': 'reserve', 'shelf': 'B7'}}",
            f"label_printed  {{'order_id': {order}, 'step': 'ship'}}",
            f"done           {{'order_id': {order}}}",
        ]
    assert lines.index(mine[0]) == 1, "the second order begins before the first one is done"


def test_web_request_answers_and_the_one_that_fails_shows_its_own_trail_only():
    done = run("web_request.py")

    answers = done.stdout.strip().split("\n\n")
    assert answers.pop(2).startswith("500 /sofa/1\n")
    assert answers == ["200 /kettle/2\n50 EUR", "200 /lamp/1\n40 EUR", "200 /kettle/3\n75 EUR"]
    trail = re.sub(r"req-\d", "req-N", untimed(done.stdout.strip().split("\n\n")[2]))
    assert trail.splitlines()[1:] == [
        "TIME  request_start   path='/sofa/1'  [request_id=req-N]",
        "TIME  parsing         count='1'  [request_id=req-N step=parse]",
        "TIME  looking_up      item='sofa'  [request_id=req-N step=price]",
        "TIME  request_failed  error=KeyError('sofa')  [request_id=req-N]",
    ]
    assert done.stderr == ""


def test_data_ingest_exports_the_crumbs_of_a_good_and_of_a_failed_run(tmp_path):
    done = run("data_ingest.py", tmp_path / "new")

    assert f"ingest-42  loaded  10 crumbs in {tmp_path}/new/ingest-42.json\n" in done.stdout
    assert f"ingest-43  FAILED   7 crumbs in {tmp_path}/new/ingest-43.json\n" in done.stdout
    assert done.stdout.endswith("4 articles are stored\n")
    good = json.loads((tmp_path / "new" / "ingest-42.json").read_text("utf-8"))
    assert {**good[3], "ts": ""} == {
        "event": "transform_completed",
        "ts": "",
        "thread": "MainThread",
        "context": {"pipeline_id": "ingest-42", "stage": "transform"},
        "records": "4",
    }
    assert events(good)[-2:] == ["load_completed", "pipeline_completed"]
    bad = json.loads((tmp_path / "new" / "ingest-43.json").read_text("utf-8"))
    assert bad[-2:] == first_json(done.stdout)
    assert events(bad)[-2:] == ["storing", "pipeline_failed"]
    assert {crumb["context"]["pipeline_id"] for crumb in bad} == {"ingest-43"}


def test_prod_scale_pipeline_still_knows_the_batch_that_failed_long_ago(tmp_path):
    done = run("prod_scale_pipeline.py", tmp_path / "new")

    *crumbs, crash = json.loads((tmp_path / "new" / "failed_batch.json").read_text("utf-8"))
    trail = [crumb for crumb in crumbs if crumb["context"] == {"batch": 7}]
    assert len(crumbs) == 200 + 20
    assert crumbs[:20] == trail, "in the order of time the batch comes long before the rest"
    assert (trail[-1]["record"], trail[-1]["text"]) == ("7512", "'7,5'")
    assert crash["context"] == {"batch": 7}
    assert crash["dropped"] == 1026 - 20
    assert "Batch 7 failed: could not convert string to float: '7,5'\n" in done.stdout
    assert "in the ring    0\n" in done.stdout
