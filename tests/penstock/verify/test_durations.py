"""Durations in buckets: exact numbers, and quantiles that are nearly exact."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from penstock._verify import _totals

DURATIONS = st.one_of(
    st.integers(0, 200), st.integers(0, 10**6), st.integers(0, 10**10), st.integers(0, 10**18)
)


@given(DURATIONS)
def test_a_duration_is_in_its_bucket_and_in_no_other(duration):
    bucket = _totals.bucket_of(duration)
    assert _totals.lowest_of(bucket) <= duration < _totals.lowest_of(bucket + 1)


@given(st.lists(DURATIONS, min_size=1, max_size=300), st.sampled_from([0.01, 0.5, 0.95, 1.0]))
def test_a_quantile_is_the_exact_one_within_two_percent(durations, share):
    exact = sorted(durations)[max(math.ceil(share * len(durations)), 1) - 1]
    buckets: dict[int, int] = {}
    _totals.add_durations(list(durations), buckets)
    found = _totals.quantile(buckets, share)
    assert found is not None
    assert abs(found - exact) <= 0.02 * exact


@given(st.lists(DURATIONS, max_size=300))
def test_all_are_counted_as_one_by_one(durations):
    together: dict[int, int] = {}
    _totals.add_durations(list(durations), together)
    one_by_one: dict[int, int] = {}
    for duration in durations:
        bucket = _totals.bucket_of(duration)
        one_by_one[bucket] = one_by_one.get(bucket, 0) + 1
    assert together == one_by_one


def test_of_nothing_there_is_no_quantile():
    assert _totals.quantile({}, 0.5) is None
