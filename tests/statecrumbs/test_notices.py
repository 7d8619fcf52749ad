"""The deaths in a folder: who tells them, once, and what lies there harms nobody."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections import Counter

import pytest

import statecrumbs
from statecrumbs import _process
from statecrumbs._black_box import BlackBox, DeathNotices, _folder, _notices, read
from tests.statecrumbs.black_boxes import as_it_is, run, tell
from tests.statecrumbs.endings import next_start
from tests.statecrumbs.endings import run as run_program

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX: signals and locks of files")

BUSY = 'enable(black_box="boxes")\nwith operation():\n    os._exit(0)\n'
TOLD = 29  # the offset of the mark


@pytest.fixture
def box(tmp_path):
    """The file of a process that ended with work in flight."""
    run_program(tmp_path, BUSY)
    (path,) = (tmp_path / "boxes").glob("*.crumbs")
    return path


def dead(folder, count=1, program="shop"):
    """Leave the boxes of processes that ended without their exit hooks, with a failure noted."""
    run(
        folder,
        f"""
        for number in range({count}):
            if os.fork() == 0:
                box = open_box(slots=2, program={program!r})
                tick(box, "main", number)
                box.note_failure()
                os._exit(0)
            os.wait()
        os._exit(0)
        """,
    )


def silent_for_hours(path):
    """Make a box look as if its process had ended hours ago: its times, and that of the file."""
    raw = bytearray(path.read_bytes())
    hours_ago = time.time_ns() - 3 * 3600 * 10**9
    raw[40:48] = hours_ago.to_bytes(8, "little")
    for row in range(4096, 4096 + 128 * 512, 512):
        raw[row] = 0
    for slot in range(4096 + 128 * 512, len(raw), 1024):
        raw[slot + 8 : slot + 24] = bytes(16)
    raw[58] = 1  # a failure
    with open(path, "r+b") as file:
        file.write(raw)
    os.utime(path, ns=(hours_ago, hours_ago))


def test_a_death_is_told_once_and_its_box_stays(box, tmp_path):
    assert len(next_start(tmp_path)) == 1
    assert next_start(tmp_path) == []
    assert box.exists()


def test_another_program_does_not_take_the_notice(box, tmp_path):
    assert next_start(tmp_path, "other.py") == []
    ((level, message, death),) = next_start(tmp_path)
    assert level == "WARNING"
    assert death["program"] == "program.py"
    assert "In flight: request GET /slow (" in message
    assert "step bank:ask_the_bank (" in message


@pytest.mark.parametrize("program", ["statecrumbs", "penstock check", "pytest", "py.test x"])
def test_our_commands_and_pytest_tell_nothing(box, tmp_path, program):
    silent_for_hours(box)
    assert tell(tmp_path / "boxes", program) == []
    assert len(tell(tmp_path / "boxes", "other")) == 1


def test_after_an_hour_any_program_tells_but_a_management_command(box, tmp_path):
    silent_for_hours(box)
    assert tell(tmp_path / "boxes", "manage.py penstock") == []
    assert len(tell(tmp_path / "boxes", "other")) == 1


def test_a_management_command_tells_of_its_own_kind(tmp_path):
    dead(tmp_path, program="manage.py runserver")
    assert tell(tmp_path, "manage.py penstock") == []
    assert len(tell(tmp_path, "manage.py runserver")) == 1


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["/usr/bin/gunicorn", "-w", "2", "shop.wsgi"], "gunicorn shop.wsgi"),
        (["celery", "-A", "shop", "worker", "--pool=solo"], "celery shop worker"),
        (["manage.py", "runserver", "8000"], "manage.py runserver"),
        (["/srv/shop/__main__.py"], "shop"),
        (["app", "--password", "hunter2"], "app [redacted]"),
        (["app", *["word"] * 100], None),
        ([""], ""),
        ([], ""),
    ],
)
def test_a_program_is_named_by_its_script_and_its_words(monkeypatch, argv, name):
    from statecrumbs._process import program_name

    monkeypatch.setattr(sys, "argv", argv)
    if name is None:
        assert len(program_name()) == 200
    else:
        assert program_name() in (name, name.replace(" [redacted]", ""))


def test_at_most_five_are_told_one_by_one_and_the_others_as_a_number(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(_notices, "_MOST", 40)
    dead(tmp_path, 40)
    caplog.set_level(logging.INFO, "statecrumbs")
    assert len(tell(tmp_path, "shop")) == 5
    assert len(caplog.records) == 6
    assert caplog.messages[-1].startswith("35 more processes of shop ended. To see")
    assert caplog.records[-1].death == {"count": 35, "left": 0, "path": str(tmp_path)}
    assert len(list(tmp_path.glob("*.crumbs"))) == 32
    assert tell(tmp_path, "shop") == []


def test_one_start_logs_the_newest_deaths_and_leaves_the_others_to_the_next(
    tmp_path, caplog, monkeypatch
):
    """A start beside hundreds of deaths takes no longer than beside some."""
    monkeypatch.setattr(_notices, "_MOST", 8)
    dead(tmp_path, 12)
    paths = [str(path) for path in sorted(tmp_path.glob("*.crumbs"))]
    caplog.set_level(logging.INFO, "statecrumbs")
    assert [death["path"] for death in tell(tmp_path, "shop")] == paths[:6:-1]
    assert caplog.records[-1].death == {"count": 3, "left": 4, "path": str(tmp_path)}
    assert "The next start logs 4 older deaths." in caplog.messages[-1]
    assert [death["path"] for death in tell(tmp_path, "shop")] == paths[3::-1]
    assert tell(tmp_path, "shop") == []


def test_two_tellers_tell_it_once(tmp_path):
    dead(tmp_path)
    first, second = (DeathNotices(tmp_path, "shop", None, 30) for _ in range(2))
    first.log()
    second.log()
    assert (len(first.logged), len(second.logged)) == (1, 0)


def test_a_box_that_another_process_is_telling_is_left_to_it(tmp_path):
    dead(tmp_path)
    (path,) = tmp_path.glob("*.crumbs")
    with open(path, "rb") as claimed:
        fcntl.flock(claimed, fcntl.LOCK_EX)
        assert tell(tmp_path, "shop") == []
    assert len(tell(tmp_path, "shop")) == 1


def test_a_teller_that_dies_before_its_mark_leaves_the_death_to_the_next(tmp_path):
    dead(tmp_path)

    def die(_death):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DeathNotices(tmp_path, "shop", die, 30).log()
    assert len(tell(tmp_path, "shop")) == 1


def test_a_file_that_killed_its_reader_is_not_read_again(tmp_path, monkeypatch):
    dead(tmp_path)
    (path,) = tmp_path.glob("*.crumbs")

    def die(_path):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("statecrumbs._black_box._notices.read_in_flight", die)
        assert tell(tmp_path, "shop") == []
    assert path.read_bytes()[TOLD] == 2
    assert tell(tmp_path, "shop") == []


def test_a_handler_that_comes_later_gets_the_notice_at_the_first_operation(box, tmp_path):
    path = tmp_path / "program.py"
    path.write_text(
        """
