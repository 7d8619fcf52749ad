"""Files that another user planted under a name of ours are neither written to nor waited for."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time

import pytest

from corectx import files
from statecrumbs._black_box import BlackBox
from tests.attacks import interpreters

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only: users")

NOBODY = 65534
WRITERS = [files.write_private, files.write_public, files.append_private]


@pytest.fixture(params=[0o1777, 0o777], ids=oct)
def shared(request, tmp_path):
    """Return a folder where everybody can write, as /tmp."""
    each = tmp_path
    while each != each.parent and each.stat().st_uid == os.getuid():
        each.chmod(each.stat().st_mode | 0o711)
        each = each.parent
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(request.param)
    return folder


@pytest.fixture
def plant(shared, monkeypatch):
    """Return a function that runs a shell command in `shared` as another user.

    Only root can become another user. Without root the files are ours, and this process takes
    itself for another user.
    """

    def run(command):
        user = NOBODY if os.geteuid() == 0 else None
        subprocess.run(
            ["/bin/sh", "-c", f"umask 0; {command}"],
            cwd=shared,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            check=True,
        )
        if user is None:
            monkeypatch.setattr(os, "geteuid", lambda: NOBODY)

    return run


@pytest.fixture
def victim(tmp_path):
    """Return a file of ours that somebody wants us to overwrite."""
    path = tmp_path / "victim"
    path.write_bytes(b"precious")
    yield path
    assert path.read_bytes() == b"precious"
    assert [each.name for each in tmp_path.iterdir() if each.name != "shared"] == ["victim"]


@pytest.mark.parametrize("write", WRITERS)
def test_a_planted_link_is_not_followed(shared, plant, victim, write):
    plant(f"ln -s {victim} dump.json; ln -s {victim.parent} folder; ln -s nowhere dangling")
    for name in ("dump.json", "folder/victim", "folder/new", "dangling"):
        with pytest.raises(PermissionError, match="symbolic link"):
            write(shared / name, b"dump")
    assert not (shared / "nowhere").exists()


@pytest.mark.parametrize("name", ["folder", "folder/below"])
def test_a_planted_link_is_no_folder_of_ours(shared, plant, victim, name):
    plant(f"ln -s {victim.parent} folder")
    with pytest.raises(PermissionError, match="symbolic link"):
        files.make_private_folder(shared / name)


@pytest.mark.parametrize("write", WRITERS)
def test_a_planted_pipe_is_not_written_to(shared, plant, write):
    plant("mkfifo dump.json")
    reader = os.open(shared / "dump.json", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(PermissionError, match="Another user"):
        write(shared / "dump.json", b"dump")
    assert os.read(reader, 100) == b""
    os.close(reader)


def test_a_planted_file_is_not_appended_to(shared, plant):
    plant("echo planted > evidence.jsonl")
    with pytest.raises(PermissionError, match="Another user"):
        files.append_private(shared / "evidence.jsonl", b"evidence")
    assert (shared / "evidence.jsonl").read_bytes() == b"planted\n"


@pytest.mark.parametrize("write", [files.write_private, files.write_public])
def test_a_planted_file_is_replaced_and_its_owner_cannot_change_the_new_one(shared, plant, write):
    plant("echo planted > dump.json; chmod 0666 dump.json; exec 3< dump.json")
    with open(shared / "dump.json", "rb") as held:
        try:
            write(shared / "dump.json", b"dump")
        except PermissionError:
            return  # the kernel protects files of others in such a folder
        assert held.read() == b"planted\n"
    status = (shared / "dump.json").stat()
    assert (status.st_uid, (shared / "dump.json").read_bytes()) == (os.getuid(), b"dump")
    if write is files.write_private:
        assert stat.S_IMODE(status.st_mode) == 0o600
    assert not status.st_mode & stat.S_IWOTH


@pytest.mark.skipif(os.name != "nt" and os.geteuid() != 0, reason="POSIX only, and only as root")
def test_root_writes_to_no_block_device(shared):
    os.mknod(shared / "disk", stat.S_IFBLK | 0o600, os.makedev(259, 4242))
    with pytest.raises(PermissionError, match="neither a file, a pipe nor"):
        files.write_private(shared / "disk", b"dump")


@pytest.mark.parametrize("planted", ["ln -s {victim.parent} boxes", "mkfifo boxes"])
def test_a_black_box_is_not_made_in_a_folder_that_is_planted(shared, plant, victim, planted):
    plant(planted.format(victim=victim))
    problems = []
    box = BlackBox.open(shared / "boxes", render=lambda *_: "", on_error=problems.append)
    box.write("event", "main", "", {}, 1)
    box.close()
    assert len(problems) == 1
    assert problems[0].startswith(f"Cannot make a black box in {shared / 'boxes'}: ")


def test_a_planted_file_is_not_opened_for_the_stacks_of_a_fault(shared, plant, victim):
    plant(f"mkfifo pipe; echo planted > file; ln -s {victim} link")
    for name in ("pipe", "file", "link"):
        with pytest.raises(OSError, match=r"Another user|Too many levels"):
            files.open_private(shared / name)


def test_our_own_pipe_is_no_file_for_the_stacks_of_a_fault(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(PermissionError, match="no regular file"):
        files.open_private(tmp_path / "pipe")
    os.close(reader)


CRASHING = """
import sys
import statecrumbs
statecrumbs.enable(on_crash="file", output_file=sys.argv[1])
statecrumbs.crumb("about to fail")
1 / 0
"""


def crash(tmp_path, output):
    program = tmp_path / "program.py"
    program.write_text(CRASHING)
    began = time.monotonic()
    done = interpreters.run(sys.executable, str(program), str(output))
    program.unlink()
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("ZeroDivisionError: division by zero")
    return done.stderr, time.monotonic() - began


@pytest.mark.skipif(os.name != "nt" and os.geteuid() != 0, reason="POSIX only, and only as root")
@pytest.mark.parametrize("command", ["mkfifo dump.json", "ln -s {victim} dump.json"])
def test_a_crash_prints_its_dump_if_the_file_is_planted(shared, plant, victim, command, tmp_path):
    plant(command.format(victim=victim))
    stderr, _ = crash(tmp_path, shared / "dump.json")
    assert "could not write" in stderr
    assert '"event": "about to fail"' in stderr


def test_a_crash_does_not_wait_for_the_reader_of_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "dump.json")
    holder = os.open(tmp_path / "dump.json", os.O_RDWR | os.O_NONBLOCK)
    os.set_blocking(holder, False)
    try:
        while True:
            os.write(holder, b"x" * 4096)
    except BlockingIOError:
        pass  # it is full now
    stderr, _ = crash(tmp_path, tmp_path / "dump.json")
    os.close(holder)
    assert '"event": "about to fail"' in stderr


OBSERVED = """
import os, sys
os.umask(0)
import penstock
shop = penstock.flow("shop")
@shop.entrypoint
def buy(): pass
with penstock.observe(sys.argv[1]):
    buy()
