r"""The format of a black box file, version 3.

A black box is one file per process, ``<time>-<pid>.crumbs``, that holds the last crumbs of that
process and the table of the frames that are open. It is written through a shared memory mapping, so
that stored data belongs to the kernel at once and outlives the process. (It does not outlive the
*machine*: nothing is synced to the disk.)

All integers are little-endian and unsigned, except for the exit code. The file is a header of
`header size` bytes, followed by `row count` rows of `row size` bytes, followed by `slot count`
slots of `slot size` bytes, and nothing else.

Header::

    offset  size  field
         0     8  magic: 89 63 72 75 6D 62 73 0A  ("\x89crumbs\n"); written last, so that a file
                  without it was never finished
         8     2  version of the format: 3
        10     2  header size: 4096
        12     4  slot size, in bytes: a multiple of 8, from 256 to 65536
        16     4  slot count: at least 2
        20     4  pid of the process that writes the file
        24     4  pid of its parent, as it was when the file was made
        28     1  state: 0 = in use; 1 = the exit hooks ran; 2 = the exit hooks ran right after a
                  failure was noted
        29     1  told: 0 = no process told of this death; 1 = one did; 2 = one is decoding the file
                  for that, or died of it
        30     2  length of the description, in bytes
        32     8  start of the process, in clock ticks since boot (field 22 of /proc/PID/stat);
                  0 = unknown. A process of the same pid with another start is another process.
        40     8  time when the file was made, in nanoseconds since 1970-01-01 UTC
        48     4  checksum of the description: CRC-32 as in zip and PNG (zlib's ``crc32``)
        52     4  row count: at most 4096
        56     2  row size, in bytes: 512 (at most 1024)
        58     1  failures that were noted, at most 255: unhandled exceptions. The process may live
                  on after each.
        59     1  shipped: free for a program that sends files elsewhere; 1 = done. Not read here.
        60     4  open frames that have no row
        64     4  exit code, signed, where the next field is 1
        68     1  1 = SystemExit, 2 = KeyboardInterrupt left an operation; 0 = neither, or the
                  thread did other work since
        69     1  1 = a framework announced an ordinary end, and no operation began since
        70     2  zero
        72     4  CRC-32 of the name of the program, in UTF-8
        76     4  zero
        80     8  time when the exit hooks ran, in nanoseconds since 1970-01-01 UTC; 0 = not yet
        88     8  number of the file in its file system (st_ino): in a copy, nobody holds the lock
        96    32  zero
       128     -  the description of the process: a JSON object in UTF-8 with the strings "host",
                  "python", "boot_id", "pid_namespace", "program" and "lock" ("" = unknown, none),
                  and "argv", a list of strings; zero up to the header size. If "lock" is
                  "flock", the process holds an exclusive flock(2) on the file until it ends.

Row::

    offset  size  field
         0     1  1 = in use; 0 = free
         1     1  flags: bit 0 = a generator whose body is suspended; bit 1 = in a daemon thread;
                  bit 2 = left by SystemExit or KeyboardInterrupt, and no other work since
         2     2  length of the payload, in bytes
         4     4  checksum of the payload: see below
         8     8  sequence number, from 1, one more for each frame
        16     8  sequence number of the row of the frame around it; 0 = none
        24     8  time when the work began, in seconds since 1970-01-01 UTC: a number of IEEE 754
        32    16  trace ID of the active trace; zero = none
        48     8  span ID of the frame
        56     8  span ID of its parent
        64     1  trace flags of W3C: bit 0 = sampled
        65     7  zero
        72     -  the payload: a JSON object in UTF-8 with the strings "kind", "name", "flow",
                  "correlation_id", "thread", "task" and "path", those that are known
         -     -  zeros up to the next multiple of 8, at least one
         -    24  the three numbers at offset 8 again; the rest of the row has no meaning

A row is one open frame: a request, a task, an entrypoint or a step. If there are more frames than
rows, or more than 16 frames of one operation inside one another, the outermost frames have the
rows, and the field at offset 60 counts the others. A changed row (its trace, its name) is written
anew into a free row, with the same sequence number, before the old row is freed: whenever the
process dies, one of the two is whole. If both are whole, they are one frame.

Slot::

    offset  size  field
         0     8  sequence number, from 1, one more for each crumb; 0 = never used
         8     4  checksum of the payload: see below
        12     2  length of the payload, in bytes
        14     1  flags: bit 0 = the crumb did not fit and was shortened
        15     1  zero
        16     8  time, in nanoseconds since 1970-01-01 UTC; 0 = not recorded
        24     -  the payload: a JSON object in UTF-8
         -     -  zeros up to the next multiple of 8, at least one
         -     8  the sequence number again; the rest of the slot has no meaning

Sequence numbers give the order; slots are *not* in order. A writer takes the slot that was
completed longest ago, so that no crumb replaces a newer one. A slot whose sequence number is not
above the newest one less the slot count is to be ignored: the writer that replaces that crumb is
held up, or the writer of that crumb was. The number of crumbs that were pushed out is the newest
sequence number less the number of other slots that are in use, torn ones included.

A payload is a crumb as in a dump (`event`, `thread`, `context`, `frame`, then its data), without
its `ts`, which is the time of the slot. If it is shortened, a cut string ends in "… (+N)", N the
number of missing characters; a cut list begins with such a string, and a cut object has a member
"…". Lone surrogates stand as JSON's own escapes, so that a payload is always valid UTF-8.

The checksums of slots and rows are Adler-32 (zlib's ``adler32``), which is faster than a CRC. They
*continue from a number*, as if that were the checksum of earlier bytes: ``adler32(number mod 2**32,
payload)``. If a library takes no such start, let A begin with the low 16 bits of the number instead
of with 1, and B with its high 16 bits instead of with 0. The number is the sequence number; the
checksum of ``{}`` in the slot of sequence number 1 is 0x017500F9. In a row, if any of the bytes 32
to 72 is not zero, they stand in front of the payload.

The ending of a process whose state is 0. If "lock" is "flock" and "boot_id" is the reader's, the
process lives if the lock is held, and is gone if not. Without a lock, and in a copy of the file, it
lives if a process of that pid has that start; "boot_id" and "pid_namespace" must be the reader's.
If "boot_id" is another one, the process is gone if "host" is the reader's (a reboot), otherwise the
ending is unknown. If it is gone, its end was announced, and no row is in use, it ended by itself.

The torn-record rule: a writer fills a slot, or a row, with zeros up to its end, and then stores all
fields in their order. Its process may die at any point of that. So the numbers that are there again
say that all before them is there. A slot whose first sequence number is not 0, or a row in use, is
torn when these numbers differ, or when its checksum does not fit: it is skipped and counted. The
checksum finds damage from outside, and what is read while it is written. While the process lives, a
torn slot is just being written: read it again.

Limits. A file that somebody truncates while it is in use makes its process die of SIGBUS at its
next write beyond the new end (the kernel gives no other answer). The writer looks at the size once
a lap; a truncation that it finds costs one warning, and the black box. On file systems that copy on
write or compress (btrfs, ZFS) preallocating does not reserve, so that a full disk can have the same
effect: put black boxes on ext4, XFS or a tmpfs.
"""