import logging, statecrumbs
from corectx import Site, enter, leave, start
statecrumbs.enable(black_box="boxes")
logging.basicConfig(format="%(levelname)s %(name)s", level="INFO")
print("configured", flush=True)
leave(enter(start(Site("request", "GET"))))
print("first operation", flush=True)
"""
    )
    done = subprocess.run(
        [sys.executable, path],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["configured", "WARNING statecrumbs", "first operation"]


def test_without_any_handler_it_is_told_at_the_end(box, tmp_path):
    done = run_program(tmp_path, 'enable(black_box="boxes")\nprint(flush=True)')
    assert done.stderr.count("In flight: request GET /slow") == 1


OPERATION = "leave(enter(start(Site('request', 'GET'))))"
CONFIGURE = "import logging\nlogging.basicConfig(level='INFO')"
DISABLE = """
import logging.config
handlers = {"console": {"class": "logging.StreamHandler"}}
root = {"handlers": ["console"], "level": "INFO"}
logging.config.dictConfig({"version": 1, "handlers": handlers, "root": root})
"""


@pytest.mark.parametrize(
    "served",
    [
        f"{OPERATION}\n{OPERATION}",
        f"with operation():\n    import logging\n    logging.basicConfig()\n{OPERATION}",
        "from corectx.lowlevel import notify_ending\nnotify_ending(is_final=False)",
        f"if os.fork() == 0:\n    {OPERATION}\n    {OPERATION}\n    os._exit(0)\nos.wait()",
    ],
    ids=["without_any_handler", "configured_in_an_operation", "announced", "in_a_forked_worker"],
)
def test_a_server_that_ends_without_its_exit_hooks_has_told_before(box, tmp_path, served):
    source = f'enable(black_box="boxes")\nprint(file=sys.stderr)\n{served}\nos._exit(0)\n'
    done = run_program(tmp_path, source)
    assert done.stderr.startswith("\n"), "told before the program could set up logging"
    assert done.stderr.count("In flight: request GET /slow") == 1
    assert box.read_bytes()[TOLD] == 1


@pytest.mark.parametrize(
    "silence",
    [
        DISABLE,
        "import logging\nlogging.disable(logging.CRITICAL)",
        "import logging\nlogging.getLogger('statecrumbs').setLevel('CRITICAL')",
        "import logging\nlogging.getLogger().addHandler(logging.NullHandler())",
    ],
    ids=["dictConfig", "disable", "level", "NullHandler"],
)
@pytest.mark.parametrize("first", ["enable", "silence"])
def test_a_notice_that_nobody_would_hear_waits_for_a_start_that_logs(box, tmp_path, silence, first):
    parts = ['enable(black_box="boxes")', silence]
    operations = [OPERATION] * 3
    source = [
        "import logging",
        "logging.getLogger('statecrumbs')",
        *(parts if first == "enable" else parts[::-1]),
        *operations,
    ]
    assert "silent since" not in run_program(tmp_path, "\n".join(source)).stderr
    assert len(next_start(tmp_path)) == 1


def test_a_program_that_asks_for_deaths_hears_of_them_without_logging(box, tmp_path):
    source = f"""
{DISABLE}
found = []
enable(black_box="boxes")
logging.getLogger("statecrumbs").disabled = True
print(len(statecrumbs.deaths()))
"""
    assert run_program(tmp_path, source).stdout == "1\n"
    assert next_start(tmp_path) == []


def test_a_death_without_work_that_nobody_would_hear_of_leaves_no_file(tmp_path):
    run_program(tmp_path, 'enable(black_box="boxes")\nos._exit(0)')
    run_program(tmp_path, f"{DISABLE}\nlogging.disable(50)\nenable(black_box='boxes')")
    assert list((tmp_path / "boxes").iterdir()) == []


@pytest.mark.parametrize("problem", ["sys.exit(7)", "1 / 0", "raise GeneratorExit"])
def test_a_failure_of_on_death_does_not_end_the_program(box, tmp_path, problem):
    source = f"""
{CONFIGURE}
def on_death(death):
    {problem}