"""


def test_the_evidence_is_its_owners_only_whatever_the_umask(tmp_path):
    (tmp_path / "program.py").write_text(OBSERVED)
    folder = tmp_path / "above" / "evidence"
    done = interpreters.run(sys.executable, str(tmp_path / "program.py"), str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.stat().st_mode & 0o777 for path in (folder.parent, folder)} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


@pytest.mark.skipif(os.name != "nt" and os.geteuid() != 0, reason="POSIX only, and only as root")
def test_planted_evidence_is_neither_merged_nor_removed(shared, plant, victim, tmp_path):
    planted = [f"20200101T000000Z-1-{number:016x}.jsonl" for number in range(4)]
    plant(
        f"mkfifo {planted[0]}; ln -s {victim} {planted[1]}; ln -s nowhere {planted[2]};"
        f"echo 1 > {planted[3]}; touch -d 2020-01-01 {planted[3]}"
    )
    program = tmp_path / "program.py"
    for _ in range(3):
        program.write_text(OBSERVED.replace("argv[1]", "argv[1], max_files=1"))
        done = interpreters.run(sys.executable, str(program), str(shared))
        program.unlink()
        assert (done.returncode, done.stderr) == (0, "")
        ours = [path for path in shared.iterdir() if path.name not in planted]
        for path in ours:
            os.utime(path, (0, 0))  # silent for long enough to be merged
    assert len(ours) == 2  # the merged one, and that of the last process
    left = [shared / name for name in planted]
    assert [stat.S_IFMT(path.lstat().st_mode) for path in left] == [
        stat.S_IFIFO,
        stat.S_IFLNK,
        stat.S_IFLNK,
        stat.S_IFREG,
    ]
    assert left[3].read_text() == "1\n"
