"""Every way in which a Python program dies gives one dump that names what failed."""

from __future__ import annotations

import json
import os
import stat
import sys
import textwrap

import pytest

from tests.statecrumbs.programs import events, run


def test_the_quick_start_dumps_its_crumbs_in_the_shape_of_the_documentation(tmp_path):
    result = run(
        tmp_path,
        """
        from statecrumbs import enable, crumb

        enable(on_crash="stderr", max_crumbs=5)

        crumb("start", user="alice")
        crumb("before_error", x=10)

        1 / 0
        """,
    )
    assert result.returncode == 1
    start, before_error, last = result.dump
    assert list(start) == ["event", "ts", "thread", "user"]
    assert (start["event"], start["thread"], start["user"]) == ("start", "MainThread", "'alice'")
    assert before_error["x"] == "10"
    assert last["event"] == "unhandled_exception"
    assert last["exception"]["type"] == "ZeroDivisionError"
    assert last["exception"]["message"] == "division by zero"
    assert last["exception"]["traceback"][-1]["line"] == 9
    assert last["dropped"] == 0
    assert result.stderr.rstrip().endswith("ZeroDivisionError: division by zero")


def test_the_main_thread_names_the_frame_that_has_unwound(tmp_path):
    result = run(
        tmp_path,
        """
        from statecrumbs import enable, crumb
        from statecrumbs.context import context

        enable()
        with context(request_id="req-999"):
            crumb("request_start")
            with context(step="db_query"):
                crumb("query_started")
                raise RuntimeError("lost connection")
        """,
    )
    crumbs = result.dump
    assert events(crumbs) == ["request_start", "query_started", "unhandled_exception"]
    assert crumbs[-1]["context"] == {"request_id": "req-999", "step": "db_query"}


def test_a_thread_gives_one_dump_and_the_program_goes_on(tmp_path):
    result = run(
        tmp_path,
        """
        import threading
        from statecrumbs import enable, crumb
        from corectx import Site, start, enter, leave

        enable()

        def work():
            token = enter(start(Site("task", "import"), correlation_id="c-1"))
            try:
                crumb("in thread")
                raise ValueError("in thread")
            except BaseException as exc:
                leave(token, exc)
                raise

        thread = threading.Thread(target=work, name="worker-1")
        thread.start()
        thread.join()
        print("went on")
        """,
    )
    assert result.returncode == 0
    assert result.stdout == "went on\n"
    last = result.dump[-1]
    assert last["thread"] == "worker-1"
    assert last["frame"] == {"kind": "task", "name": "import", "correlation_id": "c-1"}


def test_a_task_that_nobody_awaited_gives_one_dump(tmp_path):
    result = run(
        tmp_path,
        """
        import asyncio
        from statecrumbs import enable, crumb
        from statecrumbs.context import context

        enable()

        async def work(done):
            with context(job="nightly"):
                crumb("in task")
                done.set()
                raise KeyError("missing")

        async def main():
            done = asyncio.Event()
            task = asyncio.create_task(work(done))
            await done.wait()
            del task

        asyncio.run(main())
        """,
    )
    crumbs = result.dump
    assert events(crumbs) == ["in task", "unhandled_exception"]
    assert crumbs[-1]["context"] == {"job": "nightly"}
    assert crumbs[-1]["exception"]["type"] == "KeyError"


@pytest.mark.skipif(
    sys.version_info < (3, 12), reason="Python 3.12 or newer tells a task's context"
)
def test_a_task_that_only_inherited_its_frame_is_found_by_its_context(tmp_path):
    result = run(
        tmp_path,
        """
        import asyncio
        from statecrumbs import enable, crumb
        from statecrumbs.context import context

        enable()

        async def work(done):
            done.set()
            raise KeyError("missing")

        async def main():
            done = asyncio.Event()
            with context(job="nightly"):
                task = asyncio.create_task(work(done))
            await done.wait()
            del task

        asyncio.run(main())
        """,
    )
    assert result.dump[-1]["context"] == {"job": "nightly"}


