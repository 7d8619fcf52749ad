"""`statecrumbs redact` with real streams: bytes that are no text, full disks, closed ends."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc

import pytest

from statecrumbs._redact import Redactor

COMMAND = f"{sys.executable} -m statecrumbs redact"
SECRET = b"password=hunter2 caf\xe9 \xff\xfe\r\nx\x00y"
SHOWN = b"password=[redacted] caf\xe9 \xff\xfe\r\nx\x00y"


def redact(shell, given=SECRET, **environment):
    return subprocess.run(
        ["/bin/sh", "-c", f"exec {COMMAND} {shell}"],
        input=given,
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.mark.parametrize("encoding", ["", "utf-8:strict", "ascii:strict", "latin-1"])
def test_bytes_that_are_no_text_pass_as_they_are(encoding):
    done = redact("", PYTHONIOENCODING=encoding)

    assert (done.returncode, done.stdout, done.stderr) == (0, SHOWN, b"")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_known_by_its_mark_and_stays_utf_16(encoding):
    done = redact("", "\ufeffpassword=hunter2\r\ncity=Köln".encode(encoding))

    assert done.stdout.decode(encoding) == "\ufeffpassword=[redacted]\r\ncity=Köln"


def test_bytes_that_only_begin_like_utf_16_pass_as_they_are():
    for end in (b"\n", b"\r\n"):
        done = redact("", b"\xff\xfepassword=hunter2" + end)

        assert done.stdout == b"\xff\xfepassword=[redacted]" + end


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_is_one_message():
    done = redact("> /dev/full")

    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        "statecrumbs: Cannot write to the standard output: No space left on device."
    ]


@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_a_closed_end_is_one_message(closed):
    done = redact(closed)

    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        "statecrumbs: The standard input or the standard output is closed."
    ]


def test_a_reader_that_has_gone_is_no_error():
    done = redact("| head -c 1", b"a\n" * 1_000_000)

    assert (done.stdout, done.stderr) == (b"a", b"")


@pytest.mark.parametrize(
    ("line", "times"),
    [("2026-11-30 INFO shop: order 4711 created in 12 ms (status=201)\n", 8), ("pw=1x,", 40)],
)
def test_the_memory_that_a_text_takes_is_what_the_help_says(line, times):
    redactor = Redactor()
    redactor.scrub(line)  # loads the patterns
    text = line * (50_000 // len(line))
    tracemalloc.start()
    try:
        redactor.scrub(text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < times * len(text)
    assert f"{times} times" in redact("--help").stdout.decode()
