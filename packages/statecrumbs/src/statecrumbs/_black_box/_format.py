r"""The format of a black box file, version 1.

A black box is one file per process, ``<time>-<pid>.crumbs``, that holds the last crumbs of that
process. It is written through a shared memory mapping, so what was stored belongs to the kernel at
once and outlives the process. (It does not outlive the *machine*: nothing is synced to the disk.)

All integers are little-endian and unsigned. The file is a header of `header size` bytes, followed
by `slot count` slots of `slot size` bytes each, and nothing else.

Header::

    offset  size  field
         0     8  magic: 89 63 72 75 6D 62 73 0A  ("\x89crumbs\n"); written last, so that a file
                  without it was never finished
         8     2  version of the format: 1
        10     2  header size: 4096
        12     4  slot size, in bytes: a multiple of 8, from 256 to 65536
        16     4  slot count: at least 2
        20     4  pid of the process that writes the file
        24     4  pid of its parent, as it was when the file was made
        28     1  state: 0 = in use; 1 = closed, the program ended by itself;
                  2 = the program ended, or is ending, by an unhandled exception
        29     1  1 = a later process has reported this file (see `recover`)
        30     2  length of the description, in bytes
        32     8  start of the process, in clock ticks since boot (field 22 of /proc/PID/stat);
                  0 = unknown. A process of the same pid with another start is another process.
        40     8  time when the file was made, in nanoseconds since 1970-01-01 UTC
        48     4  checksum of the description
        52    12  zero
        64     -  the description of the process: a JSON object in UTF-8 with the strings "host",
                  "python", "boot_id", "pid_namespace" and "lock" ("" = unknown, none), and "argv",
                  a list of strings; zero up to the header size. Where "lock" is "flock", the
                  process holds an exclusive flock(2) on the file until it ends.

Slot::

    offset  size  field
         0     1  1 = in use; 0 = never used, or being written
         1     1  flags: bit 0 = the crumb did not fit and was shortened
         2     2  length of the payload, in bytes
         4     4  checksum of the payload
         8     8  sequence number, from 1, one more for each crumb; 0 = never used
        16     8  time, in nanoseconds since 1970-01-01 UTC; 0 = not recorded
        24     -  the payload: a JSON object in UTF-8; zero up to the slot size

Sequence numbers give the order; slots are *not* in order. A writer takes the slot that was
completed longest ago, so that no crumb replaces a newer one; only a writer that is held up after it
has drawn its number may store its crumb when newer ones are pushed out already. What was pushed out
is the newest sequence number less the number of slots that are in use, torn ones included.

A payload is a crumb as in a dump (`event`, `thread`, `context`, `frame`, then its data), without
its `ts`, which is the time of the slot. In a shortened one a cut string ends in "… (+N)", N the
number of characters that are missing; a cut list begins with such a string, and a cut object has a
member "…". Lone surrogates stand as JSON's own escapes, so that a payload is always valid UTF-8.

Checksums are CRC-32 as in zip and PNG (zlib's ``crc32``). That of the description is
``crc32(0, description)``. That of a payload *continues from the sequence number*:
``crc32(sequence mod 2**32, payload)``, as if the sequence number were the checksum of what came
before. Where a library takes no such start: begin with the register at ``~sequence`` instead of at
``~0``. The checksum of ``{}`` in the slot of sequence number 1 is 0xBABD8E02.

How the process died, if its state is 0: where "boot_id" is that of an earlier boot of the machine,
it is gone. Where "boot_id" and "pid_namespace" are the reader's, it lives if a process of that pid
has that start. Where only "boot_id" is the reader's, it lives if the lock is held.

The torn-record rule: a writer clears the first byte of a slot, and then stores all fields in their
order, which sets it. Its process may die at any point of that. A slot whose sequence number is not
0 is torn when its first byte is 0, or when its checksum does not fit: it is skipped and counted.
Since the checksum is stored before what it covers, a slot that mixes two crumbs passes for neither.
While the process lives, a torn slot is just being written: read it again.

Limits. A file that somebody truncates while it is in use makes its process die of SIGBUS at its
next write beyond the new end (the kernel gives no other answer). The writer looks at the size once
a lap; a truncation that it finds costs one warning, and the black box. On file systems that copy on
write or compress (btrfs, ZFS) preallocating does not reserve, so that a full disk can have the same
effect: put black boxes on ext4, XFS or a tmpfs.
"""

from __future__ import annotations

from struct import Struct

SUFFIX = ".crumbs"
MAGIC = b"\x89crumbs\n"
VERSION = 1
HEADER_SIZE = 4096
DESCRIPTION_OFFSET = 64
DESCRIPTION_ROOM = HEADER_SIZE - DESCRIPTION_OFFSET

# magic, version, header size, slot size, slot count, pid, parent pid, state, reported,
# length of the description, process start, created, checksum of the description
HEADER = Struct("<8sHHIIIIBBHQQI")
STATE_OFFSET = 28
REPORTED_OFFSET = 29

IN_USE = 0
ENDED = 1
CRASHED = 2

# in use, flags, length, checksum, sequence, time
SLOT_HEAD = Struct("<BBHIQQ")
SHORTENED = 1

MIN_SLOT_SIZE = 256
MAX_SLOT_SIZE = 65536
MIN_SLOTS = 2
MAX_SIZE = 1 << 30  # of all slots together; what a reader takes in at once


class UnreadableError(Exception):
    """A file that is not a black box, or not one that can be read here. The message names it."""