def test_a_finalizer_that_raises_gives_one_dump(tmp_path):
    result = run(
        tmp_path,
        """
        from statecrumbs import enable, crumb

        enable()

        class Connection:
            def __del__(self):
                crumb("closing")
                raise OSError("already closed")

        Connection()
        """,
    )
    assert result.returncode == 0
    assert events(result.dump) == ["closing", "unhandled_exception"]
    assert result.dump[-1]["exception"]["type"] == "OSError"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_multiprocessing_child_gives_one_dump(tmp_path, method):
    result = run(
        tmp_path,
        """
        import multiprocessing
        import sys
        from statecrumbs import enable, crumb
        from statecrumbs.context import context

        enable()

        def work():
            with context(shard=3):
                crumb("in child")
                raise ValueError("in child")

        if __name__ == "__main__":
            child = multiprocessing.get_context(sys.argv[1]).Process(target=work)
            child.start()
            child.join()
            print(child.exitcode)
        """,
        method,
    )
    assert result.stdout == "1\n"
    last = result.dump[-1]
    assert last["exception"]["type"] == "ValueError"
    assert last["context"] == {"shard": 3}
    assert last["process"]["pid"] != last["process"]["parent_pid"]


def test_a_child_of_a_program_that_imports_multiprocessing_late_gives_one_dump(tmp_path):
    result = run(
        tmp_path,
        """
        from statecrumbs import enable

        enable()

        def work():
            raise ValueError("in child")

        import multiprocessing
        child = multiprocessing.get_context("fork").Process(target=work)
        child.start()
        child.join()
        """,
    )
    assert result.dump[-1]["exception"]["type"] == "ValueError"


@pytest.mark.parametrize(
    "end",
    [
        "raise SystemExit(3)",
        "import threading; t = threading.Thread(target=sys.exit); t.start(); t.join(); sys.exit(3)",
        (
            "from multiprocessing import get_context\n"
            "child = get_context('fork').Process(target=sys.exit, args=(3,))\n"
            "child.start(); child.join(); sys.exit(child.exitcode)"
        ),
    ],
    ids=["main", "thread", "child"],
)
def test_an_exit_gives_no_dump(tmp_path, end):
    result = run(
        tmp_path,
        f"import sys\nfrom statecrumbs import enable, crumb\nenable()\ncrumb('x')\n{end}\n",
    )
    assert result.returncode == 3
    assert result.dumps == []


def test_one_exception_that_passes_several_hooks_gives_one_dump(tmp_path):
    result = run(
        tmp_path,
        """
        import sys, threading
        from statecrumbs import enable, report

        enable()
        error = ValueError("once")
        assert report(error)
        assert not report(error)
        raise error
        """,
    )
    assert len(result.dumps) == 1


def test_the_cause_chain_is_described(tmp_path):
    result = run(
        tmp_path,
        """
        from statecrumbs import enable
        from statecrumbs.context import context

        enable()

        def read():
            with context(table="parts"):
                raise KeyError("part")

        def handle():
            try:
                read()
            except KeyError as error:
                raise RuntimeError("order failed") from error

        handle()
        """,
    )
    exception = result.dump[-1]["exception"]
    assert (exception["type"], exception["cause"]["type"]) == ("RuntimeError", "KeyError")
    assert [entry["function"] for entry in exception["traceback"]] == ["<module>", "handle"]


