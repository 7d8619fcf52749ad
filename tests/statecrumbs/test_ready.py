"""A recorder is ready when it is needed: no import after `enable`, one dump for each failure."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
import threading

import pytest

import statecrumbs
from corectx import Site, enter, leave, start
from tests.statecrumbs.programs import run

# Modules that are imported after the line "enabled" are printed.
WATCH = """
    import sys
    class Watch:
        def find_spec(self, name, path=None, target=None):
            print("import", name, file=sys.__stdout__, flush=True)
    def watch():
        sys.meta_path.insert(0, Watch())
"""
AFTER = {
    "crumb": "statecrumbs.crumb('x', n=1, value=[1, {'password': 'x', 'url': 'https://a:b@c/'}])",
    "snapshot": "statecrumbs.crumb('x'); statecrumbs.snapshot(); statecrumbs.trail()",
    "report": "statecrumbs.report(ValueError('token=x'))",
    "signal": "import signal, os; os.kill(os.getpid(), signal.SIGUSR1)",
    "crash": "1 / 0",
    "thread": "t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()",
    "operation": "leave(enter(start(Site('request', 'GET /x', 'f'), values={'path': '/x'})))",
    "exit in an operation": "t = enter(start(Site('task', 'x'))); e = SystemExit(3); leave(t, e)",
}


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("black_box", ["None", "'boxes'"], ids=["memory", "black_box"])
@pytest.mark.parametrize("action", AFTER.values(), ids=AFTER.keys())
def test_after_enable_nothing_is_imported_any_more(tmp_path, action, black_box):
    source = f"""{WATCH}
    import ast, os, signal, threading, traceback, linecache, tokenize  # for Python's own traceback
    import statecrumbs
    from corectx import Site, enter, leave, start
    statecrumbs.enable(dump_signal=signal.SIGUSR1, black_box={black_box})
    watch()
    {action}
    """
    assert "import" not in run(tmp_path, source).stdout


@pytest.mark.skipif(sys.platform == "win32", reason="SIGALRM is POSIX")
def test_a_signal_in_the_middle_of_a_first_import_loses_no_event(tmp_path):
    """With a cold cache of bytecode, imports take long enough to be interrupted."""
    source = """
import signal, sys, time, traceback
from statecrumbs import crumb, snapshot
def handler(*_):
    try:
        crumb("signal")
        if not any(each["event"] == "signal" for each in snapshot()):
            sys.exit(4)
    except BaseException:
        traceback.print_exc()
        sys.exit(3)
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, .004, .004)
end = time.time() + .3
while time.time() < end:
    crumb("main", n=[1, {"a": 1}], text="a=1")
    snapshot()
signal.setitimer(signal.ITIMER_REAL, 0)
"""
    (tmp_path / "program.py").write_text(source)
    for _ in range(5):
        with tempfile.TemporaryDirectory() as cold:
            done = subprocess.run(
                [sys.executable, "-B", "-X", f"pycache_prefix={cold}", "program.py"],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
                timeout=50,
            )
        assert (done.returncode, done.stderr) == (0, "")


def test_a_crumb_inside_of_the_lock_of_an_import_does_not_wait_for_it(tmp_path):
    """Before Python 3.12 a thread that takes this lock twice waits forever."""
    source = """
    import sys
    from statecrumbs import crumb, snapshot
    inside = set()
    def as_a_signal_handler_would(frame, event, argument):
        code = frame.f_code
        if code.co_filename != "<frozen importlib._bootstrap>":
            return None
        if code.co_name in ("acquire", "release") and frame.f_locals["self"].owner is not None:
            inside.add(code.co_name)
            crumb("signal", größe=1, text="password=hunter2", password="hunter2")
            assert snapshot()[-1]["event"] == "signal"
            assert "hunter2" not in str(snapshot()[-1])
        return as_a_signal_handler_would
    sys.settrace(as_a_signal_handler_would)
    crumb("main", text="token=hunter2", token="hunter2")
    snapshot()
    sys.settrace(None)
    print(*sorted(inside))
    """
    assert run(tmp_path, source).stdout == "acquire release\n"


@pytest.mark.parametrize("failure", ["ImportError('half made')", "KeyError(140_735)"])
def test_where_the_patterns_cannot_be_imported_yet_the_whole_text_is_blanked(tmp_path, failure):
    """A signal handler that interrupts their import sees one of the two errors."""
    source = f"""
    import sys
    from statecrumbs import crumb, snapshot
    class Interrupted:
        def find_spec(self, name, path=None, target=None):
            if name.startswith("statecrumbs._redact"):
                raise {failure}
    sys.meta_path.insert(0, Interrupted())
    crumb("x", text="password=hunter2", password="hunter2", dsn="https://me:hunter2@host/")
    print(snapshot())
    """
    printed = run(tmp_path, source).stdout
    assert "[redacted]" in printed
    assert "hunter2" not in printed


@pytest.fixture
def dumps():
    dumps = []
    statecrumbs.enable(on_crash=dumps.append)
    yield dumps
    statecrumbs.disable()


def fail_in_an_operation(error):
    token = enter(start(Site("task", "pay")))
    statecrumbs.report(error)
    statecrumbs.report(error)
    leave(token, error)


def test_one_exception_is_dumped_once_in_each_operation(dumps):
    error = ValueError("of a module, raised again and again")
    for _ in range(3):
        fail_in_an_operation(error)
    assert len(dumps) == 3


def test_outside_of_an_operation_it_is_dumped_once_in_each_thread(dumps):
    error = ValueError("x")
    for _ in range(2):
        statecrumbs.report(error)
    thread = threading.Thread(target=statecrumbs.report, args=(error,))
    thread.start()
    thread.join()
    assert len(dumps) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only: /proc tells when one started")
def test_another_process_of_the_same_id_dumps_it_too(dumps, monkeypatch):
    """Each container has a process 1; an exception travels from one to another."""
    error = ValueError("x")
    statecrumbs.report(error)
    travelled = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    travelled.__dict__.update(error.__dict__)
    statecrumbs.report(travelled)
    assert len(dumps) == 1
    monkeypatch.setattr("statecrumbs._process.start_time", lambda pid: 4711)
    statecrumbs.report(travelled)
    assert len(dumps) == 2


class HostileError(ValueError):
    def __getattribute__(self, name):
        raise RuntimeError(name)


@pytest.mark.parametrize(
    "error",
    [
        lambda: HostileError("x"),
        lambda: "no exception",
        lambda: None,
        lambda: 7,
        lambda: ValueError,
        type("E", (Exception,), {"__str__": 1}),
    ],
    ids=["hostile", "text", "none", "number", "class", "str_is_no_function"],
)
def test_report_never_raises(dumps, error):
    statecrumbs.report(error())


@pytest.mark.parametrize("frame", ["no frame", 7, object()])
def test_report_never_raises_for_a_frame_that_is_none(dumps, frame):
    statecrumbs.report(ValueError("x"), frame=frame)


def test_report_never_raises_before_enable_and_after_disable():
    assert statecrumbs.report(ValueError("x")) is False
