"""Every row of the corpus of secrets, as an event of a span."""

from __future__ import annotations

from statecrumbs import crumb
from tests.statecrumbs.secrets import ROWS, key_of, problems


def test_no_secret_is_in_an_event_of_a_span(spans):
    for number, row in enumerate(ROWS):
        with spans.tracer.start_as_current_span(f"row {number}"):
            crumb("row", **{key_of(row): row["in"]})
    shown = []
    for number, row in enumerate(ROWS):
        (event,) = spans[f"row {number}"].events
        shown.append(event.attributes[key_of(row)])
    assert problems(shown) == []