def test_a_busy_neighbour_does_not_push_out_the_crumbs_of_what_fails(tmp_path):
    result = run(
        tmp_path,
        """
        import threading
        from statecrumbs import enable, crumb
        from statecrumbs.context import context

        enable(max_crumbs=5, max_trail=3)

        def neighbour():
            for number in range(100):
                crumb("noise", number=number)

        with context(request_id="r-1"):
            for number in range(4):
                crumb("mine", number=number)
            thread = threading.Thread(target=neighbour)
            thread.start()
            thread.join()
            raise ValueError
        """,
    )
    crumbs = result.dump
    assert events(crumbs) == ["mine"] * 3 + ["noise"] * 5 + ["unhandled_exception"]
    assert [crumb["number"] for crumb in crumbs[:3]] == ["1", "2", "3"]
    assert crumbs[-1]["dropped"] == 1


def test_an_operation_inside_another_one_shows_the_crumbs_of_both_in_time_order(tmp_path):
    result = run(
        tmp_path,
        """
        import corectx
        from statecrumbs import enable, crumb

        enable(max_crumbs=1)

        request = corectx.start(corectx.Site("request", "GET /orders"))
        task = corectx.start(corectx.Site("task", "send_mail"), parent=request)

        outer = corectx.attach(request)
        crumb("received")
        inner = corectx.attach(task)
        crumb("began")
        corectx.detach(inner)
        crumb("queued")
        corectx.attach(task)
        crumb("connected")
        crumb("sent")
        raise ValueError
        """,
    )
    assert events(result.dump) == [
        *["received", "began", "queued", "connected", "sent", "unhandled_exception"],
    ]


def test_the_crumbs_outside_of_any_scope_are_counted_too(tmp_path):
    result = run(
        tmp_path,
        """
        from statecrumbs import enable, crumb
        enable(max_crumbs=2)
        for number in range(7):
            crumb("tick", number=number)
        raise ValueError
        """,
    )
    assert events(result.dump) == ["tick", "tick", "unhandled_exception"]
    assert result.dump[-1]["dropped"] == 5


class TestFile:
    def test_is_written_with_mode_0600_and_the_names_filled_in(self, tmp_path):
        result = run(
            tmp_path,
            """
            import os
            from statecrumbs import enable, crumb
            enable(on_crash="file", output_file="crash-{pid}-{time}.json")
            crumb("last", rows=3)
            print(os.getpid())
            raise ValueError
            """,
        )
        (path,) = tmp_path.glob("crash-*.json")
        assert path.name.startswith(f"crash-{result.stdout.strip()}-2")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert events(json.loads(path.read_text())) == ["last", "unhandled_exception"]
        assert result.dumps == []

    def test_replaces_an_older_one_whatever_its_mode(self, tmp_path):
        old = tmp_path / "statecrumbs.json"
        old.write_text("old")
        old.chmod(0o666)
        run(tmp_path, "import statecrumbs as s\ns.enable(on_crash='file')\nraise ValueError\n")
        assert stat.S_IMODE(old.stat().st_mode) == 0o600
        assert events(json.loads(old.read_text())) == ["unhandled_exception"]
        assert sorted(os.listdir(tmp_path)) == ["program.py", "statecrumbs.json"]

    def test_that_cannot_be_written_goes_to_stderr(self, tmp_path):
        result = run(
            tmp_path,
            """
            from statecrumbs import enable, crumb
            enable(on_crash="file", output_file="no/such/folder/x.json")
            crumb("last")
            raise ValueError("the real one")
            """,
        )
        assert result.returncode == 1
        assert "could not write" in result.stderr
        assert events(result.dump) == ["last", "unhandled_exception"]
        assert "ValueError: the real one" in result.stderr


