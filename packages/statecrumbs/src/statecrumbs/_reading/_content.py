"""The content of a file, pipe or gzip stream, read from its end with bounded memory."""

from __future__ import annotations

import codecs
import os
import re
import sys
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from statecrumbs._black_box import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from typing import BinaryIO, Final

KEPT: Final = 64 << 20  # bytes of a stream that are kept: its last ones
_CHUNK: Final = 1 << 20
_FIRST: Final = 1 << 20  # bytes of the first window: most dumps are at the end of their log
_SPAN: Final = 24 << 20  # bytes of the others
OVERLAP: Final = 8 << 20  # bytes of two windows; a dump of this size is whole in one of them
_GZIP: Final = b"\x1f\x8b"
_SAMPLE: Final = 1 << 12
# A record has an "event", and a line for log shippers its mark. A window without is not decoded.
_MARKS: Final = (b"event", b"statecrumbs")


@dataclass(frozen=True)
class Window:
    """The text of whole lines of a log, and their place in the log.

    The lines before the number `shared_before` are in the next window too (the one before it in the
    log), those from `shared_after` on were in the window before.
    """

    text: str
    is_first: bool
    is_last: bool
    shared_before: int
    shared_after: int


class Content:
    """The readable part of a file or a stream: its size, its first bytes, any part of it."""

    def __init__(self, path: str, file: BinaryIO | None, kept: bytes | bytearray = b"") -> None:
        self.path = path
        self.lost = 0  # bytes at the beginning of a stream that were not kept
        self.is_broken = False  # whether a gzip stream ended too early
        self._file = file
        self._kept = kept
        self.size = os.fstat(file.fileno()).st_size if file is not None else len(kept)
        self.head = self.part(0, _SAMPLE)
        self._encoding = _encoding_of(self.head)

    def part(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` to `end`. Raises UnreadableError."""
        if self._file is None:
            return bytes(self._kept[start:end])
        try:
            self._file.seek(start)
            parts: list[bytes] = []
            while start < end and (part := self._file.read(end - start)):
                parts.append(part)
                start += len(part)
        except OSError as error:
            raise UnreadableError(f"Cannot read {self.path}: {error.strerror}.") from None
        return b"".join(parts)

    def text(self, start: int, end: int) -> str:
        """Return the text of the bytes from `start` to `end`, which may cut a character."""
        return self._decoded(self.part(start, end))

    def windows(self) -> Iterator[Window]:
        """Yield windows of lines from the end. The second one begins at the end again."""
        if self.size > _FIRST:
            yield self._window(self.size - _FIRST, self.size)
        end = self.size
        while True:
            start = max(0, end - _SPAN)
            yield self._window(start, end)
            if not start:
                return
            end = start + OVERLAP

    def _window(self, start: int, end: int) -> Window:
        start -= start % 2  # a character of UTF-16
        raw = self.part(start, end)
        is_last = end == self.size
        if start and not any(self._encoded(mark) in raw for mark in _MARKS):
            return Window("", is_first=False, is_last=is_last, shared_before=0, shared_after=0)

        def lines_in(part: bytes) -> int:
            return self._decoded(part).count("\n")

        text = self._decoded(raw)
        shared_before = lines_in(raw[:OVERLAP]) if start else 0
        shared_after = len(raw) if is_last else lines_in(raw[:-OVERLAP])
        if start:  # the first line is not whole
            text = text.partition("\n")[2]
            shared_before, shared_after = max(0, shared_before - 1), shared_after - 1
        return Window(text, not start, is_last, shared_before, shared_after)

    def _decoded(self, part: bytes) -> str:
        """Return the text of `part`. A NUL ends a message of GELF; more of them are a hole."""
        text = part.decode(self._encoding, "replace")
        return text if "\0\0" in text else text.replace("\0", "\n")

    def _encoded(self, mark: bytes) -> bytes:
        return mark.decode().encode(self._encoding) if "16" in self._encoding else mark


def open_content(path: str, file: BufferedReader) -> Content:
    """Return the content of a regular `file`, decompressed if it is gzip."""
    content = Content(path, file)
    if not content.head.startswith(_GZIP):
        return content
    file.seek(0)
    return from_stream(path, file)


def from_stream(path: str, stream: BufferedReader) -> Content:
    """Read `stream` to its end and keep the last bytes. Raises UnreadableError."""
    kept = bytearray()
    lost = 0
    is_broken = False
    try:
        is_gzip = stream.peek(2).startswith(_GZIP)
        for chunk in _decompressed(stream) if is_gzip else iter(lambda: stream.read(_CHUNK), b""):
            kept += chunk
            if len(kept) > KEPT + _CHUNK * 16:
                lost += len(kept) - KEPT
                del kept[: len(kept) - KEPT]
    except OSError as error:
        raise UnreadableError(f"Cannot read {path}: {error.strerror}.") from None
    except (EOFError, zlib.error):
        is_broken = True
    content = Content(path, None, kept)
    content.lost, content.is_broken = lost, is_broken
    return content


def _decompressed(stream: BufferedReader) -> Iterator[bytes]:
    """Yield the content of a gzip stream, also of a cut one. Then raises EOFError, zlib.error.

    `gzip.GzipFile` keeps the last part of a cut stream for itself.
    """
    rest = b""
    while rest or stream.peek(1):
        member = zlib.decompressobj(wbits=31)
        rest = rest or stream.read(_CHUNK)
        while not member.eof:
            if chunk := member.decompress(rest, _CHUNK):
                yield chunk
            rest = member.unconsumed_tail
            if not rest and not member.eof:
                rest = stream.read(_CHUNK)
                if not rest:
                    raise EOFError
        rest = member.unused_data.lstrip(b"\0")  # some pad the file


def standard_input() -> BufferedReader:
    """Return the binary standard input. Raises UnreadableError when there is none."""
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise UnreadableError("Cannot read the standard input: it is closed.")
    return stream  # type: ignore[no-any-return]


def _encoding_of(head: bytes) -> str:
    if head.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    # Without a mark: text in English has a NUL in every other byte.
    first, second = any(head[::2]), any(head[1::2])
    if second and not first:
        return "utf-16-be"
    if first and not second and len(head) > 1:
        return "utf-16-le"
    return "utf-8"


_COMPRESSED: Final = {
    b"\x28\xb5\x2f\xfd": "zstdcat",
    b"\xfd7zXZ": "xzcat",
    b"BZh": "bzcat",
    b"PK\x03\x04": "unzip -p",
}


def describe_content(content: Content) -> str:
    """Return a few words about `content` that is no recording."""
    head = content.head
    if not content.size:
        return "it is empty"
    for magic, command in _COMPRESSED.items():
        if head.startswith(magic):
            return f"it is compressed; try `{command} {content.path} | statecrumbs read -`"
    text = content.text(0, _SAMPLE)
    if re.search(r"[\0-\x08\x0e-\x1a\x1c-\x1f]", text):
        return "it is binary data"
    begin = text.lstrip("\ufeff \t\r\n")[:1]
    kind = {"{": "begins like a JSON object", "[": "begins like a JSON list"}.get(begin, "is text")
    size = f"{content.size + content.lost:,} bytes"
    kept = f", of which the last {content.size:,} were searched" if content.lost else ""
    return f"it {kind} ({size}{kept}) and has no crumbs in it"
