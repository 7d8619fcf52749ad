"""Each row of docs/endings.md, on a real process: the ending, the level, and what is kept."""

from __future__ import annotations

import json
import re
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from statecrumbs import _endings
from statecrumbs._black_box import read
from tests.statecrumbs import endings
from tests.statecrumbs.endings import next_start, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

IDLE = """
enable(black_box="boxes", on_crash="none")
{}
"""
BUSY = """
enable(black_box="boxes", on_crash="none")
with operation():
    {}
"""
HANDLER = """
def handler(*_):
    sys.exit(3)
signal.signal(signal.SIGTERM, handler)
signal.signal(signal.SIGHUP, handler)
"""
NO_CHAIN = 'sys.excepthook = lambda *_: print("my own hook")\n'
IN_FLIGHT = ["GET", "ask_the_bank"]

# The program, the signal that it gets, the ending, its level, and the frames in flight. Without an
# ending no box is left.
ROWS = {
    "returns": (IDLE.format("crumb('done')"), None, None, None, []),
    "sys_exit": (IDLE.format("sys.exit(3)"), None, None, None, []),
    "sys_exit_in_an_operation": (BUSY.format("sys.exit(3)"), None, "exited", "WARNING", IN_FLIGHT),
    "sys_exit_with_a_text": (BUSY.format("sys.exit('no')"), None, "exited", "WARNING", IN_FLIGHT),
    "sys_exit_0_in_an_operation": (BUSY.format("sys.exit(0)"), None, None, None, []),
    "sys_exit_none_in_an_operation": (BUSY.format("sys.exit()"), None, None, None, []),
    "exception": (IDLE.format("1 / 0"), None, "exception", "WARNING", []),
    "exception_in_an_operation": (BUSY.format("1 / 0"), None, "exception", "WARNING", []),
    "exception_with_another_hook": (
        IDLE.format(NO_CHAIN + "1 / 0"),
        None,
        "exception",
        "WARNING",
        [],
    ),
    "sigterm": (IDLE.format("hang()"), signal.SIGTERM, "gone", "INFO", []),
    "sigterm_in_an_operation": (
        BUSY.format("hang()"),
        signal.SIGTERM,
        "gone",
        "WARNING",
        IN_FLIGHT,
    ),
    "sigterm_with_a_handler": (IDLE.format(HANDLER + "hang()"), signal.SIGTERM, None, None, []),
    "sigterm_with_a_handler_in_an_operation": (
        HANDLER + BUSY.format("hang()"),
        signal.SIGTERM,
        "exited",
        "WARNING",
        IN_FLIGHT,
    ),
    "sighup": (IDLE.format("hang()"), signal.SIGHUP, "gone", "INFO", []),
    "sighup_in_an_operation": (BUSY.format("hang()"), signal.SIGHUP, "gone", "WARNING", IN_FLIGHT),
    "sighup_with_a_handler": (IDLE.format(HANDLER + "hang()"), signal.SIGHUP, None, None, []),
    "sighup_with_a_handler_in_an_operation": (
        HANDLER + BUSY.format("hang()"),
        signal.SIGHUP,
        "exited",
        "WARNING",
        IN_FLIGHT,
    ),
    "sigint": (IDLE.format("hang()"), signal.SIGINT, None, None, []),
    "sigint_in_an_operation": (
        BUSY.format("hang()"),
        signal.SIGINT,
        "interrupted",
        "INFO",
        IN_FLIGHT,
    ),
    "sigkill": (IDLE.format("hang()"), signal.SIGKILL, "gone", "INFO", []),
    "sigkill_in_an_operation": (
        BUSY.format("hang()"),
        signal.SIGKILL,
        "gone",
        "WARNING",
        IN_FLIGHT,
    ),
    "os_exit": (IDLE.format("os._exit(0)"), None, "gone", "INFO", []),
    "os_exit_in_an_operation": (BUSY.format("os._exit(0)"), None, "gone", "WARNING", IN_FLIGHT),
    "a_failure_and_then_sigkill": (
        IDLE.format(
            "try: 1 / 0\nexcept ZeroDivisionError: sys.excepthook(*sys.exc_info())\n"
            "crumb('alive')\nhang()"
        ),
        signal.SIGKILL,
        "gone",
        "WARNING",
        [],
    ),
    "a_failure_and_then_life": (
        IDLE.format(
            "try: 1 / 0\nexcept ZeroDivisionError: sys.excepthook(*sys.exc_info())\ncrumb('alive')"
        ),
        None,
        "ended",
        "INFO",
        [],
    ),
    "a_daemon_thread_in_an_operation": (
        IDLE.format(
            "def work():\n    with operation():\n        hang()\n"
            "threading.Thread(target=work, daemon=True).start()\n"
            "while not statecrumbs._in_flight.in_flight.works(): time.sleep(0.01)"
        ),
        None,
        None,
        None,
        [],
    ),
    "a_suspended_generator": (
        IDLE.format(
            "import penstock\n@penstock.flow('bank').entrypoint\ndef accounts():\n    yield 1\n"
            "suspended = accounts()\nnext(suspended)"
        ),
        None,
        None,
        None,
        [],
    ),
    "a_suspended_generator_and_then_sigkill": (
        IDLE.format(
            "import penstock\n@penstock.flow('bank').entrypoint\ndef accounts():\n    yield 1\n"
            "suspended = accounts()\nnext(suspended)\nhang()"
        ),
        signal.SIGKILL,
        "gone",
        "WARNING",
        ["accounts"],
    ),
    "a_frame_that_is_never_left": (
        IDLE.format("enter(start(Site('task', 'pay')))"),
        None,
        "unfinished",
        "WARNING",
        ["pay"],
    ),
    "a_bare_scope_that_is_never_left": (
        IDLE.format("from corectx import scope\nscope(x=1).__enter__()"),
        None,
        None,
        None,
        [],
    ),
    "an_operation_after_sys_exit": (
        BUSY.format("crumb('first')")
        + "try:\n    with operation():\n        sys.exit(3)\nexcept SystemExit:\n    pass\n"
        + "with operation():\n    crumb('other work')\n",
        None,
        None,
        None,
        [],
    ),
}


