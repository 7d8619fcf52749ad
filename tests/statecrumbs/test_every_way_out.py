"""Secrets are blanked before anything leaves the process, by whichever way it leaves."""

from __future__ import annotations

import signal
import sys

import pytest

from statecrumbs import cli
from statecrumbs._redact import Redactor
from tests.statecrumbs.programs import run

HIDDEN = "hunter2secret"
ARGUMENTS = ("--password", HIDDEN, f"--token={HIDDEN}", f"https://bob:{HIDDEN}@db/x")

# Has the secret wherever a program may have one; and `author`, which only looks like one.
PROGRAM = """
    import logging, os, signal, sys, threading
    import corectx
    import statecrumbs
    from statecrumbs import crumb
    from statecrumbs.context import context
    from statecrumbs.logging import CrumbHandler

    HIDDEN = sys.argv[2]
    logging.getLogger("shop").addHandler(CrumbHandler())

    def work():
        frame = corectx.start(
            corectx.Site("request", f"GET /?token={HIDDEN}", f"flow password={HIDDEN}"),
            values={"api_key": HIDDEN, "url": f"https://bob:{HIDDEN}@db/x", "author": "ann"},
        )
        corectx.enter(frame)
        with context(note=f"secret={HIDDEN}", holds={"password": HIDDEN}):
            crumb(f"login password={HIDDEN}", author="ann", password=HIDDEN)
            crumb(
                "request",
                headers={"X": [{"Authorization": f"Bearer {HIDDEN}"}], "Cookie": f"sid={HIDDEN}"},
                command=["mysql", "--password", HIDDEN],
                query=f"?a=1&token={HIDDEN}&b=2",
                number=1,
                text=f"db_password={HIDDEN}",
            )
            logging.getLogger("shop").error(
                "token=%s", HIDDEN, extra={"password": HIDDEN, "author": "ann"}
            )
            error = ValueError(f"accessToken={HIDDEN}")
            error.__notes__ = [f"client_secret={HIDDEN}"]
            raise error from KeyError(f"password: {HIDDEN}")

    def run():
        thread = threading.Thread(target=work, name=f"worker https://bob:{HIDDEN}@db")
        thread.start()
        thread.join()
"""
QUIET = "    threading.excepthook = lambda *_: None  # Python's own has no idea of secrets\n"


def left_out(text):
    """Tell that crumbs are in `text`, with `author` and without the secret."""
    return HIDDEN not in text and "ann" in text and "[redacted]" in text


def test_the_dump_on_stderr(tmp_path):
    result = run(tmp_path, PROGRAM + QUIET + "    statecrumbs.enable()\n    run()\n", *ARGUMENTS)
    assert result.dump[-1]["exception"]["cause"]["type"] == "KeyError"
    assert left_out(result.stderr)


def test_the_dump_in_a_file_and_what_is_exported(tmp_path):
    end = """
    from statecrumbs.export import export_json
    statecrumbs.enable(on_crash="file", output_file="dump.json")
    run()
    export_json("export.json")
    """
    result = run(tmp_path, PROGRAM + QUIET + end, *ARGUMENTS)
    assert result.stderr == ""
    assert left_out((tmp_path / "dump.json").read_text())
    assert left_out((tmp_path / "export.json").read_text())


def test_what_a_callback_gets(tmp_path):
    end = "    statecrumbs.enable(on_crash=lambda crumbs: print(crumbs))\n    run()\n"
    assert left_out(run(tmp_path, PROGRAM + QUIET + end, *ARGUMENTS).stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX only: signals")
def test_the_dump_at_a_signal(tmp_path):
    end = """
    statecrumbs.enable(on_crash="none")
    run()
    statecrumbs.enable(on_crash="stderr", dump_signal=signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGUSR1)
    """
    result = run(tmp_path, PROGRAM + QUIET + end, *ARGUMENTS)
    assert result.dump[-1]["event"] == "live_dump"
    assert left_out(result.stderr)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX only: signals")
def test_the_black_box_and_all_that_is_made_of_it(tmp_path, capsys):
    end = """
    statecrumbs.enable(on_crash="none", black_box="boxes")
    run()
    os.kill(os.getpid(), signal.SIGKILL)
    """
    result = run(tmp_path, PROGRAM + QUIET + end, *ARGUMENTS)
    assert result.returncode == -signal.SIGKILL
    (box,) = (tmp_path / "boxes").glob("*.crumbs")
    assert left_out(box.read_bytes().decode("utf-8", "replace"))
    for command in (["read", str(box)], ["read", "--json", str(box)], ["tail", str(box)]):
        assert cli.main(command) == 0
        assert left_out(capsys.readouterr().out)
    assert cli.main(["ps", str(box)]) == 0
    assert HIDDEN not in capsys.readouterr().out
    assert cli.main(["report", str(box), "-o", "-"]) == 0
    assert left_out(capsys.readouterr().out)


def test_the_section_of_a_failing_test(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import os\n"
        "from statecrumbs import crumb\n"
        "def test_it():\n"
        "    crumb('login', author='ann', password=os.environ['HIDDEN'])\n"
        "    assert False\n"
    )
    result = run(
        tmp_path,
        f"""
        import os, sys, pytest
        os.environ["HIDDEN"] = {HIDDEN!r}
        sys.exit(pytest.main(["-p", "no:cacheprovider", "-p", "no:hypothesispytest", "test_it.py"]))
        """,
    )
    assert result.returncode == 1
    assert "Captured crumbs" in result.stdout
    assert left_out(result.stdout)


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--password", "x", "y"], ["--password", "[redacted]", "y"]),
        (["-token", "-x"], ["-token", "[redacted]"]),
        (["--password", "--verbose", "x"], ["--password", "--verbose", "x"]),
        (["--password=x", "y"], ["--password=[redacted]", "y"]),
        (["--author", "ann"], ["--author", "ann"]),
        (["password", "x"], ["password", "x"]),
        (["--api-key", "--secret", "x"], ["--api-key", "--secret", "[redacted]"]),
    ],
)
def test_an_argument_after_a_sensitive_option_is_a_secret(arguments, shown):
    assert Redactor().scrub_arguments(arguments) == shown
