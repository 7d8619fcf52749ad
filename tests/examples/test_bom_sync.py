"""The main example, as processes: what it prints, stores, logs and dumps, and how it ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# Each story takes several processes.
pytestmark = pytest.mark.timeout(120)

ROOT = Path(__file__).resolve().parents[2]
JOB = [sys.executable, "-m", "examples.bom_sync"]
WIDTH = 80  # columns of a terminal that nobody made larger

# The complete output for 12 components. Parts that differ between runs are normalised.
STORY = """\
bom_sync: updates of bills of materials become parts in a database

  into  FOLDER
  BOM   12 components
  API   a separate process, on port PORT
  sync  3 of 15 messages
  sync  update 4 skipped: it is not JSON
  sync  7 of 15 messages
  sync  update 8 skipped: it has no bom_id
  sync  11 of 15 messages
  sync  update 12 skipped: the API knows no left-pad
  sync  15 of 15 messages

15 messages: 12 synced, 3 skipped; 12 parts are stored

Log lines of one message, from both processes:

  $ grep -h ID *.log | sort

  TIME  sync  handle_kafka_message  update 14 received
  TIME  api                         GET part-11: 200 OK
  TIME  sync  fetch_from_api        got part-11, parts: 3
  TIME  sync  sync_to_database      stored, parts: 3

The map, drawn from the code:

  bom_sync
  ────────

  ◆ handle_kafka_message  Receives BOM update from Kafka.
  │
  ● fetch_from_api        Fetches full BOM data from external API.
  │
  ● sync_to_database      Syncs BOM parts to local database.

  ◆ entrypoint   ● step

Once more, with an unexpected message:

  $ python -m examples.bom_sync --crash
  into  FOLDER/crash
  BOM   13 components
  API   a separate process, on port PORT
  sync  4 of 16 messages
  sync  update 4 skipped: it is not JSON
  exit  code 1, traceback in FOLDER/crash/stderr.txt

Crumbs of the failed flow:

  handle_kafka_message  update_received  offset=7 value=b'{"bom_id": "in-hous...
  fetch_from_api        fetching         bom_id='in-house-tool'
  sync_to_database      storing          parts=['in-house-tool']
  sync_to_database      unhandled_exception

  failed step  sync_to_database
  exception    sqlite3.IntegrityError: NOT NULL constraint failed: part.version
  flow ID      ID
  dump         FOLDER/crash/dump.json, 24 records

Everything is in FOLDER

  .      api.log  bom.json  map.mmd  parts.sqlite  sync.log
  crash  api.log  bom.json  dump.json  parts.sqlite  stderr.txt  sync.log