enable(black_box="boxes", on_death=on_death)
print("alive")
"""
    done = run_program(tmp_path, source)
    assert (done.returncode, done.stdout) == (0, "alive\n")
    assert done.stderr.count("on_death failed.") == 1
    assert next_start(tmp_path) == []


def test_a_handler_that_raises_does_not_end_the_program(box, tmp_path):
    source = """
import logging
class Broken(logging.Handler):
    def emit(self, record):
        raise ValueError
logging.getLogger().addHandler(Broken())
enable(black_box="boxes")
print("alive")
"""
    assert run_program(tmp_path, source).stdout == "alive\n"
    assert len(next_start(tmp_path)) == 1


def test_deaths_returns_them_and_on_death_is_called_with_each(box, tmp_path):
    source = """
found = []
enable(black_box="boxes", on_death=found.append)
deaths = statecrumbs.deaths()
assert deaths == found and deaths == statecrumbs.deaths(), (deaths, found)
print(deaths[0]["ending"], [work["kind"] for work in deaths[0]["in_flight"]])
"""
    done = run_program(tmp_path, source)
    assert done.stdout == "gone ['request', 'step']\n"


def test_a_process_that_enables_again_tells_nothing_twice(box, tmp_path):
    source = 'enable(black_box="boxes")\nstatecrumbs.deaths()\nenable()\nstatecrumbs.disable()\n'
    assert run_program(tmp_path, source).stderr.count("ended without its exit hooks") == 1


def test_untold_boxes_are_removed_only_beyond_the_most_and_that_is_said(tmp_path, monkeypatch):
    dead(tmp_path, 6)
    monkeypatch.setattr(_folder, "MOST", 5)
    problems = []
    box = BlackBox.open(tmp_path, render=as_it_is, on_error=problems.append)
    assert len(list(tmp_path.glob("*.crumbs"))) == 5
    assert "2 were removed before a process logged" in problems[0]
    box.close()


def test_told_boxes_are_removed_before_untold_ones(tmp_path, monkeypatch):
    dead(tmp_path, 6)
    *_, newest = sorted(tmp_path.glob("*.crumbs"))
    with open(newest, "r+b") as file:
        file.seek(TOLD)
        file.write(b"\x01")
    monkeypatch.setattr(_folder, "MOST", 6)
    BlackBox.open(tmp_path, render=as_it_is, on_error=pytest.fail).close()
    assert not newest.exists()
    assert len(list(tmp_path.glob("*.crumbs"))) == 5


def test_files_of_others_do_not_push_out_boxes(tmp_path, monkeypatch):
    dead(tmp_path, 3)
    monkeypatch.setattr(_folder, "MOST", 5)
    for number in range(20):
        (tmp_path / f"20200101T000000.00000{number}Z-1.crumbs").write_bytes(b"something else")
    BlackBox.open(tmp_path, render=as_it_is, on_error=pytest.fail).close()
    assert len(list(tmp_path.glob("*.crumbs"))) == 23
    assert len(tell(tmp_path, "shop")) == 3


HALF_MADE = {"empty": 0, "reserved": 1 << 16, "whole": 4096 + 128 * 512 + 512 * 1024}


@pytest.mark.parametrize("size", HALF_MADE.values(), ids=HALF_MADE)
def test_a_box_whose_maker_died_is_removed_after_an_hour(tmp_path, size):
    path = tmp_path / "20200101T000000.000001Z-77.crumbs"
    path.write_bytes(bytes(size))
    tell(tmp_path, "shop")
    assert path.exists()  # its maker may be about to go on
    hours_ago = time.time_ns() - 2 * 3600 * 10**9
    os.utime(path, ns=(hours_ago, hours_ago))
    with open(path, "rb") as made:
        fcntl.flock(made, fcntl.LOCK_EX)
        tell(tmp_path, "shop")
    assert path.exists()
    tell(tmp_path, "shop")
    assert not path.exists()


def test_an_old_file_of_zeros_with_a_name_of_somebody_else_is_left_alone(tmp_path):
    path = tmp_path / "cake.crumbs"
    path.write_bytes(bytes(4096))
    os.utime(path, ns=(0, 0))
    tell(tmp_path, "shop")
    assert path.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only: boot IDs")
def test_boxes_of_other_machines_are_shown_and_go_after_days_of_silence(tmp_path):
    from tests.statecrumbs.test_black_box_folder import rewrite

    dead(tmp_path)
    (path,) = tmp_path.glob("*.crumbs")
    rewrite(path, facts={"boot_id": "another", "host": "another"})
    assert read(path).ending == "unknown"
    assert tell(tmp_path, "shop") == []
    assert path.exists()
    days_ago = time.time_ns() - 31 * 86400 * 10**9
    with open(path, "r+b") as file:
        file.seek(40)
        file.write(days_ago.to_bytes(8, "little"))
    os.utime(path, ns=(days_ago, days_ago))
    assert tell(tmp_path, "shop", days=40) == []
    assert path.exists()
    assert tell(tmp_path, "shop") == []
    assert not path.exists()


class TestWhatOthersLeft:
    def test_a_link_to_memory_and_a_pipe_and_a_folder_are_left_alone(self, tmp_path):
        (tmp_path / "a.crumbs").symlink_to("/proc/self/mem")
        os.mkfifo(tmp_path / "b.crumbs")
        (tmp_path / "c.crumbs").mkdir()
        (tmp_path / "d.crumbs").symlink_to(tmp_path / "nothing")
        assert tell(tmp_path, "shop") == []
        assert len(list(tmp_path.iterdir())) == 4

    def test_a_link_to_a_box_is_not_followed(self, tmp_path):
        boxes = tmp_path / "boxes"
        dead(boxes)
        (path,) = boxes.glob("*.crumbs")
        (tmp_path / "link").mkdir()
        (tmp_path / "link" / "a.crumbs").symlink_to(path)
        assert tell(tmp_path / "link", "shop") == []
        assert path.read_bytes()[TOLD] == 0

    def test_a_file_of_another_size_than_its_header_says_is_left_alone(self, tmp_path):
        dead(tmp_path)
        (path,) = tmp_path.glob("*.crumbs")
        os.truncate(path, 1 << 30)
        assert tell(tmp_path, "shop") == []
        assert path.exists()

    def test_a_file_of_another_user_is_left_alone(self, tmp_path, monkeypatch):
        dead(tmp_path)
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        if os.getuid() == 0:
            (path,) = tmp_path.glob("*.crumbs")
            os.chown(path, 12345, 12345)
        assert tell(tmp_path, "shop") == []

    def test_a_removed_working_folder_is_one_warning(self, tmp_path):
        gone = tmp_path / "gone"
        gone.mkdir()
        source = """
