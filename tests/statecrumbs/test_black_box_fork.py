"""One file per process: what forked children do, and what becomes of their parent's file."""

from __future__ import annotations

import os
import struct
import sys

import pytest

from statecrumbs._black_box import read
from tests.statecrumbs.black_boxes import are_consecutive, numbers, run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="only where there is fork()")

# Forking with threads is what is tested here; Python 3.12 and later warn of it.
ALLOW = ("-W", "ignore::DeprecationWarning")


def boxes_by_pid(directory):
    found = [read(file) for file in directory.glob("*.crumbs")]
    by_pid = {box.process["pid"]: box for box in found}
    assert len(by_pid) == len(found)
    return by_pid


def test_children_of_busy_threads_have_their_own_files(tmp_path):
    code, told, stderr = run(
        tmp_path / "boxes",
        """
        box = open_box(slots=256, slot_size=256)
        sys.setswitchinterval(0.0005)
        stop = threading.Event()
        def work(thread):
            number = 0
            while not stop.is_set():
                number += 1
                tick(box, thread, number)
        threads = [threading.Thread(target=work, args=(f"busy-{n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for child in range(300):
            pid = os.fork()
            if pid == 0:
                tick(box, "child", child)
                tick(box, "child", child + 1)
                os._exit(0)
            os.write(report, struct.pack("<II", pid, child))
            assert os.waitpid(pid, 0) == (pid, 0)
        stop.set()
        for thread in threads:
            thread.join()
        assert not problems, problems
        os._exit(0)
        """,
        *ALLOW,
    )
    assert (code, stderr) == (0, "")
    children = dict(struct.iter_unpack("<II", told))
    boxes = boxes_by_pid(tmp_path / "boxes")
    assert len(boxes) == 301
    (parent,) = boxes.keys() - children.keys()
    for pid, number in children.items():
        box = boxes[pid]
        assert box.process["parent_pid"] == parent
        assert numbers(box.crumbs) == {"child": [number, number + 1]}
        assert box.ending in ("gone", "gone")
    recovered = numbers(boxes[parent].crumbs)
    assert all(thread.startswith("busy") for thread in recovered)
    assert all(map(are_consecutive, recovered.values()))
    assert boxes[parent].torn == 0
    # A thread that was held up for a lap of the others stores a crumb that is too old to be shown.
    assert 256 - 4 <= len(boxes[parent].crumbs) <= 256


def test_a_child_that_records_nothing_has_no_file_and_leaves_its_parents_alone(tmp_path):
    code, _, stderr = run(
        tmp_path / "boxes",
        """
        box = open_box()
        tick(box, "parent", 1)
        if os.fork() == 0:
            box.close()
            sys.exit()
        os.wait()
        tick(box, "parent", 2)
        os._exit(0)
        """,
    )
    assert (code, stderr) == (0, "")
    (box,) = boxes_by_pid(tmp_path / "boxes").values()
    assert numbers(box.crumbs) == {"parent": [1, 2]}


@pytest.mark.parametrize("kernel_wipes", [True, False])
def test_a_fork_hook_that_was_registered_first_writes_to_the_childs_file(tmp_path, kernel_wipes):
    if kernel_wipes and sys.platform != "linux":
        pytest.skip("MADV_WIPEONFORK is Linux's")
    code, told, stderr = run(
        tmp_path / "boxes",
        f"""
        from corectx import _process
        if not {kernel_wipes}:
            _process._MADV_WIPEONFORK = 9999  # no such advice: an older kernel
        def hook():
            tick(box, "hook", 1)
        os.register_at_fork(after_in_child=hook)
        box = open_box()
        write = box.write  # as somebody may keep it
        tick(box, "parent", 1)
        pid = os.fork()
        if pid == 0:
            write("tick", "child", "", {{"n": 2}}, 1)
            tick(box, "child", 3)
            os._exit(0)
        os.wait()
        os.write(report, str(pid).encode())
        os._exit(0)
        """,
    )
    assert (code, stderr) == (0, "")
    boxes = boxes_by_pid(tmp_path / "boxes")
    child = boxes.pop(int(told))
    (parent,) = boxes.values()
    assert numbers(parent.crumbs) == {"parent": [1]}
    assert numbers(child.crumbs) == {"hook": [1], "child": [2, 3]}


def test_a_grandchild_is_labelled_with_its_own_parent(tmp_path):
    code, told, stderr = run(
        tmp_path / "boxes",
        """
        box = open_box()
        tick(box, "parent", 1)
        child = os.fork()
        if child == 0:
            grandchild = os.fork()
            if grandchild == 0:
                tick(box, "grandchild", 1)
                os._exit(0)
            os.wait()
            os.write(report, struct.pack("<II", os.getpid(), grandchild))
            os._exit(0)
        os.wait()
        os._exit(0)
        """,
    )
    assert (code, stderr) == (0, "")
    child, grandchild = struct.unpack("<II", told)
    boxes = boxes_by_pid(tmp_path / "boxes")
    assert child not in boxes
    assert boxes[grandchild].process["parent_pid"] == child