from __future__ import annotations

from struct import Struct

SUFFIX = ".crumbs"
STACKS_SUFFIX = ".stacks"  # beside it: the stacks that faulthandler wrote
MAGIC = b"\x89crumbs\n"
VERSION = 3
HEADER_SIZE = 4096
DESCRIPTION_OFFSET = 128
DESCRIPTION_ROOM = HEADER_SIZE - DESCRIPTION_OFFSET

# magic, version, header size, slot size, slot count, pid, parent pid, state, told,
# length of the description, process start, created, checksum of the description
HEADER = Struct("<8sHHIIIIBBHQQI")
# row count, row size, failures, shipped, frames without a row, exit code, exit, announced,
# program, ended, inode
HEADER_2 = Struct("<IHBBIiBB2xI4xQQ")
HEADER_2_OFFSET = 52
STATE_OFFSET = 28
TOLD_OFFSET = 29
FAILURES_OFFSET = 58
HIDDEN = Struct("<I")
HIDDEN_OFFSET = 60
EXIT = Struct("<iB")
EXIT_OFFSET = 64
ANNOUNCED_OFFSET = 69
ENDED_AT = Struct("<Q")
ENDED_AT_OFFSET = 80

IN_USE = 0
ENDED = 1
FAILED = 2

TOLD = 1
DECODING = 2

# in use, flags, length, checksum, sequence, parent, since, trace, span, parent span, trace flags
ROW_HEAD = Struct("<BBHIQQd16s8s8sB7x")
ROW = "<BBHIQQd{}{}sQQd"  # with the format of the trace, and room for the payload
ROW_NUMBERS = 8  # where the numbers begin that stand in it twice
ROW_TRACE = 32  # where the IDs of the trace begin
ROW_END = 25  # bytes after the head that are no payload, at the least
ROW_SIZE = 512
ROWS = 128
MAX_ROWS = 4096
MAX_ROW_SIZE = 1024
SUSPENDED = 1
DAEMON = 2
LEFT = 4

# sequence, checksum, length, flags, time
SLOT_HEAD = Struct("<QIHBxQ")
SLOT = "<QIHBxQ{}sQ"  # with room for the payload
SHORTENED = 1
SLOT_END = 9  # bytes after the head that are no payload, at the least

MIN_SLOT_SIZE = 256
MAX_SLOT_SIZE = 65536
MIN_SLOTS = 2
MAX_SIZE = 1 << 30  # of all slots together; what a reader takes in at once


def padded(length: int) -> int:
    """Return how many bytes a payload of `length` takes with the zeros after it."""
    return (length | 7) + 1


class UnreadableError(Exception):
    """A file that is not a black box, or not one that can be read here. The message names it."""
