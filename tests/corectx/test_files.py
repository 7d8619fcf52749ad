"""`corectx.files`: what is written is complete, is ours, and makes nobody wait."""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
import time

import pytest

from corectx import files

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only: modes and links")

WRITERS = [files.write_private, files.write_public, files.append_private]


def mode_of(path):
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_private_files_and_folders_are_their_owners_only_whatever_the_umask(tmp_path, umask):
    folder = tmp_path / "above" / "folder"
    files.make_private_folder(folder)
    files.write_private(folder / "written", b"[]")
    files.append_private(folder / "appended", b"[]")
    os.close(files.create_private(folder / "created"))
    assert [mode_of(tmp_path / "above"), mode_of(folder)] == [0o700, 0o700]
    assert {path.name: mode_of(path) for path in folder.iterdir()} == {
        "written": 0o600,
        "appended": 0o600,
        "created": 0o600,
    }


def test_public_files_follow_the_umask(tmp_path, umask):
    files.write_public(tmp_path / "map.svg", b"<svg/>")
    assert mode_of(tmp_path / "map.svg") == 0o666 & ~umask


def test_a_public_file_keeps_its_permissions_but_no_special_bits(tmp_path):
    path = tmp_path / "map.svg"
    path.write_bytes(b"")
    path.chmod(0o4640)
    files.write_public(path, b"<svg/>")
    assert mode_of(path) == 0o640


def test_a_folder_that_is_there_keeps_its_mode(tmp_path):
    tmp_path.chmod(0o750)
    files.make_private_folder(tmp_path)
    assert mode_of(tmp_path) == 0o750


def test_a_file_is_replaced_in_one_step_and_nothing_else_stays(tmp_path):
    path = tmp_path / "dump.json"
    for content in (b"first", b"second"):
        files.write_private(path, content)
        assert path.read_bytes() == content
    assert [each.name for each in tmp_path.iterdir()] == ["dump.json"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "dump.json"
    files.write_private(path, b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    for write in (files.write_private, files.write_public):
        with pytest.raises(OSError, match="No space left") as caught:
            write(path, b"new")
        assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["dump.json"]


def test_a_write_in_the_middle_of_another_does_it_no_harm(tmp_path, monkeypatch):
    """As that of a second signal does, while the dump of the first is written."""
    path = tmp_path / "dump.json"
    replace = os.replace

    def interrupted(source, target):
        monkeypatch.setattr(os, "replace", replace)
        files.write_private(path, b"inner")
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    files.write_private(path, b"outer")
    assert path.read_bytes() == b"outer"
    assert [each.name for each in tmp_path.iterdir()] == ["dump.json"]


@pytest.mark.parametrize("write", WRITERS)
def test_a_pipe_of_ones_own_is_written_to_and_not_replaced(tmp_path, write):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write(pipe, b"[]")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert os.read(reader, 100) == b"[]"
    os.close(reader)


@pytest.mark.parametrize("write", [files.write_private, files.append_private])
def test_a_pipe_that_nobody_reads_is_an_error_and_no_wait(tmp_path, write):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="Nobody reads the pipe"):
        write(tmp_path / "pipe", b"[]")


@pytest.mark.parametrize("write", [files.write_private, files.append_private])
def test_a_pipe_that_is_held_open_and_not_read_ends_the_wait(tmp_path, write, monkeypatch):
    monkeypatch.setattr(files, "PATIENCE", 0.1)
    os.mkfifo(tmp_path / "pipe")
    holder = os.open(tmp_path / "pipe", os.O_RDWR)
    began = time.monotonic()
    with pytest.raises(OSError, match="Nobody reads the pipe"):
        write(tmp_path / "pipe", b"x" * 10**6)
    os.close(holder)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("write", WRITERS)
def test_a_slow_reader_of_a_pipe_gets_all_of_it(tmp_path, write):
    content = os.urandom(300_000)
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    thread = threading.Thread(target=write, args=(tmp_path / "pipe", content))
    thread.start()
    got = b""
    while len(got) < len(content):
        got += os.read(reader, 10_000)
    thread.join()
    os.close(reader)
    assert got == content


@pytest.mark.parametrize("write", WRITERS)
def test_a_device_is_written_to(write):
    write("/dev/null", b"[]")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("name", ["/dev/fd/{}", "/proc/self/fd/{}", "/proc/{pid}/fd/{}"])
def test_an_open_file_has_its_number_for_a_name(tmp_path, write, name):
    with open(tmp_path / "output", "wb") as file:
        file.write(b"before ")
        file.flush()
        write(name.format(file.fileno(), pid=os.getpid()), b"after")
    assert (tmp_path / "output").read_bytes() == b"before after"


@pytest.mark.parametrize(("name", "number"), [("/dev/stdout", 1), ("/dev/stderr", 2)])
def test_the_standard_streams_have_their_names(tmp_path, name, number):
    kept = os.dup(number)
    with open(tmp_path / "output", "wb") as file:
        os.dup2(file.fileno(), number)
    try:
        files.write_private(name, b"written")
    finally:
        os.dup2(kept, number)
        os.close(kept)
    assert (tmp_path / "output").read_bytes() == b"written"


@pytest.mark.parametrize("write", WRITERS)
def test_a_link_in_a_folder_of_ones_own_is_followed(tmp_path, write):
    (tmp_path / "real").mkdir()
    tmp_path.chmod(0o755)
    (tmp_path / "folder").symlink_to("real")
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "dump.json")
    write(tmp_path / "link", b"[]")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "dump.json").read_bytes() == b"[]"


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775], ids=oct)
@pytest.mark.parametrize("write", WRITERS)
def test_a_link_in_a_folder_where_others_can_write_is_not_followed(tmp_path, write, mode):
    target = tmp_path / "target"
    target.write_bytes(b"mine")
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(mode)
    (shared / "link").symlink_to(target)
    (shared / "folder").symlink_to(tmp_path)
    for path in (shared / "link", shared / "folder" / "target"):
        with pytest.raises(PermissionError, match="symbolic link") as caught:
            write(path, b"[]")
        assert caught.value.filename == str(path)
    with pytest.raises(PermissionError, match="symbolic link"):
        files.make_private_folder(shared / "folder" / "new")
    assert target.read_bytes() == b"mine"