class TestCallback:
    def test_is_called_with_the_crumbs(self, tmp_path):
        result = run(
            tmp_path,
            """
            from statecrumbs import enable, crumb
            enable(on_crash=lambda crumbs: print(*(c["event"] for c in crumbs)))
            crumb("last")
            raise ValueError
            """,
        )
        assert result.stdout == "last unhandled_exception\n"

    @pytest.mark.parametrize("raised", ["SystemExit(0)", "KeyboardInterrupt", "ValueError('mine')"])
    def test_that_raises_does_not_replace_the_real_exception(self, tmp_path, raised):
        result = run(
            tmp_path,
            f"""
            from statecrumbs import enable
            def callback(crumbs):
                raise {raised}
            enable(on_crash=callback)
            raise LookupError("the real one")
            """,
        )
        assert result.returncode == 1
        assert "LookupError: the real one" in result.stderr
        assert "on_crash failed" in result.stderr

    def test_is_not_called_for_what_fails_inside_it(self, tmp_path):
        result = run(
            tmp_path,
            """
            from statecrumbs import enable
            class Bad:
                def __del__(self):
                    raise ValueError("in the callback")
            def callback(crumbs):
                print(crumbs[-1]["exception"]["message"])
                Bad()
            enable(on_crash=callback)
            raise LookupError("the real one")
            """,
        )
        assert result.stdout == "the real one\n"
        assert result.dump[-1]["exception"]["message"] == "in the callback"

    @pytest.mark.parametrize("message", ["'https://bob:hunter2@host/dumps'", "Bad()"])
    def test_that_raises_tells_no_secret_and_need_not_be_able_to_tell_why(self, tmp_path, message):
        result = run(
            tmp_path,
            f"""
            from statecrumbs import enable
            class Bad:
                def __str__(self):
                    raise KeyboardInterrupt
            def callback(crumbs):
                raise OSError({message})
            enable(on_crash=callback)
            raise LookupError("the real one")
            """,
        )
        assert "on_crash failed with OSError" in result.stderr
        assert "hunter2" not in result.stderr
        assert result.stderr.endswith("LookupError: the real one\n")

    def test_none_gives_no_dump(self, tmp_path):
        result = run(
            tmp_path, "import statecrumbs as s\ns.enable(on_crash='none')\nraise ValueError\n"
        )
        assert result.dumps == []
        assert result.stderr.startswith("Traceback")


class TestHooks:
    @pytest.mark.parametrize("order", ["before", "between", "after"])
    def test_of_a_user_run_exactly_once(self, tmp_path, order):
        result = run(
            tmp_path,
            """
            import sys
            from statecrumbs import enable

            def add_hook():
                previous = sys.excepthook
                def hook(*args):
                    print("user's hook")
                    previous(*args)
                sys.excepthook = hook

            order = sys.argv[1]
            if order == "before":
                add_hook()
            enable()
            if order == "between":
                add_hook()
                enable(max_crumbs=7)
            if order == "after":
                add_hook()
            raise ValueError
            """,
            order,
        )
        assert result.stdout == "user's hook\n"
        assert len(result.dumps) == 1
        assert result.stderr.count("Traceback") == 1

    def test_are_restored_by_disable(self, tmp_path):
        result = run(
            tmp_path,
            """
            import sys, threading, logging
            from statecrumbs import enable, disable
            def hooks():
                return (
                    sys.excepthook, threading.excepthook, sys.unraisablehook,
                    list(logging.getLogger("asyncio").filters),
                )
            before = hooks()
            enable()
            enable()
            assert hooks() != before
            disable()
            assert hooks() == before
            raise ValueError
            """,
        )
        assert result.dumps == []
        assert result.stderr.startswith("Traceback")

    def test_under_anothers_hook_stay_and_do_nothing_after_disable(self, tmp_path):
        result = run(
            tmp_path,
            """
            import sys
            from statecrumbs import enable, disable
            enable()
            ours = sys.excepthook
            sys.excepthook = lambda *args: ours(*args)
            disable()
            raise ValueError("seen")
            """,
        )
        assert result.dumps == []
        assert "ValueError: seen" in result.stderr

    def test_replaced_without_chaining_are_put_back_by_enable(self, tmp_path):
        result = run(
            tmp_path,
            """
            import sys
            from statecrumbs import enable
            enable()
            sys.excepthook = lambda *args: print("theirs")
            enable()
            raise ValueError
            """,
        )
        assert result.stdout == "theirs\n"
        assert len(result.dumps) == 1


