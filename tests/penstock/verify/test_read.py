"""Files of many processes: whatever is in them, they are read as far as they say something."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

import penstock
from penstock import flow
from penstock._graph import node_id, split_node_id
from penstock._verify import _runs
from penstock._verify._counter import StepCounter
from penstock._verify._evidence import read
from penstock._verify._file import EvidenceError
from penstock._verify._runs import Asked

STEP = {
    "step": "f:b",
    "began": 3,
    "errors": 1,
    "cancelled": 0,
    "seen": {"f:a": 2},
    "took": {"7": 3},
}


def process(number: int = 1, host: str = "web", epoch: int = 0) -> dict:
    return {"penstock": 1, "id": f"{number:016x}", "host": host, "pid": number, "epoch": epoch}


def asked(*runs: tuple[str, int], count: int | None = None, explained: bool = False) -> dict:
    return {
        "question": "f:b",
        "explained": explained,
        "missing": ["f:a"],
        "path": ["f:start"],
        "before": ["start"],
        "count": len(runs) if count is None else count,
        "asked": dict(runs),
        "limit": 1 << 32,
    }


def started(run: str, when: int) -> dict:
    return {"run": run, "flow": "f", "started": {"a": when}}


def write(path, *lines: dict, end: str = "\n"):
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(map(json.dumps, lines)) + end)
    return path


@pytest.fixture
def evidence_of(tmp_path):
    """Return a function that reads files with the given lines, one for each process."""

    def evidence(*files: list[dict]):
        for number, lines in enumerate(files):
            write(tmp_path / "evidence" / f"{number}.jsonl", *lines)
        return read([tmp_path / "evidence"])

    return evidence


def test_counts_of_several_processes_add_up(evidence_of):
    found = evidence_of([process(1), STEP], [process(2), STEP])
    assert found.steps["f:b"].began == 6
    assert found.steps["f:b"].seen == {"f:a": 4}
    assert found.steps["f:b"].took == {7: 6}
    assert found.processes == 2


def test_a_later_line_replaces_an_earlier_one(evidence_of):
    found = evidence_of([process(), {**STEP, "began": 1}, STEP])
    assert found.steps["f:b"].began == 3


def test_a_line_that_is_cut_off_does_not_count(tmp_path):
    path = write(tmp_path / "e" / "1.jsonl", process(), STEP, {**STEP, "began": 9}, end="")
    found = read([path])
    assert found.steps["f:b"].began == 3
    assert found.skipped == 1


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        "7",
        '{"step": "f:b"}',
        '{"step": "f:b", "began": "many"}',
        '{"other": 1}',
        "\x00",
        pytest.param(json.dumps({**STEP, "step": "of_no_flow"}), id="a step of no flow"),
        pytest.param(json.dumps({**STEP, "began": -3}), id="fewer than none"),
        pytest.param(json.dumps({**STEP, "errors": 10**400}), id="more than can be divided"),
        pytest.param(json.dumps({**STEP, "took": {"-1": 3}}), id="less than no time"),
        pytest.param(json.dumps({**STEP, "took": {str(10**12): 3}}), id="longer than time"),
        pytest.param(json.dumps({**asked(("x", 1)), "question": "b"}), id="of no flow"),
    ],
)
def test_a_line_that_says_nothing_is_counted_and_left_out(tmp_path, line):
    path = tmp_path / "1.jsonl"
    path.write_text("\n".join([json.dumps(process()), line, json.dumps(STEP)]) + "\n")
    found = read([path])
    assert found.steps["f:b"].began == 3
    assert found.skipped == 1


def test_a_file_given_twice_or_copied_counts_once(tmp_path):
    path = write(tmp_path / "e" / "1.jsonl", process(), STEP)
    shutil.copy(path, tmp_path / "e" / "copy.jsonl")
    newer = write(tmp_path / "newer.jsonl", process(), {**STEP, "began": 5})
    assert read([tmp_path / "e", path, newer]).steps["f:b"].began == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not a file that penstock.observe"),
        ("{}\n", "is not a file that penstock.observe"),
        ('{"penstock": 2}\n', "version 2 of the format; this penstock reads version 1"),
    ],
)
def test_what_is_no_evidence_is_refused(tmp_path, content, message):
    path = tmp_path / "x.jsonl"
    path.write_text(content)
    with pytest.raises(EvidenceError, match=message):
        read([path])


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("", 0),  # it was just made, or the disk was full
        ('{"penstock": 1, "id', 1),
        ("\x00" * 80 + "\n" + json.dumps(STEP) + "\n", 2),  # the machine lost power
        ('{"penstock": 1, "id": "1", "host": "web"}\n', 1),
        ('{"penstock": 1, "host": "web", "epoch": 0}\n', 1),
        ('{"text": "of somebody else"}\n', 1),
    ],
)
def test_a_file_that_says_nothing_does_not_hide_the_others(tmp_path, content, lines):
    write(tmp_path / "1.jsonl", process(), STEP)
    (tmp_path / "0.jsonl").write_text(content)
    found = read([tmp_path])
    assert found.steps["f:b"].began == 3
    assert (found.processes, found.skipped) == (1, lines)
    with pytest.raises(EvidenceError, match=r"0\.jsonl is not a file that penstock\.observe"):
        read([tmp_path / "0.jsonl"])


def test_a_folder_without_evidence_says_how_to_get_some(tmp_path):
    with pytest.raises(EvidenceError, match="PENSTOCK_OBSERVE="):
        read([tmp_path])


def test_what_another_process_started_before_explains_a_start(evidence_of):
    found = evidence_of(
        [process(1), STEP, asked(("x", 100), ("y", 100))],
        [process(2), started("x", 99), started("y", 101)],
    )
    (start,) = found.starts
    assert (start.count, start.example) == (1, "y")
    assert found.steps["f:b"].seen == {"f:a": 3}


def test_clocks_of_two_machines_may_differ_by_seconds(evidence_of):
    second = 1_000_000_000
    found = evidence_of(
        [process(1, host="web", epoch=0), STEP, asked(("x", 100), ("y", 100))],
        [
            process(2, host="worker", epoch=50 * second),
            started("x", 104 - 46 * second),  # 4 s later, by its own clock
            started("y", 106 - 44 * second),  # 6 s later
        ],
    )
    assert [start.example for start in found.starts] == ["y"]


def test_where_an_answer_may_have_been_dropped_nothing_is_judged(evidence_of):
    found = evidence_of([process(1), STEP, asked(("x", 100))], [process(2), {"limit": 0}])
    assert found.starts == []
    assert found.unjudged == 1


def test_what_holds_for_the_sample_holds_for_all_that_is_alike(evidence_of):
    runs = [(f"run-{n}", 100) for n in range(10)]
    found = evidence_of(
        [process(1), {**STEP, "began": 1000}, asked(*runs, count=1000)],
        [process(2), *(started(run, 1) for run, _ in runs[:7])],
    )
    assert found.starts[0].count == 300
    assert found.steps["f:b"].seen == {"f:a": 702}


def test_an_explained_start_is_never_odd_but_may_have_more_before_it(evidence_of):
    found = evidence_of(
        [process(1), STEP, asked(("x", 100), ("y", 100), explained=True)],
        [process(2), started("x", 99)],
    )
    assert found.starts == []
    assert found.steps["f:b"].seen == {"f:a": 3}


def test_samples_of_all_processes_are_of_the_same_runs(monkeypatch):
    monkeypatch.setattr(_runs, "MOST_RUNS", 10)
    ids = [f"run-{n}" for n in range(1000)]
    one, other = _runs.Sample(), _runs.Sample()
    for sample, order in ((one, ids), (other, ids[::-1])):
        for each in order:
            run = _runs.Run("f", each, is_whole=True)
            run.started["a"] = 1
            sample.offer(run)
    limit = min(one.limit, other.limit)
    smallest = {each for each in ids if _runs.hash_of(each) < limit}
    assert len(smallest) >= 10
    for sample in (one, other):
        kept = {run.correlation_id for run, _ in sample.changed()}
        assert smallest <= kept
        assert len(kept) <= 21


def test_runs_keep_the_ids_with_the_smallest_hashes(monkeypatch):
    monkeypatch.setattr(_runs, "MOST_ASKED", 10)
    question = Asked()
    ids = [f"run-{n}" for n in range(1000)]
    for each in ids:
        question.add(each, 1)
    assert question.count == 1000
    assert {each for each in ids if _runs.hash_of(each) < question.limit} == set(question.asked)


@given(st.text(), st.text())
def test_an_id_tells_its_flow_and_its_name(flow_name, name):
    assert split_node_id(node_id(flow_name, name)) == (flow_name, name)


@pytest.mark.parametrize(
    "field",
    [
        None,
        "",
        "{",
        "[",
        "7",
        '{"a": 1}',
        "[" * 1000,
        '["a"' + " " * 2000 + "]",
        "[1, 2]",
        "[null]",
    ],
)
def test_a_header_that_is_not_ours_makes_the_run_one_that_is_not_judged(registry, tmp_path, field):
    from corectx import extract
    from corectx.lowlevel import around

    orders = flow("orders")

    @orders.step(after="charge")
    def ship():
        return None

    header = {"id": "a" * 32, "parent": "b" * 16, "flow": "orders", "step": "receive"}
    if field is not None:
        header["started"] = field
    with penstock.observe(tmp_path / "evidence"):
        carrier = {"corectx": json.dumps(header)}
        around(ship, lambda: extract(carrier))()
    evidence = read([tmp_path / "evidence"])
    assert evidence.steps["orders:ship"].began == 1
    assert evidence.starts == []


def test_the_names_of_more_steps_than_fit_are_cut(registry):
    from corectx import extract, inject, subscribe

    orders = flow("orders")
    counter = StepCounter(lambda: None)
    headers = {}

    @orders.entrypoint
    def receive():
        for name in names:
            orders.step(after=receive, name=name)(lambda: None)()
        inject(headers)

    names = [f"{'long' * 10}-{n}" for n in range(100)]
    end = subscribe(counter)
    try:
        receive()
        arrived = json.loads(headers["corectx"])
        assert len(headers["corectx"]) < 2000
        first, *others = json.loads(arrived["started"])
        assert first is None
        assert others == names[-len(others) :]
        assert extract(headers) is not None
    finally:
        end()


def test_the_file_of_a_process_that_goes_on_can_be_read(registry, tmp_path):
    orders = flow("orders")

    @orders.entrypoint
    def receive():
        return None

    with penstock.observe(tmp_path) as observation:
        for expected in range(1, 4):
            receive()
            observation.flush()
            assert read([tmp_path]).steps["orders:receive"].began == expected
    assert len(os.listdir(tmp_path)) == 1