def boxes(folder):
    return [read(path) for path in sorted((folder / "boxes").glob("*.crumbs"))]


@pytest.mark.parametrize(
    ("source", "send", "ending", "level", "in_flight"), ROWS.values(), ids=ROWS.keys()
)
def test_a_way_to_end(tmp_path, source, send, ending, level, in_flight):
    run(tmp_path, source, send=send)
    found = boxes(tmp_path)
    told = next_start(tmp_path)
    if ending is None:
        assert (found, told) == ([], [])
        return
    (box,) = found
    assert box.ending == ending
    assert [row["name"] for row in box.in_flight] == in_flight
    ((told_level, message, death),) = told
    assert told_level == level
    assert message.startswith(_endings.sentence(death))
    assert (death["ending"], death["pid"]) == (ending, box.process["pid"])
    assert [row["name"] for row in death["in_flight"]] == in_flight
    # An ordinary ending is gone after the next start.
    is_ordinary = ending == "gone" and level == "INFO"
    assert bool(boxes(tmp_path)) != is_ordinary
    assert next_start(tmp_path) == []


FAULTS = {
    "SIGSEGV": ("Segmentation fault", "ctypes.string_at(0)"),
    "SIGABRT": ("Aborted", "os.abort()"),
    "SIGBUS": ("Bus error", "os.kill(os.getpid(), signal.SIGBUS)"),
    "SIGFPE": ("Floating point exception", "os.kill(os.getpid(), signal.SIGFPE)"),
    "SIGILL": ("Illegal instruction", "os.kill(os.getpid(), signal.SIGILL)"),
}