def test_several_threads_of_a_child_share_its_one_file(tmp_path):
    code, _, stderr = run(
        tmp_path / "boxes",
        """
        box = open_box()
        tick(box, "parent", 1)
        if os.fork() == 0:
            barrier = threading.Barrier(8)
            def work(thread):
                barrier.wait()
                tick(box, thread, 1)
            threads = [threading.Thread(target=work, args=(f"{n}",)) for n in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            os._exit(0)
        os.wait()
        os._exit(0)
        """,
    )
    assert (code, stderr) == (0, "")
    boxes = sorted(boxes_by_pid(tmp_path / "boxes").values(), key=lambda box: len(box.crumbs))
    assert [len(box.crumbs) for box in boxes] == [1, 8]


def test_a_daemon_that_closes_all_descriptors_keeps_those_it_opens_next(tmp_path):
    code, _, stderr = run(
        tmp_path / "boxes",
        """
        box = open_box()
        tick(box, "parent", 1)
        if os.fork() == 0:
            os.closerange(3, 100)
            opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(8)]
            tick(box, "daemon", 1)
            box.close()
            for descriptor in opened:
                os.fstat(descriptor)  # OSError where something of ours has closed it
            os._exit(0)
        assert os.wait()[1] == 0
        box.close()
        """,
    )
    assert (code, stderr) == (0, "")
    assert list((tmp_path / "boxes").iterdir()) == []


ENDS = {
    "close": "box.close()",
    "give_up": "os.unlink(box.path); [tick(box, 'main', n) for n in range(999)]; assert problems",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_program_that_closes_all_descriptors_keeps_what_it_writes_until_its_end(tmp_path, end):
    """The numbers that were ours are those of its files by then, whose last lines are buffered."""
    code, _, stderr = run(
        tmp_path / "boxes",
        f"""
        box = open_box()
        tick(box, "main", 1)
        os.closerange(3, 100)
        files = [open({str(tmp_path)!r} + f"/file{{i}}", "w") for i in range(8)]
        for file in files:
            file.write("the last line")
        {ENDS[end]}
        del box
        for file in files:
            file.close()  # OSError where something of ours has closed it
        """,
    )
    assert (code, stderr) == (0, "")
    assert {file.read_text() for file in tmp_path.glob("file*")} == {"the last line"}


@pytest.mark.parametrize(
    ("target", "ending"),
    [
        ("work", None),
        ("leave", None),
        ("fail", "exception"),
        ("die", "gone"),
    ],
)
def test_children_of_multiprocessing_clean_up_unless_they_die(tmp_path, target, ending):
    code, _, stderr = run(
        tmp_path / "boxes",
        f"""
        import multiprocessing
        box = open_box()
        def work():
            tick(box, "child", 1)
        def leave():
            work()
            sys.exit(1)
        def fail():
            work()
            box.note_failure()  # as the hook for exceptions does
            raise ValueError("the child's")
        def die():
            work()
            os.kill(os.getpid(), signal.SIGKILL)
        child = multiprocessing.get_context("fork").Process(target={target})
        child.start()
        child.join()
        box.close()
        """,
    )
    assert code == 0, stderr
    boxes = list(boxes_by_pid(tmp_path / "boxes").values())
    if ending is None:
        assert boxes == []
    else:
        (box,) = boxes
        assert box.ending == ending
        assert numbers(box.crumbs) == {"child": [1]}


def test_a_child_whose_file_cannot_be_made_goes_on_with_one_warning(tmp_path):
    code, told, stderr = run(
        tmp_path / "boxes",
        """
        import shutil
        box = open_box()
        tick(box, "parent", 1)
        shutil.rmtree(directory)
        open(directory, "w").close()  # a file where the folder was
        if os.fork() == 0:
            tick(box, "child", 1)
            tick(box, "child", 2)
            os.write(report, "\\n".join(problems).encode())
            os._exit(7)
        status = os.wait()[1]
        os._exit(os.waitstatus_to_exitcode(status))
        """,
    )
    assert (code, stderr) == (7, "")
    assert told.decode().splitlines() == [
        (
            f"Cannot make a black box in {tmp_path / 'boxes'}: File exists; "
            "crumbs are kept in memory only."
        )
    ]


def test_what_a_killed_child_left_can_be_read(tmp_path):
    boxes = tmp_path / "boxes"
    run(boxes, "box = open_box(); tick(box, 'main', 1); os.kill(os.getpid(), signal.SIGKILL)")
    (path,) = boxes.glob("*.crumbs")
    found = read(path)
    assert (found.ending, numbers(found.crumbs)) == ("gone", {"main": [1]})


def test_a_program_that_forks_for_ever_does_not_fill_the_disk(tmp_path):
    boxes = tmp_path / "boxes"
    code, told, stderr = run(
        boxes,
        """
        from statecrumbs._black_box import _folder
        _folder.MOST = 10
        box = open_box(slots=2)
        open(directory + "/0.crumbs", "wb").close()  # not ours: left alone, not counted
        for number in range(30):
            if os.fork() == 0:
                tick(box, "child", number)
                os._exit(0)
            os.wait()
        tick(box, "parent", 1)
        os.write(report, "".join(problems).encode())
        os._exit(0)
        """,
    )
    assert (code, told, stderr) == (0, b"", "")
    (boxes / "0.crumbs").unlink()
    found = [numbers(read(path).crumbs) for path in sorted(boxes.iterdir())]
    assert found == [{"parent": [1]}, *({"child": [number]} for number in range(21, 30))]