@pytest.mark.parametrize(
    "spoil",
    ["sys.stderr = None", "sys.stderr = full = open('/dev/full', 'w')", "sys.stderr.close()"],
    ids=["none", "full", "closed"],
)
def test_a_stderr_that_takes_nothing_changes_nothing_else(tmp_path, spoil):
    source = f"""
        import sys
        from statecrumbs import enable
        if "--enable" in sys.argv:
            enable()
        {spoil}
        raise ValueError
        """
    with_us, without = run(tmp_path, source, "--enable"), run(tmp_path, source)
    assert (with_us.returncode, with_us.stdout) == (without.returncode, without.stdout)


@pytest.mark.parametrize(
    "failure",
    [
        """
        class Failure(Exception):
            @property
            def __traceback__(self):
                raise SystemExit(7)
        raise Failure
        """,
        """
        import sys
        del sys.excepthook
        raise ValueError
        """,
    ],
    ids=["an exception that refuses its traceback", "a deleted hook"],
)
def test_the_exit_hooks_fail_at_nothing_that_the_program_left(tmp_path, failure):
    enable = """
        import statecrumbs
        statecrumbs.enable()
    """
    with_us = run(tmp_path, textwrap.dedent(enable) + textwrap.dedent(failure))
    without = run(tmp_path, failure)
    assert with_us.returncode == without.returncode == 1
    assert "atexit" not in with_us.stderr
    assert len(with_us.dumps) == 1


def test_strange_values_never_keep_a_dump_from_being_strict_json(tmp_path):
    result = run(
        tmp_path,
        r"""
        from statecrumbs import enable, crumb
        from statecrumbs.context import context
        enable()
        class Bad:
            def __repr__(self): raise SystemExit(0)
        with context(nan=float("nan"), bad=Bad(), lone="\ud800", obj=object()):
            crumb("x", nan=float("nan"), bad=Bad(), lone="\ud800", **{"k\ud800": 1})
            crumb("\ud800", event=1, ts=2, thread=3, context=4, frame=5)
            raise ValueError("\ud800")
        """,
    )
    assert result.returncode == 1

    def refuse(constant):
        raise AssertionError(constant)

    start = result.stderr.index("[\n")
    dump, _ = json.JSONDecoder(parse_constant=refuse).raw_decode(result.stderr, start)
    assert dump[0]["bad"] == dump[0]["context"]["bad"] == "<unserializable>"
    renamed = {name: dump[1][name] for name in ("event_", "ts_", "thread_", "context_", "frame_")}
    assert renamed == dict(zip(renamed, "12345", strict=True))


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX only: limits of a process")
@pytest.mark.parametrize("on_crash", ["stderr", "file"])
def test_a_program_that_dies_for_want_of_file_descriptors_is_dumped_too(tmp_path, on_crash):
    result = run(
        tmp_path,
        f"""
        import os, resource
        from statecrumbs import enable, crumb
        enable(on_crash={on_crash!r}, output_file="dump.json")
        crumb("opening", path="a", when=object())
        resource.setrlimit(resource.RLIMIT_NOFILE, (10, 10))
        while True:
            os.dup(1)
        """,
    )
    assert result.returncode == 1
    assert events(result.dump) == ["opening", "unhandled_exception"]
    assert ("could not write 'dump.json' (Too many open files)" in result.stderr) == (
        on_crash == "file"
    )


def test_a_module_of_the_programs_that_hides_pythons_own_breaks_nothing_but_the_dump(tmp_path):
    (tmp_path / "json.py").write_text("")
    result = run(
        tmp_path,
        """
        from statecrumbs import enable, crumb
        enable()
        crumb("a")
        raise LookupError("the program's own")
        """,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("statecrumbs: could not dump the crumbs: AttributeError")
    assert result.stderr.endswith("LookupError: the program's own\n")