def test_links_in_a_ring_are_an_error(tmp_path):
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    with pytest.raises(OSError) as caught:
        files.write_private(tmp_path / "one", b"[]")
    assert caught.value.errno == errno.ELOOP


def test_a_file_with_a_second_name_is_not_appended_to(tmp_path):
    (tmp_path / "mine").write_bytes(b"mine")
    os.link(tmp_path / "mine", tmp_path / "evidence")
    with pytest.raises(PermissionError, match="hard link"):
        files.append_private(tmp_path / "evidence", b"[]")
    assert (tmp_path / "mine").read_bytes() == b"mine"


@pytest.mark.parametrize("write", WRITERS)
def test_a_folder_is_not_written_to(tmp_path, write):
    with pytest.raises(IsADirectoryError):
        write(tmp_path, b"[]")


@pytest.mark.parametrize("write", WRITERS)
def test_text_is_written_as_utf_8_whatever_is_in_it(tmp_path, write):
    write(tmp_path / "text", "é\ud800\n")
    assert (tmp_path / "text").read_bytes() == "é\\ud800\n".encode()


def test_what_is_made_anew_is_never_there_before(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").write_bytes(b"")
    for name in ("link", "file"):
        with pytest.raises(FileExistsError):
            files.create_private(tmp_path / name)
    assert not (tmp_path / "nowhere").exists()


def test_only_a_regular_file_is_opened_for_reading(tmp_path):
    (tmp_path / "file").write_bytes(b"[]")
    descriptor = files.open_regular(tmp_path / "file")
    assert os.read(descriptor, 10) == b"[]"
    os.close(descriptor)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("file")
    for name in ("pipe", "link", "."):
        with pytest.raises(OSError):
            files.open_regular(tmp_path / name)


def test_a_folder_is_not_made_over_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError) as caught:
            files.make_private_folder(path)
        assert caught.value.filename == str(path)
    with pytest.raises(NotADirectoryError):
        files.make_private_folder("/dev/stdout")