"""


def write_bom(path: Path, size: int) -> Path:
    """Write a CycloneDX document of `size` components, each of which needs the next two."""
    names = [f"part-{number}" for number in range(size)]
    components = [{"bom-ref": f"{each}==1.0", "name": each, "version": "1.0"} for each in names]
    needs = [
        {"ref": f"{each}==1.0", "dependsOn": [f"{names[(n + i) % size]}==1.0" for i in (1, 2)]}
        for n, each in enumerate(names)
    ]
    path.write_text(json.dumps({"components": components, "dependencies": needs}), "utf-8")
    return path


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the job from the top folder, to its end and that of every process it has started."""
    # Those have our pipe as their stderr: run() returns when the last of them has closed it.
    return subprocess.run(
        [*JOB, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "error", **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )


def normalised(output: str, folder: Path) -> str:
    """Replace what differs from run to run."""
    output = output.replace(str(folder), "FOLDER")
    output = re.sub(r"\b[0-9a-f]{32}\b", "ID", output)
    output = re.sub(r"\b\d\d:\d\d:\d\d\.\d{6}\b", "TIME", output)
    return re.sub(r"on port \d+", "on port PORT", output)


@dataclass
class Done:
    """A whole story, told once for all tests that only look at it."""

    folder: Path
    output: str

    def log(self, name: str) -> list[str]:
        return (self.folder / name).read_text("utf-8").splitlines()

    def stored(self, name: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / name)) as database:
            return database.execute("SELECT * FROM part ORDER BY ref").fetchall()


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bom_sync")
    bom = write_bom(tmp_path_factory.mktemp("bom") / "bom.json", 12)
    ended = run("--bom", bom, "--output", folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    return Done(folder, ended.stdout)


def test_it_tells_the_whole_story(done):
    assert normalised(done.output, done.folder) == STORY


def test_every_part_is_stored_under_the_flow_id_of_a_message(done):
    parts = done.stored("parts.sqlite")

    assert {(name, version) for _, name, version, _ in parts} == {
        (f"part-{number}", "1.0") for number in range(12)
    }
    logged = "\n".join(done.log("sync.log"))
    assert all(re.fullmatch("[0-9a-f]{32}", flow_id) for *_, flow_id in parts)
    assert all(f"{flow_id}  " in logged for *_, flow_id in parts)


def test_each_message_has_one_flow_id_in_the_logs_of_both_processes(done):
    received = [line for line in done.log("sync.log") if "received" in line]
    flow_ids = [line.split()[0] for line in received]

    assert len(flow_ids) == len(set(flow_ids)) == 15
    asked = [line.split()[0] for line in done.log("api.log")]
    assert asked == [each for n, each in enumerate(flow_ids) if n not in (4, 8)]


def test_a_message_that_the_api_refused_is_logged_by_both_processes(done):
    (refused,) = [line for line in done.log("api.log") if line.endswith("404 Not Found")]

    flow_id = refused.split()[0]
    mine = [line for line in done.log("sync.log") if line.startswith(flow_id)]
    assert mine[-1].endswith("update 12 skipped: the API knows no left-pad")


def test_the_map_is_left_as_mermaid(done):
    assert (done.folder / "map.mmd").read_text("utf-8") == (
        "graph TD\n"
        "    handle_kafka_message --> fetch_from_api\n"
        "    fetch_from_api --> sync_to_database\n"
    )


def test_the_crash_leaves_a_dump_that_names_flow_step_and_flow_id(done):
    path = done.folder / "crash" / "dump.json"
    *crumbs, crash = json.loads(path.read_text("utf-8"))

    assert path.stat().st_mode & 0o777 == 0o600
    assert crash["event"] == "unhandled_exception"
    assert crash["frame"]["kind"] == "step"
    assert (crash["frame"]["flow"], crash["frame"]["name"]) == ("bom_sync", "sync_to_database")
    flow_id = crash["frame"]["correlation_id"]
    mine = [each for each in crumbs if each["frame"]["correlation_id"] == flow_id]
    assert [(each["frame"]["flow"], each["frame"]["name"], each["event"]) for each in mine] == [
        ("bom_sync", "handle_kafka_message", "update_received"),
        ("bom_sync", "fetch_from_api", "fetching"),
        ("bom_sync", "sync_to_database", "storing"),
    ]
    assert crumbs[-3:] == mine
    assert {each["frame"]["flow"] for each in crumbs} == {"bom_sync"}
    assert any(line.startswith(flow_id) for line in done.log("crash/sync.log"))
    assert any(line.startswith(flow_id) for line in done.log("crash/api.log"))


def test_what_was_stored_before_the_crash_is_there_and_nothing_of_the_message_that_failed(done):
    names = [name for _, name, _, _ in done.stored("crash/parts.sqlite")]

    assert "part-0" in names
    assert "in-house-tool" not in names


def test_with_crash_it_dies_of_the_exception_and_leaves_the_dump(tmp_path):
    bom = write_bom(tmp_path / "given.json", 4)
    ended = run("--crash", "--bom", bom, "--output", tmp_path / "new" / "folder")

    assert ended.returncode == 1
    assert ended.stderr.startswith("Traceback (most recent call last):\n")
    assert ended.stderr.endswith(
        "\nsqlite3.IntegrityError: NOT NULL constraint failed: part.version\n"
    )
    crash = json.loads((tmp_path / "new" / "folder" / "dump.json").read_text("utf-8"))[-1]
    assert crash["frame"]["name"] == "sync_to_database"


def test_a_second_run_into_the_same_folder_updates_what_is_there(done, tmp_path):
    folder = shutil.copytree(done.folder, tmp_path / "again")
    ended = run("--bom", folder / "bom.json", "--output", folder)

    assert normalised(ended.stdout, folder) == STORY


def test_without_options_it_takes_the_real_bom_into_a_new_folder_and_fits_a_terminal(tmp_path):
    # Warnings are no errors here: cyclonedx-bom has some of its own.
    ended = run(PYTHONWARNINGS="", TMPDIR=str(tmp_path))

    assert (ended.returncode, ended.stderr) == (0, "")
    (folder,) = tmp_path.glob("bom_sync-*")
    bom = json.loads((folder / "bom.json").read_text("utf-8"))
    assert bom["bomFormat"] == "CycloneDX"
    assert "cyclonedx-py" in json.dumps(bom["metadata"]["tools"])
    with closing(sqlite3.connect(folder / "parts.sqlite")) as database:
        stored = {name for (name,) in database.execute("SELECT name FROM part")}
    assert stored == {each["name"] for each in bom["components"]}
    assert {"corectx", "penstock", "statecrumbs", "cyclonedx-bom"} < stored
    printed = ended.stdout.replace(str(tmp_path), "/TMP")
    assert [line for line in printed.splitlines() if len(line) > WIDTH] == []


def test_a_tool_that_fails_is_a_clear_message_and_not_a_crash(tmp_path):
    (tmp_path / "cyclonedx_py.py").write_text("raise SystemExit('no room')", "utf-8")
    ended = run("--output", tmp_path, PYTHONPATH=str(tmp_path))

    assert ended.returncode == 1
    assert ended.stderr == f"cyclonedx-bom could not make {tmp_path}/bom.json:\nno room\n"
    assert not (tmp_path / "dump.json").exists()


def test_an_api_that_cannot_start_is_a_clear_message_and_not_a_crash(tmp_path):
    bom = write_bom(tmp_path / "given.json", 4)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("--bom", bom, "--output", tmp_path, "--port", port)

    assert ended.returncode == 1
    assert ended.stderr == (
        f"The API cannot listen on port {port}: Address already in use.\n"
        "The API ended with exit code 1 before it was ready.\n"
    )
    assert not (tmp_path / "dump.json").exists()


# Here the signal comes while messages are handled: there are more than can be done before it.


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*JOB, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,  # a process group of its own, as a shell makes one for Ctrl-C
    )