@pytest.mark.parametrize(("fault", "end"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_leaves_the_stacks_of_all_threads(tmp_path, fault, end):
    run(tmp_path, BUSY.format(end))
    (box,) = boxes(tmp_path)
    # Newer versions of Python write "Floating-point".
    assert (box.ending, box.fault().replace("-", " ")) == ("gone", fault)
    assert "most recent call first" in box.stacks
    assert "in operation" in box.stacks or "<module>" in box.stacks
    shown = subprocess.run(
        [sys.executable, "-m", "statecrumbs", "read", box.path],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"faulthandler wrote {box.fault()!r}" in shown
    assert "The stacks that faulthandler wrote:" in shown


@pytest.mark.parametrize("end", ["ctypes.string_at(0)", "os.kill(os.getpid(), signal.SIGTERM)"])
def test_a_fault_of_a_forked_child_is_not_told_of_its_parent(tmp_path, end):
    source = f"""
enable(black_box="boxes", signal_stacks=True)
crumb("ready")
if os.fork() == 0:
    {end}
assert os.wait()[1]
os.kill(os.getpid(), signal.SIGKILL)
"""
    run(tmp_path, source)
    (box,) = boxes(tmp_path)
    assert (box.ending, box.fault(), box.stacks) == ("gone", "", "")


def test_a_fault_of_a_forked_child_is_told_of_the_child(tmp_path):
    source = """
enable(black_box="boxes")
if os.fork() == 0:
    crumb("at work")
    ctypes.string_at(0)
assert os.wait()[1]
"""
    run(tmp_path, source)
    (box,) = boxes(tmp_path)
    assert (box.ending, box.fault()) == ("gone", "Segmentation fault")


def test_a_forked_child_keeps_the_faulthandler_that_the_program_enabled_later(tmp_path):
    source = """
import faulthandler
enable(black_box="boxes")
faulthandler.enable()
if os.fork() == 0:
    ctypes.string_at(0)
os.wait()
"""
    assert "Fatal Python error: Segmentation fault" in run(tmp_path, source).stderr


def test_a_process_that_runs_had_no_fault(tmp_path):
    source = IDLE.format("hang()")
    with subprocess.Popen(
        [sys.executable, str(endings.write(tmp_path, source))],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
    ) as program:
        assert program.stdout.readline() == b"ready\n"
        (stacks,) = tmp_path.glob("boxes/*.stacks")
        stacks.write_text("Fatal Python error: Segmentation fault\n")
        (box,) = boxes(tmp_path)
        assert (box.ending, box.fault()) == ("running", "")
        program.kill()


def test_a_program_that_has_enabled_faulthandler_itself_keeps_its_file(tmp_path):
    source = "import faulthandler\nfaulthandler.enable()\n" + IDLE.format("os.abort()")
    done = run(tmp_path, source)
    (box,) = boxes(tmp_path)
    assert box.stacks == ""
    assert "Fatal Python error: Aborted" in done.stderr


def test_signal_stacks_writes_the_stacks_at_sigterm_and_lets_it_end_the_process(tmp_path):
    source = 'enable(black_box="boxes", signal_stacks=True)\nwith operation():\n    hang()\n'
    done = run(tmp_path, source, send=signal.SIGTERM)
    assert done.returncode == -signal.SIGTERM
    (box,) = boxes(tmp_path)
    assert (box.ending, box.fault()) == ("gone", "")
    assert "in hang" in box.stacks


def test_a_process_that_another_program_replaced_is_no_living_one(tmp_path):
    source = IDLE.format(
        "os.execv(sys.executable, [sys.executable, '-c', "
        "'import os, time; os.write(1, b\"ready\\\\n\"); time.sleep(60)'])"
    )
    program = subprocess.Popen(
        [sys.executable, str(endings.write(tmp_path, source))],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
    )
    assert program.stdout.readline() == b"ready\n"
    (box,) = boxes(tmp_path)
    assert box.ending == ("replaced" if sys.platform == "linux" else "running")
    ((level, _, death),) = next_start(tmp_path)
    assert (level, death["ending"]) == ("INFO", "replaced")
    program.kill()
    program.communicate()


def test_a_machine_that_was_restarted_since_is_told(tmp_path):
    run(tmp_path, BUSY.format("os._exit(0)"))
    (path,) = (tmp_path / "boxes").glob("*.crumbs")
    raw = bytearray(path.read_bytes())
    length = struct.unpack_from("<H", raw, 30)[0]
    described = {**json.loads(raw[128 : 128 + length]), "boot_id": "another"}
    new = json.dumps(described).encode()
    raw[128 : 128 + len(new)] = new
    struct.pack_into("<H", raw, 30, len(new))
    struct.pack_into("<I", raw, 48, zlib.crc32(new))
    path.write_bytes(raw)
    assert read(path).ending == "rebooted"
    ((level, message, _),) = next_start(tmp_path)
    assert level == "WARNING"
    assert message.startswith("The machine was restarted while the process ran, 2 in flight.")


def test_a_living_process_is_not_ended_by_a_call_of_the_hook(tmp_path):
    source = IDLE.format(
        "try: 1 / 0\nexcept ZeroDivisionError: sys.excepthook(*sys.exc_info())\nhang()"
    )
    program = subprocess.Popen(
        [sys.executable, str(endings.write(tmp_path, source))],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert program.stdout.readline() == b"ready\n"
    (box,) = boxes(tmp_path)
    assert (box.ending, box.failures) == ("running", 1)
    assert next_start(tmp_path) == []
    assert len(boxes(tmp_path)) == 1
    program.kill()
    program.communicate()


LIVING = {
    "interactive": "sys.ps1 = '>>> '\n1 / 0",
    "code": "import code\ncode.InteractiveInterpreter().runsource('1 / 0')",
    "code_in_a_function": "import code\ndef shell():\n"
    "    code.InteractiveInterpreter().runsource('1 / 0')\nshell()\nsys.exit(0)",
    "by_hand": "try: 1 / 0\nexcept ZeroDivisionError as exc: sys.last_exc = sys.last_value = exc",
    "without_traceback": "sys.last_exc = sys.last_value = ValueError('shown, and gone on')",
}


@pytest.mark.parametrize("source", LIVING.values(), ids=LIVING.keys())
def test_the_last_exception_of_a_program_that_lives_on_is_no_end(tmp_path, source):
    done = run(tmp_path, f'enable(black_box="boxes")\nsys.excepthook = lambda *_: None\n{source}\n')
    assert (boxes(tmp_path), done.stderr) == ([], "")


CAUGHT = {
    "by_the_program": "try: job()\nexcept {exc}: pass",
    "by_a_function_in_the_end": "def main():\n    try: job()\n    except {exc}: return 0\nmain()",
    "by_a_function": "def main():\n    try: job()\n    except {exc}: return 0\nsys.exit(main())",
    "by_a_function_that_goes_on": "def main():\n    try: job()\n    except {exc}: pass\n"
    "    sys.exit(0)\nmain()",
    "by_the_program_that_goes_on": "try: job()\nexcept {exc}: pass\nsys.exit(0)",
    "by_suppress": "import contextlib\ndef main():\n    with contextlib.suppress({exc}): job()\n"
    "main()\nsys.exit(0)",
    "by_suppress_that_goes_on": "import contextlib\n"
    "with contextlib.suppress({exc}): job()\ncrumb('on')\nsys.exit(0)",
    "in_a_manager": "@contextmanager\ndef cleaned():\n    try: yield\n    finally: crumb('clean')\n"
    "def main():\n    try:\n        with cleaned(): job()\n    except {exc}: return 0\n"
    "sys.exit(main())",
    "by_a_generator": "def each():\n    try: job()\n    except {exc}: yield\n"
    "list(each())\nsys.exit(0)",
    "by_asyncio_task": "import asyncio\nasync def main():\n    try: job()\n    except {exc}: pass\n"
    "    await asyncio.sleep(0)\nasyncio.run(main())\nsys.exit(0)",
    "by_asyncio": "import asyncio\nasync def main(): job()\n"
    "try: asyncio.run(main())\nexcept {exc}: pass",
}


@pytest.mark.parametrize("exc", ["SystemExit(3)", "KeyboardInterrupt()"])
@pytest.mark.parametrize("source", CAUGHT.values(), ids=CAUGHT.keys())
def test_an_exit_that_left_an_operation_and_was_caught_is_no_end(tmp_path, source, exc):
    caught = source.format(exc=exc.partition("(")[0])
    source = f"""
enable(black_box="boxes")
def job():
    with operation():
        raise {exc}
{{}}
"""
    assert run(tmp_path, source.format(caught)).returncode == 0
    assert boxes(tmp_path) == []


UNCAUGHT = {
    "finally": "try: job()\nfinally: crumb('cleanup')",
    "with": "with open(__file__): job()",
    "function": "def main(): job()\nmain()",
    "finally_in_a_function": "def main():\n    try: job()\n    finally: crumb('clean')\nmain()",
    "raised_again": "def main():\n    try: job()\n    except SystemExit: raise\nmain()",
    "another_except": "def main():\n    try: job()\n    except ValueError: pass\nmain()",
    "manager": "@contextmanager\ndef cleaned():\n    try: yield\n    finally: crumb('clean')\n"
    "def main():\n    with cleaned(): job()\nmain()",
    "stack": "import contextlib\ndef main():\n    with contextlib.ExitStack() as stack:\n"
    "        stack.enter_context(open(__file__)); job()\nmain()",
    "async_with": "import asyncio\nasync def main():\n"
    "    async with asyncio.Lock(): job()\nasyncio.run(main())",
    "generator": "def each():\n    try: yield job()\n    finally: crumb('clean')\n"
    "for one in each(): pass",
    "child": "from multiprocessing import get_context\n"
    "process = get_context('fork').Process(target=job)\n"
    "process.start(); process.join(); sys.exit(process.exitcode)",
}


@pytest.mark.parametrize("around", UNCAUGHT.values(), ids=UNCAUGHT.keys())
def test_an_exit_that_left_an_operation_and_the_program_is_the_end(tmp_path, around):
    source = f"""
enable(black_box="boxes")
def job():
    with operation():
        sys.exit(3)
{around}
"""
    assert run(tmp_path, source).returncode == 3
    (box,) = boxes(tmp_path)
    assert (box.ending, box.exit_code, len(box.in_flight)) == ("exited", 3, 2)


def test_an_exit_of_a_signal_handler_that_a_server_caught_is_the_end(tmp_path):
    source = """
enable(black_box="boxes")
signal.signal(signal.SIGABRT, lambda *_: sys.exit(1))
def serve():
    try:
        with operation():
            hang()
    except SystemExit:
        return
serve()
sys.exit(0)
"""
    assert run(tmp_path, source, send=signal.SIGABRT).returncode == 0
    (box,) = boxes(tmp_path)
    assert (box.ending, box.exit_code, len(box.in_flight)) == ("exited", 1, 2)


def test_an_exception_after_an_exit_that_was_caught_is_the_end(tmp_path):
    source = """
enable(black_box="boxes", on_crash="none")
def main():
    try:
        with operation():
            sys.exit(3)
    except SystemExit:
        raise ValueError from None
main()
"""
    run(tmp_path, source)
    (box,) = boxes(tmp_path)
    assert (box.ending, box.exit_code, box.in_flight) == ("exception", 0, [])


CODES = {
    "'a message'": (1, "code 1 "),
    "True": (1, "code 1 "),
    "-1": (255, "code -1 (exit status 255) "),
    "256": (0, "code 256 (exit status 0) "),
    "257": (1, "code 257 (exit status 1) "),
    "2**40 + 3": (3, "code 3 "),
    "2**70": (255, "code -1 (exit status 255) "),
}


@pytest.mark.parametrize(("code", "told"), CODES.items())
def test_the_exit_code_is_told_as_the_parent_sees_it(tmp_path, code, told):
    status, words = told
    source = f'enable(black_box="boxes")\nwith operation():\n    sys.exit({code})'
    assert run(tmp_path, source).returncode == status
    (box,) = boxes(tmp_path)
    assert box.ending == "exited"
    assert words in _endings.sentence({"ending": "exited", "exit_code": box.exit_code})


AFTER = {
    "exit_hook": "import atexit\natexit.register(crumb, 'cleanup')",
    "thread": "def beat():\n    threading.main_thread().join()\n    crumb('beat')\n"
    "threading.Thread(target=beat).start()",
}


@pytest.mark.parametrize("hook", ["", NO_CHAIN])
@pytest.mark.parametrize("before", AFTER.values(), ids=AFTER.keys())
def test_an_exception_is_the_end_whatever_is_recorded_after_it(tmp_path, before, hook):
    run(tmp_path, IDLE.format(f"{before}\n{hook}\n1 / 0"))
    (box,) = boxes(tmp_path)
    assert (box.ending, box.failures) == ("exception", 1)


def test_an_exception_before_enable_is_no_end(tmp_path):
    source = """
sys.last_exc = sys.last_value = ValueError("of before")
enable(black_box="boxes")
sys.excepthook = lambda *_: None
"""
    done = run(tmp_path, source)
    assert (boxes(tmp_path), done.stderr) == ([], "")


def test_the_table_in_the_docs_names_every_ending():
    text = (Path(__file__).parents[2] / "docs" / "endings.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    assert named == set(_endings.ENDINGS)
