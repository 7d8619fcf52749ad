"""Starts that this process alone cannot explain: a predecessor may have started in another one.

A start of a step, not of an entrypoint, before which none of the declared predecessors is known to
have started is *undeclared*, unless the file of another process knows better. One before which some
had started is explained, but where the run is in other processes too, the others may have started
there. Both are counted here by what is the same about them, with a sample of the correlation IDs by
which files are merged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from penstock._evidence._runs import EVERY_HASH, hash_of

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_KINDS = 200  # questions that one process tells apart
MOST_ASKED = 128  # correlation IDs that are kept for each
MOST_NAMES = 32  # steps in a path, and of what happened before


class Question(NamedTuple):
    """What is asked: of which step, how it was come by, and what had started before it.

    `step` and the steps in `path`, outermost first, are ids; other frames in it are "kind name".
    `before` has the names of the flow's steps that had started, in that order, and `missing` the
    ids of the predecessors that had not. `is_explained` where some predecessor had.
    """

    step: str
    is_explained: bool
    missing: tuple[str, ...]
    path: tuple[str, ...] = ()
    before: tuple[str, ...] = ()


class Asked:
    """How often a question came up, and when, for the correlation IDs with the smallest hashes.

    `asked` has the perf_counter_ns() of the first time for each ID whose hash is below `limit`.
    """

    __slots__ = ("asked", "count", "limit")

    def __init__(self) -> None:
        self.count = 0
        self.asked: dict[str, int] = {}
        self.limit = EVERY_HASH

    def add(self, correlation_id: str | None, when: int) -> None:
        """Count one more, at the perf_counter_ns() `when`."""
        self.count += 1
        if correlation_id is None or hash_of(correlation_id) >= self.limit:
            return
        self.asked.setdefault(correlation_id, when)
        if len(self.asked) > 2 * MOST_ASKED:  # half at once, so that it is sorted seldom
            self.limit = sorted(map(hash_of, self.asked))[MOST_ASKED]
            self.asked = {
                each: when for each, when in self.asked.items() if hash_of(each) < self.limit
            }


class Questions:
    """All questions of one process; not for several threads at once."""

    __slots__ = ("_kinds",)

    def __init__(self) -> None:
        self._kinds: dict[Question, Asked] = {}

    def ask(self, question: Question, correlation_id: str | None, when: int) -> None:
        """Count `question`; where there are too many kinds, without how it was come by."""
        asked = self._kinds.get(question)
        if asked is None:
            if len(self._kinds) >= MOST_KINDS:
                question = question._replace(path=(), before=())
            asked = self._kinds.setdefault(question, Asked())
        asked.add(correlation_id, when)

    def __iter__(self) -> Iterator[tuple[Question, Asked]]:
        return iter(self._kinds.items())
