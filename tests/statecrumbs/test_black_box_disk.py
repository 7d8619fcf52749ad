"""A black box costs one warning when the disk is against it, never the program."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from statecrumbs._black_box import BlackBox, UnreadableError, read
from tests.statecrumbs.black_boxes import as_it_is, numbers, run
from tests.statecrumbs.programs import run as program

TICK = ("tick", "main", "", {"n": 1}, 1)

# Goes on after the disk has said no, and tells what its one warning was.
GO_ON = """
    box = open_box()
    for number in range(2000):
        tick(box, "main", number)
    box.close()
    os.write(report, "\\n".join(problems).encode())
    os._exit(7)
"""


def is_root():
    return hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 512 KiB."""
    if sys.platform != "linux":
        pytest.skip("Linux only: a small tmpfs")
    point = tmp_path / "disk"
    point.mkdir()
    as_root = [] if is_root() else ["sudo", "-n"]
    options = f"size=512k,mode=700,uid={os.getuid()},gid={os.getgid()}"
    done = subprocess.run(
        [*as_root, "mount", "-t", "tmpfs", "-o", options, "tmpfs", point],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"cannot mount a small tmpfs: {done.stderr.strip()}")
    yield point
    subprocess.run([*as_root, "umount", "--lazy", point], check=True)


@pytest.fixture
def read_only_disk(small_disk):
    """A file system that nobody can write to, root included."""
    as_root = [] if is_root() else ["sudo", "-n"]
    subprocess.run([*as_root, "mount", "-o", "remount,ro", small_disk], check=True)
    return small_disk


@pytest.mark.parametrize("preallocate", [True, False], ids=["posix_fallocate", "zeros"])
def test_a_full_disk_is_one_warning(small_disk, preallocate):
    source = GO_ON if preallocate else "    del os.posix_fallocate\n" + GO_ON
    code, told, stderr = run(small_disk, source)
    assert (code, stderr) == (7, "")
    assert told.decode() == (
        f"Cannot make a black box in {small_disk}: No space left on device; "
        "crumbs are kept in memory only."
    )
    assert list(small_disk.iterdir()) == []


def test_a_disk_that_fills_up_later_does_no_harm(small_disk):
    code, told, stderr = run(
        small_disk,
        """
        box = open_box(slots=64)
        filler = os.open(directory + "/filler", os.O_WRONLY | os.O_CREAT)
        try:
            while True:
                os.write(filler, bytes(4096))
        except OSError:
            pass
        for number in range(1000):
            tick(box, "main", number)
        os.write(report, "".join(problems).encode())
        os._exit(7)
        """,
    )
    assert (code, told, stderr) == (7, b"", "")
    (file,) = small_disk.glob("*.crumbs")
    assert numbers(read(file).crumbs)["main"] == list(range(1000 - 64, 1000))


def test_a_file_system_without_preallocation_gets_zeros(tmp_path, monkeypatch):
    def unsupported(descriptor, offset, length):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", unsupported, raising=False)
    box = BlackBox.open(tmp_path, render=as_it_is, on_error=pytest.fail)
    status = os.stat(box.path)
    assert status.st_size == 4096 + 128 * 512 + 512 * 1024
    if hasattr(status, "st_blocks"):
        assert status.st_blocks * 512 >= status.st_size
    box.close()


def test_a_read_only_disk_is_one_warning(read_only_disk):
    code, told, stderr = run(read_only_disk, GO_ON)
    assert (code, stderr) == (7, "")
    assert told.decode() == (
        f"Cannot make a black box in {read_only_disk}: Read-only file system; "
        "crumbs are kept in memory only."
    )


def test_a_read_only_folder_is_one_warning(tmp_path):
    folder = tmp_path / "boxes"
    folder.mkdir(mode=0o500)
    # Root may write to any folder, but to none of the kernel's own.
    folder = folder if not is_root() else "/proc/self"
    if is_root() and sys.platform != "linux":
        pytest.skip("Linux only: a folder that root cannot write to")
    code, told, stderr = run(folder, GO_ON)
    assert (code, stderr) == (7, "")
    assert told.decode().startswith(f"Cannot make a black box in {folder}: ")
    assert told.count(b"\n") == 0


