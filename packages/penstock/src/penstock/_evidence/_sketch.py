"""Durations in buckets, so that any number of them takes little room and adds up across processes.

The buckets are those of an HDR histogram (https://hdrhistogram.github.io/HdrHistogram/): 32 of the
same width for each power of two, so that a bucket is at most 1/32 wide and its middle at most 1.6 %
off. Whole numbers only: every machine puts the same duration into the same bucket.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

BITS = 5  # of a duration, after the first one; below 64 ns each has a bucket of its own
_WIDTH = 1 << BITS


def bucket_of(nanoseconds: int) -> int:
    """Return the number of the bucket for a duration."""
    shift = nanoseconds.bit_length() - BITS - 1
    return nanoseconds if shift <= 0 else (shift << BITS) + (nanoseconds >> shift)


def lowest_of(bucket: int) -> int:
    """Return the shortest duration in a bucket, in nanoseconds."""
    if bucket < 2 * _WIDTH:
        return bucket
    shift = (bucket >> BITS) - 1
    return (bucket - (shift << BITS)) << shift


def count(durations: list[int], buckets: dict[int, int]) -> None:
    """Add `durations`, in nanoseconds, to the numbers that are in `buckets`; sorts `durations`."""
    durations.sort()
    at = 0
    while at < len(durations):
        bucket = bucket_of(durations[at])
        end = bisect_left(durations, lowest_of(bucket + 1), at)
        buckets[bucket] = buckets.get(bucket, 0) + end - at
        at = end


def quantile(buckets: Mapping[int, int], share: float) -> int | None:
    """Return the duration that `share` (0 to 1) of all are not longer than, in nanoseconds.

    `buckets` holds how many durations are in each; None where there are none.
    """
    rank = share * sum(buckets.values())
    reached = 0
    for bucket in sorted(buckets):
        reached += buckets[bucket]
        if reached >= rank:
            return (lowest_of(bucket) + lowest_of(bucket + 1)) // 2
    return None