os.chdir("gone"); os.rmdir(os.getcwd())
enable(black_box="boxes", on_crash="none")
crumb("x")
print(len(statecrumbs.snapshot()))
"""
        done = run_program(tmp_path, source)
        assert (done.returncode, done.stdout) == (0, "1\n")
        assert done.stderr.count("Cannot make a black box in boxes") == 1

    @pytest.mark.parametrize("container", ["this", "another"])
    def test_of_a_thousand_boxes_each_is_opened_once(self, tmp_path, monkeypatch, container):
        """Beside what is told and removed, where the boxes are those of another program.

        Process IDs of another container mean nothing here: then the lock of each file tells.
        """
        if container == "another":
            here = {**_process.here(), "pid_namespace": "pid:[1]"}
            monkeypatch.setattr(_folder, "here", lambda: here)
        dead(tmp_path / "one")
        (path,) = (tmp_path / "one").glob("*.crumbs")
        boxes = tmp_path / "boxes"
        boxes.mkdir()
        for number in range(1000):
            copied(path, boxes / f"{number:06}.crumbs", told=number < 32)
        opened = Counter()
        really_open = os.open

        def counting_open(path, *arguments, **keywords):
            opened[os.path.basename(path)] += 1
            return really_open(path, *arguments, **keywords)

        monkeypatch.setattr(os, "open", counting_open)
        statecrumbs.enable(black_box=boxes, program="another", on_crash="none")
        monkeypatch.undo()
        statecrumbs.disable()
        copies = [opened[f"{number:06}.crumbs"] for number in range(1000)]
        assert set(copies) == {1}
        assert len(list(boxes.glob("*.crumbs"))) == 999  # and one more while it was enabled

    @pytest.mark.parametrize("program", ["shop", "another"])
    def test_huge_boxes_and_many_leftovers_cost_little_memory(self, tmp_path, program, caplog):
        """A box of 256 MB, one that says it has 1 GiB, and 900 more, of full size."""
        run(
            tmp_path / "one",
            """
            box = open_box(program="shop")
            for number in range(600):
                tick(box, "main", number, text="x" * 900)
            box.note_failure()
            os._exit(0)
            """,
        )
        (path,) = (tmp_path / "one").glob("*.crumbs")
        boxes = tmp_path / "boxes"
        boxes.mkdir()
        for number in range(898):
            copied(path, boxes / f"{number:06}.crumbs")
        for name, slots in (("900000", 256 * 1024), ("900001", 1024 * 1024)):
            huge = boxes / f"{name}.crumbs"
            copied(path, huge, slots=slots)
            os.truncate(huge, 4096 + 128 * 512 + slots * 1024)
        for each in boxes.iterdir():
            silent = time.time_ns() - 3 * 3600 * 10**9
            os.utime(each, ns=(silent, silent))
        statecrumbs.enable(black_box=tmp_path / "first", on_crash="none")  # what is made once
        tracemalloc.start()
        with caplog.at_level(logging.INFO, "statecrumbs"):
            statecrumbs.enable(black_box=boxes, program=program, on_crash="none")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        statecrumbs.disable()
        assert peak < 10_000_000
        told = [record.death for record in caplog.records if "pid" in record.death]
        assert len(told) == (5 if program == "shop" else 0)


def copied(path, target, *, told=False, slots=None):
    """Make a box like that at `path`, with as many blocks as that has, of a process of its own."""
    raw = path.read_bytes()
    with open(target, "wb") as file:
        header = bytearray(raw[:4096])
        header[TOLD] = told
        header[88:96] = os.fstat(file.fileno()).st_ino.to_bytes(8, "little")
        if slots is not None:
            header[16:20] = slots.to_bytes(4, "little")
        file.write(header)
        file.seek(len(raw) - 1024 if len(raw) > 10**5 else 4096)  # the others are holes
        file.write(raw[file.tell() :])


def test_a_box_is_not_told_while_its_process_lives(tmp_path):
    source = 'enable(black_box="boxes")\nwith operation():\n    hang()\n'
    from tests.statecrumbs.endings import write

    program = subprocess.Popen(
        [sys.executable, write(tmp_path, source)], cwd=tmp_path, stdout=subprocess.PIPE
    )
    assert program.stdout.readline() == b"ready\n"
    assert next_start(tmp_path) == []
    write(tmp_path, source)
    program.send_signal(signal.SIGKILL)
    program.communicate()
    assert len(next_start(tmp_path)) == 1