def read_until(job: subprocess.Popen[str], beginning: str) -> None:
    assert any(line.startswith(beginning) for line in job.stdout), job.stderr.read()


@pytest.mark.skipif(os.name == "nt", reason="POSIX only: process groups and their signals")
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9), (signal.SIGTERM, -15)]
)
def test_when_it_is_interrupted_or_killed_the_api_ends_too(tmp_path, number, status):
    bom = write_bom(tmp_path / "given.json", 5000)
    with start("--bom", bom, "--output", tmp_path) as job:
        read_until(job, "  API ")
        os.kill(job.pid, number)
        output, errors = job.communicate(timeout=100)  # the API has this pipe, too

    assert (job.returncode, errors) == (status, "")
    assert "5003 of 5003" not in output


@pytest.mark.skipif(os.name == "nt", reason="POSIX only: process groups and their signals")
def test_ctrl_c_while_the_second_run_goes_on_ends_all_four_processes(tmp_path):
    bom = write_bom(tmp_path / "given.json", 250)
    with start("--bom", bom, "--output", tmp_path) as job:
        read_until(job, "Once more")
        read_until(job, "  API ")
        os.killpg(job.pid, signal.SIGINT)
        _, errors = job.communicate(timeout=100)

    assert (job.returncode, errors) == (130, "")
    assert not (tmp_path / "crash" / "dump.json").exists()
