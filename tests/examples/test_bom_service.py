"""The main example, as processes: one ID in four places, a dump, the end of every process."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import uuid
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# Each run is three Python processes with Django and Celery, and the tool that makes the documents.
pytestmark = pytest.mark.timeout(120)

ROOT = Path(__file__).resolve().parents[2]
JOB = [sys.executable, "-m", "examples.bom_service"]
WIDTH = 80  # columns of a terminal that nobody made larger

# The complete output. Parts that differ between runs are normalised.
STORY = """\
bom_service: a web process takes bills of materials, a worker imports them

  into  FOLDER
  web   a separate process, on port PORT
  work  a separate process, with the broker filesystem
  post  service      202 Accepted
  post  environment  202 Accepted
  post  cut-off      400 Bad Request  it is not JSON
  post  unpinned     202 Accepted
  work  service      done, parts: 3
  work  environment  done, parts: NUMBER
  work  unpinned     failed, parts: 0

Every place with the ID of the request for service:

  $ grep ID *.log *.spans

  header        X-Correlation-ID
  web.log       document_received
                import_queued
  worker.log    storing_parts
                Task examples.bom_service.tasks.store_parts[...
                parts_linked
                Task examples.bom_service.tasks.link_parts[...
  web.spans     POST /boms/<slug:name>/
                receive_bom
  worker.spans  examples.bom_service.tasks.store_parts
                store_parts
                examples.bom_service.tasks.link_parts
                link_parts

Crumbs of the failed flow, from both processes:

  web     receive_bom   document_received    name='unpinned' size=NUMBER
  web     receive_bom   import_queued        bom=3
  worker  store_parts   storing_parts        bom='unpinned' parts=4
  worker  store_parts   unhandled_exception

  failed step  store_parts
  at           examples/bom_service/tasks.py:NUMBER
  exception    django.db.utils.IntegrityError
               NOT NULL constraint failed: bom_service_part.version
  flow ID      ID
  dump         FOLDER/worker.dump.json

The map, drawn from the code:

  bom_import
  ──────────

  ◆ receive_bom  Takes a CycloneDX document.
  │
  ■ store_parts  Stores its components as parts.
  │
  ■ link_parts   Links each part to those that it needs.

  ◆ entrypoint   ■ task, through a queue

Counts of real runs, in both processes:

  bom_import: 2 of 2 edges seen
                 runs    failed  p50  p95
    receive_bom     4         -  TOOK  TOOK
    store_parts     3  1 (33 %)  TOOK  TOOK
    link_parts      2         -  TOOK  TOOK

    receive_bom -> store_parts  3
    store_parts -> link_parts   2

  2 of 2 edges seen (100 %), 0 undeclared starts, 0 steps never ran
  observed in 2 processes

The failed flow as one page, over both processes, and on the map:

  FOLDER/page.html
  FOLDER/map.html

Everything is in FOLDER

  boms.sqlite  boxes/  broker/  documents/  evidence/  map.html  map.mmd
  page.html  web.log  web.spans  web.stderr  worker.dump.json  worker.log
  worker.spans  worker.stderr
"""


def start(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*JOB, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,  # a process group of its own, as a shell makes one for Ctrl-C
    )


def run(*arguments: object, **environment: str) -> tuple[int, str, str]:
    """Run the job to its end; return its exit code, and what it wrote to both streams."""
    with start(*arguments, **environment) as job:
        output, errors = job.communicate(timeout=100)
    return job.returncode, output, errors


def running_in(folder: Path) -> set[int]:
    """Return the processes that were told to write to `folder`."""
    mark = f"BOM_SERVICE_FOLDER={folder}\0".encode()
    found = set()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended in the meantime
            if mark in environment.read_bytes():
                found.add(int(environment.parent.name))
    return found


def normalised(output: str, folder: Path) -> str:
    """Replace what differs from run to run."""
    output = output.replace(str(folder), "FOLDER")
    output = re.sub(r"\b[0-9a-f]{32}\b", "ID", output)
    output = re.sub(r"\[[0-9a-f-]+\.\.\.$", "[...", output, flags=re.MULTILINE)
    output = re.sub(r"(environment  done, parts: |size=)\d+", r"\1NUMBER", output)
    output = re.sub(r"(tasks\.py:)\d+$", r"\1NUMBER", output, flags=re.MULTILINE)
    output = re.sub(r" +[\d.]+ (?:us|ms|s)\b", "  TOOK", output)
    output = re.sub(r" +p50 +p95$", "  p50  p95", output, flags=re.MULTILINE)
    return re.sub(r"on port \d+", "on port PORT", output)


@dataclass
class Done:
    """A whole story, told once for all tests that only look at it."""

    folder: Path
    output: str

    def lines(self, name: str) -> list[dict[str, Any]]:
        text = (self.folder / name).read_text("utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def stored(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / "boms.sqlite")) as database:
            return database.execute(query).fetchall()

    def flow_id(self, name: str) -> str:
        """Return what the web process logged as the ID of the request for a document."""
        (found,) = [
            each["flow_id"]
            for each in self.lines("web.log")
            if each["event"] == "document_received" and each["name"] == name
        ]
        return found


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bom_service")
    code, output, errors = run("--output", folder)
    assert (code, errors) == (0, "")
    return Done(folder, output)


def test_it_tells_the_whole_story_and_fits_a_terminal(done):
    assert normalised(done.output, done.folder) == STORY
    lines = done.output.replace(str(done.folder), "FOLDER").splitlines()
    assert [line for line in lines if len(line) > WIDTH] == []


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only: /proc has each environment")
def test_no_process_is_left_afterwards(done):
    assert running_in(done.folder) == set()
    for name in ("web", "worker"):
        assert (done.folder / f"{name}.stderr").read_text("utf-8") == ""


def test_one_id_is_in_the_header_both_logs_both_span_files_and_the_database(done):
    printed = re.search(r"grep ([0-9a-f]{32}) ", done.output)[1]
    assert printed == done.flow_id("service")

    assert done.stored("SELECT flow_id FROM bom_service_import WHERE name = 'service'") == [
        (printed,)
    ]
    worker = [each["event"] for each in done.lines("worker.log") if each.get("flow_id") == printed]
    assert [each for each in worker if not each.startswith("Task ")] == [
        "storing_parts",
        "parts_linked",
    ]
    for name, number in (("web", 2), ("worker", 4)):
        spans = done.lines(f"{name}.spans")
        assert sum(each["context"]["trace_id"] == f"0x{printed}" for each in spans) == number


def test_every_request_has_an_id_of_its_own_also_the_one_that_was_refused(done):
    names = ("service", "environment", "cut-off", "unpinned")
    assert len({done.flow_id(name) for name in names}) == len(names)
    (refused,) = [each for each in done.lines("web.log") if each["event"] == "document_refused"]
    assert (refused["flow_id"], refused["level"]) == (done.flow_id("cut-off"), "warning")


def test_the_spans_of_both_processes_are_one_tree(done):
    trace_id = f"0x{done.flow_id('service')}"
    spans = {
        each["context"]["span_id"]: each
        for name in ("web", "worker")
        for each in done.lines(f"{name}.spans")
        if each["context"]["trace_id"] == trace_id
    }

    def path(span: dict[str, Any] | None) -> list[str]:
        return [] if span is None else [*path(spans.get(span["parent_id"])), span["name"]]

    assert max((path(span) for span in spans.values()), key=len) == [
        "POST /boms/<slug:name>/",
        "receive_bom",
        "examples.bom_service.tasks.store_parts",
        "store_parts",
        "examples.bom_service.tasks.link_parts",
        "link_parts",
    ]


def test_the_dump_of_the_failed_task_begins_with_the_crumbs_of_the_web_process(done):
    path = done.folder / "worker.dump.json"
    *crumbs, crash = json.loads(path.read_text("utf-8"))

    assert path.stat().st_mode & 0o777 == 0o600
    frame = crash["frame"]
    assert (frame["kind"], frame["name"], frame["flow"]) == ("step", "store_parts", "bom_import")
    assert frame["correlation_id"] == done.flow_id("unpinned")
    mine = [each for each in crumbs if each["frame"]["correlation_id"] == frame["correlation_id"]]
    assert [(each["frame"]["name"], each["event"]) for each in mine] == [
        ("receive_bom", "document_received"),
        ("receive_bom", "import_queued"),
        ("store_parts", "storing_parts"),
    ]
    line = int(re.search(r"^  at +\S+tasks\.py:(\d+)$", done.output, re.MULTILINE)[1])
    source = (ROOT / "examples" / "bom_service" / "tasks.py").read_text("utf-8")
    assert source.splitlines()[line - 1].strip().startswith("Part.objects.bulk_create(")
    assert ["origin" in each["frame"] for each in mine] == [True, True, False]
    assert not mine[0]["frame"]["origin"].startswith(f"{crash['process']['pid']}@")


def test_what_the_good_documents_list_is_stored_and_nothing_of_the_one_that_failed(done):
    assert done.stored("SELECT name, state FROM bom_service_import ORDER BY id") == [
        ("service", "done"),
        ("environment", "done"),
        ("unpinned", "failed"),
    ]
    made = json.loads((done.folder / "documents" / "environment.json").read_text("utf-8"))
    parts = "FROM bom_service_part WHERE bom_id ="
    assert {name for (name,) in done.stored(f"SELECT name {parts} 2")} == {
        each["name"] for each in made["components"]
    }
    assert done.stored(f"SELECT count(*) {parts} 3") == [(0,)]
    ((links,),) = done.stored("SELECT count(*) FROM bom_service_part_needs")
    assert links > len(made["components"]) / 2


def test_the_map_is_left_as_mermaid(done):
    assert (done.folder / "map.mmd").read_text("utf-8") == (
        "graph TD\n    receive_bom --o store_parts\n    store_parts --o link_parts\n"
    )


def test_the_failed_request_is_one_page_over_both_processes_and_marked_on_the_map(done):
    page = (done.folder / "page.html").read_text("utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    assert "NOT NULL constraint failed" in data["headline"]
    assert [crumb["event"] for crumb in data["crumbs"]] == [
        "document_received",
        "import_queued",
        "storing_parts",
        "unhandled_exception",
    ]
    names = [name.partition(" ")[0] for name in data["processes"]]
    assert [names[of] for of in data["of"]] == ["web.py", "web.py", "worker.py", "worker.py"]
    assert data["joins"] == [[1, 2]]
    drawn = (done.folder / "map.html").read_text("utf-8")
    assert "2  failed here</text>" in drawn


BROKERS = {"redis": "redis://127.0.0.1:6379", "rabbitmq": "amqp://guest:guest@127.0.0.1:5672//"}


@pytest.mark.parametrize("broker", BROKERS)
def test_a_real_broker_carries_the_same_story(tmp_path, broker):
    port = int(re.search(r":(\d+)/*$", BROKERS[broker])[1])
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
    except OSError:
        pytest.skip(f"{broker} does not answer on 127.0.0.1:{port}")
    folder = tmp_path / uuid.uuid4().hex  # its name is that of the queue
    code, output, errors = run("--output", folder, "--broker", BROKERS[broker])

    assert (code, errors) == (0, "")
    story = STORY.replace("broker filesystem", f"broker {BROKERS[broker].partition(':')[0]}")
    told = normalised(output, folder).partition("\nEverything is in")[0]
    assert told == story.partition("\nEverything is in")[0]
    assert not (folder / "broker").exists()


def test_a_broker_that_is_down_is_a_clear_message_and_leaves_no_process(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # nobody listens here
        code, _, errors = run(
            "--output", tmp_path, "--broker", f"redis://127.0.0.1:{free.getsockname()[1]}"
        )

    assert code == 1
    assert errors.startswith("The worker ended with exit code 1.\n")
    assert "Connection refused" in errors
    assert len(errors.splitlines()) == 2
    assert running_in(tmp_path) == set()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only: /proc has each environment")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_when_it_is_interrupted_or_killed_both_processes_end_too(tmp_path, number, status):
    with start("--output", tmp_path) as job:
        assert any(line.startswith("  post") for line in job.stdout), job.stderr.read()
        ends = []
        for pid in running_in(tmp_path):
            with suppress(ProcessLookupError):  # a tool that makes a document, and is done
                ends.append(os.pidfd_open(pid))
        os.killpg(job.pid, number)
        _, errors = job.communicate(timeout=100)

    assert len(ends) >= 2
    for end in ends:  # readable when the process has ended
        assert select.select([end], [], [], 60)[0]
        os.close(end)
    assert (job.returncode, errors) == (status, "")
    assert running_in(tmp_path) == set()