# The same as a program sees it: one warning on stderr, and its own exit code.
PROGRAM = """
    import glob, os, shutil, sys
    from statecrumbs import enable, crumb, snapshot
    def truncate(folder):
        os.truncate(glob.glob(folder + "/*.crumbs")[0], 100_000)
    enable(black_box=sys.argv[1])
    {after}
    for number in range(3000):
        crumb("working", number=number)
    assert snapshot()[-1]["number"] == "2999"
    sys.exit(7)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX only: Windows removes no mapped file")
@pytest.mark.parametrize(
    ("after", "warning"),
    [
        ("shutil.rmtree(sys.argv[1])", "was removed"),
        (
            "[crumb('x') for _ in range(511)]; truncate(sys.argv[1])",
            "was truncated",
        ),
    ],
)
def test_what_happens_to_the_file_is_one_warning_and_the_programs_own_exit_code(
    tmp_path, after, warning
):
    source = PROGRAM.format(after=after)
    result = program(tmp_path, source, str(tmp_path / "boxes"))
    assert result.returncode == 7, result.stderr
    assert result.stderr.count("\n") == 1
    assert warning in result.stderr


def test_a_full_disk_is_one_warning_and_the_programs_own_exit_code(small_disk, tmp_path):
    result = program(tmp_path, PROGRAM.format(after=""), str(small_disk))
    assert result.returncode == 7
    assert result.stderr.count("\n") == 1
    assert "No space left on device" in result.stderr


def test_a_folder_that_is_missing_is_made_for_its_owner_only(tmp_path):
    box = BlackBox.open(tmp_path / "boxes", render=as_it_is, on_error=pytest.fail)
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "boxes").stat().st_mode) == 0o700
        assert stat.S_IMODE(os.stat(box.path).st_mode) == 0o600
    box.close()


def test_a_folder_that_may_be_written_to_but_not_read_has_a_box(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    # Root may do anything, so permissions alone do not show it.
    monkeypatch.setattr(os, "listdir", refuse)
    box = BlackBox.open(tmp_path, render=as_it_is, on_error=pytest.fail)
    box.write(*TICK)
    assert len(read(box.path).crumbs) == 1
    box.close()


def test_a_folder_whose_parent_is_missing_is_one_warning(tmp_path):
    folder = tmp_path / "missing" / "boxes"
    code, told, stderr = run(folder, GO_ON)
    assert (code, stderr) == (7, "")
    assert told.decode() == (
        f"Cannot make a black box in {folder}: No such file or directory; "
        "crumbs are kept in memory only."
    )


def test_a_file_in_place_of_the_folder_is_one_warning(tmp_path):
    folder = tmp_path / "boxes"
    folder.touch()
    code, told, _ = run(folder, GO_ON)
    assert code == 7
    assert told.startswith(b"Cannot make a black box in ")


def test_a_folder_that_is_removed_later_is_one_warning(tmp_path):
    folder = tmp_path / "boxes"
    code, told, stderr = run(
        folder,
        """
        import shutil
        box = open_box()
        path = box.path
        shutil.rmtree(directory)
        for number in range(2000):
            tick(box, "main", number)
        box.close()
        os.write(report, "\\n".join(problems).replace(path, "PATH").encode())
        os._exit(7)
        """,
    )
    assert (code, stderr) == (7, "")
    assert told == b"The black box PATH was removed; crumbs are kept in memory only."


@pytest.mark.skipif(sys.platform == "win32", reason="Windows truncates no mapped file")
def test_a_truncation_that_is_noticed_is_one_warning(tmp_path):
    folder = tmp_path / "boxes"
    code, told, stderr = run(
        folder,
        """
        box = open_box(slots=512)
        path = box.path
        for number in range(511):
            tick(box, "main", number)
        # The writer that completes a lap checks the disk.
        os.truncate(path, 4096 + 128 * 512 + 100 * 1024)
        for number in range(511, 2000):
            tick(box, "main", number)
        os.write(report, "\\n".join(problems).replace(path, "PATH").encode())
        os._exit(7)
        """,
    )
    assert (code, stderr) == (7, "")
    assert told == b"The black box PATH was truncated; crumbs are kept in memory only."
    (file,) = folder.iterdir()
    found = read(file)
    assert found.missing_slots == 412
    assert numbers(found.crumbs)["main"] == list(range(100))
    assert found.torn == 0


@pytest.mark.skipif(sys.platform != "linux", reason="as documented for Linux")
def test_a_truncation_that_is_not_noticed_ends_the_program_as_documented(tmp_path):
    code, _, _ = run(
        tmp_path / "boxes",
        "box = open_box(); tick(box, 'main', 1); os.truncate(box.path, 4096); tick(box, 'main', 2)",
    )
    assert code == -7  # SIGBUS
    (file,) = (tmp_path / "boxes").iterdir()
    assert (read(file).crumbs, read(file).missing_slots) == ([], 512)


def test_a_limit_for_the_size_of_files_is_one_warning(tmp_path):
    pytest.importorskip("resource", reason="limits of POSIX")
    code, _, stderr = run(
        tmp_path / "boxes",
        """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        box = open_box()
        tick(box, "main", 1)
        assert "File too large" in problems[0], problems
        os._exit(7)
        """,
    )
    assert (code, stderr) == (7, "")
    assert list((tmp_path / "boxes").iterdir()) == []


def test_writing_at_the_end_of_the_stack_raises_nothing(tmp_path):
    box = BlackBox.open(tmp_path, render=as_it_is, on_error=pytest.fail)

    def dive(depth):
        box.write(*TICK)
        return dive(depth + 1)

    with pytest.raises(RecursionError):
        dive(0)
    box.write(*TICK)
    found = read(box.path)
    assert found.torn == 0
    assert len(found.crumbs) == 512
    box.close()


def test_a_box_that_is_closed_ignores_what_comes_later(tmp_path):
    box = BlackBox.open(tmp_path, render=as_it_is, on_error=pytest.fail)
    write = box.write
    box.close()
    box.close()
    write(*TICK)
    box.write(*TICK)
    assert box.path is None
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_somebody_removed_is_no_problem_at_the_end(tmp_path):
    box = BlackBox.open(tmp_path, render=as_it_is, on_error=pytest.fail)
    os.unlink(box.path)
    box.close()


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path, monkeypatch):
    from statecrumbs._black_box import _file

    target = tmp_path / "target"
    target.write_text("precious")
    boxes = tmp_path / "boxes"
    boxes.mkdir()
    moments = iter([10**18, 10**18 + 1000])
    monkeypatch.setattr(_file.time, "time_ns", lambda: next(moments, 10**18 + 2000))
    (boxes / f"20010909T014640.000000Z-{os.getpid()}.crumbs").symlink_to(target)
    box = BlackBox.open(boxes, render=as_it_is, on_error=pytest.fail)
    assert box.path.endswith(f"20010909T014640.000001Z-{os.getpid()}.crumbs")
    assert target.read_text() == "precious"
    box.close()


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"slots": 1}, "at least 2 slots, not 1"),
        ({"slot_size": 100}, "from 256 to 65536, not 100"),
        ({"slot_size": 1001}, "multiple of 8 bytes"),
        ({"slots": 1 << 20, "slot_size": 65536}, "at most 1073741824 bytes"),
    ],
)
def test_impossible_sizes_are_refused(tmp_path, sizes, message):
    with pytest.raises(ValueError, match=message):
        BlackBox.open(tmp_path, render=as_it_is, on_error=pytest.fail, **sizes)
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_in_the_folder_does_not_hold_up_its_reader(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("named pipes")
    os.mkfifo(tmp_path / "x.crumbs")
    with pytest.raises(UnreadableError, match="is not a regular file"):
        read(tmp_path / "x.crumbs")
