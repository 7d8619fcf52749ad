"""`inject` and `extract`: what travels, what does not, and what strangers may send."""

from __future__ import annotations

import json
import math
import string
import uuid
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corectx import (
    CORRELATION_HEADER,
    HEADER,
    Site,
    attach,
    current,
    detach,
    enter,
    extract,
    inject,
    is_valid_id,
    leave,
    scope,
    start,
    subscribe,
)
from corectx.lowlevel import is_unsure, remote, run_id

STEP = Site("step", "fetch_from_api", flow="bom_sync")
ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


@pytest.fixture
def step():
    """Be inside a step, inside a scope, so that the current frame has no name; return the scope."""
    token = enter(start(STEP, values={"tenant": "acme", "customer": "bob"}))
    with scope(order=7) as frame:
        yield frame
    leave(token)


def header(carrier):
    """Return what `inject` wrote, decoded."""
    return json.loads(carrier[HEADER])


def arriving(*, allow=(), **fields):
    """Extract a header that holds `fields`."""
    return extract({HEADER: json.dumps(fields)}, allow=allow)


# Writing


def test_an_observer_cannot_change_the_fields_of_the_frame(step):
    class Planting:
        def sent(self, frame, fields):
            fields.update(id="0" * 32, parent=PARENT, flow="f", step="s", run=PARENT, own="kept")

    end = subscribe(Planting())
    try:
        text = inject({})[HEADER]
    finally:
        end()
    assert header({HEADER: text}) == {**header(inject({})), "own": "kept"}
    assert text.count('"id"') == 1


def test_the_header_says_which_operation_which_frame_and_where(step):
    assert header(inject({})) == {
        "id": step.correlation_id,
        "parent": step.id,
        "flow": "bom_sync",
        "step": "fetch_from_api",
    }


def test_outside_of_any_frame_nothing_is_written():
    carrier = {"a": "b"}
    assert inject(carrier, http=True) is carrier
    assert carrier == {"a": "b"}
    assert extract(carrier) is None


def test_a_bare_scope_has_no_correlation_to_send():
    with scope(order=7) as frame:
        carrier = inject({}, http=True)
        assert header(carrier) == {"parent": frame.id}
    assert extract(carrier).correlation_id is None


def test_http_gets_the_correlation_id_for_others_too(step):
    assert set(inject({})) == {HEADER}
    assert inject({}, http=True)[CORRELATION_HEADER] == step.correlation_id


def test_what_an_earlier_frame_left_is_replaced_in_any_case(step):
    carrier = {"CoreCtx": "old", "x-correlation-id": "old", "Other": "kept"}
    inject(carrier, http=True)
    assert set(carrier) == {HEADER, CORRELATION_HEADER, "Other"}
    pairs = [("Corectx", b"old"), (b"X-CORRELATION-ID", b"old"), ("other", b"kept"), ("x", None)]
    inject(pairs, http=True)
    assert [name for name, _ in pairs] == ["other", "x", HEADER, CORRELATION_HEADER]


def test_values_travel_only_when_they_are_allowed(step):
    assert "values" not in header(inject({}))
    assert header(inject({}, allow=["order", "missing"]))["values"] == {"order": 7}
    assert "bob" not in inject({}, allow={"order", "tenant"})[HEADER]


def test_values_of_every_scalar_type_travel():
    sent = {"s": "é ☃ 😀", "i": -(2**63), "f": 0.5, "t": True, "n": None, "empty": ""}
    with scope(**sent):
        carrier = inject({}, allow=sent)
    arrived = extract(carrier, allow=sent).values
    assert arrived == sent
    assert [type(value) for value in arrived.values()] == [type(v) for v in sent.values()]


class Evil(str):
    """A string all of whose methods raise."""

    __slots__ = ()

    def _fail(self, *_):
        raise KeyboardInterrupt

    __len__ = __iter__ = __getitem__ = __repr__ = __eq__ = __contains__ = isprintable = _fail
    __hash__ = str.__hash__


class EvilInt(int):
    """A number all of whose methods raise."""

    def _fail(self, *_):
        raise KeyboardInterrupt

    __repr__ = __str__ = __eq__ = __lt__ = bit_length = __int__ = __index__ = _fail
    __hash__ = int.__hash__


class EvilFloat(float):
    """A number all of whose methods raise."""

    def _fail(self, *_):
        raise KeyboardInterrupt

    __repr__ = __str__ = __eq__ = __sub__ = __float__ = _fail
    __hash__ = float.__hash__


class EvilObject:
    """An object that raises when it is looked at."""

    def __getattribute__(self, name):
        if name == "__class__":
            return EvilObject
        raise KeyboardInterrupt

    def __str__(self):
        raise KeyboardInterrupt

    __repr__ = __str__


@pytest.mark.parametrize(
    "value", [Evil("text"), EvilInt(7), EvilFloat(0.5)], ids=["text", "int", "float"]
)
def test_a_value_runs_no_code_of_its_own(value):
    plain = type(value).__mro__[1]
    with scope(value=value):
        carrier = inject({}, allow=["value"])
    arrived = extract(carrier, allow=["value"]).values["value"]
    assert arrived == plain.__add__(value, plain())
    assert type(arrived) is plain


def test_a_uuid_in_a_carrier_is_an_id():
    given = uuid.uuid4()
    assert extract({CORRELATION_HEADER: given}).correlation_id == given.hex


@pytest.mark.parametrize(
    "value",
    [
        EvilObject(),
        object(),
        uuid.uuid4(),
        [1],
        {"a": 1},
        b"bytes",
        math.nan,
        math.inf,
        2**64,
        10**5000,
        "x" * 1025,
        "line\nbreak",
        "\x1b[31m",
        "\ud800",
        1j,
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_cannot_travel_is_left_out_and_reported_once(value, reports):
    with scope(value=value, other=1):
        for _ in range(2):
            carrier = inject({}, allow=["value", "other"])
            assert header(carrier)["values"] == {"other": 1}
    (record,) = reports()
    assert record.levelname == "WARNING"


def test_the_first_32_allowed_values_travel(reports):
    with scope(**{f"key{number:02}": number for number in range(40)}) as frame:
        carrier = inject({}, allow=frame.values)
    assert list(header(carrier)["values"].values()) == list(range(32))
    assert len(reports()) == 1


def test_values_that_do_not_fit_together_are_left_out_together(step, reports):
    with scope(**{f"key{number}": "x" * 1000 for number in range(10)}) as frame:
        carrier = inject({}, allow=frame.values)
    assert "values" not in header(carrier)
    assert extract(carrier).correlation_id == step.correlation_id
    (record,) = reports()
    assert "larger than a header" in record.getMessage()


def test_the_header_without_values_fits_whatever_the_names_are():
    name = "\U0001f600" * 300
    token = attach(start(Site("step", name, flow=name), correlation_id="x" * 128))
    carrier = inject({})
    detach(token)
    assert len(carrier[HEADER]) < 8192
    assert extract(carrier).name == name[:256]


def test_an_id_that_is_no_header_is_not_written(reports):
    # `start` refuses it; a frame that another package made itself may have it.
    token = attach(remote(correlation_id="a\r\nSet-Cookie: b"))
    carrier = inject({}, http=True)
    detach(token)
    assert "Set-Cookie" not in str(carrier)
    assert CORRELATION_HEADER not in carrier


# Reading


CARRIERS = {
    "dict": dict,
    "pairs": list,
    "lower case": lambda pairs: {name.lower(): value for name, value in pairs},
    "upper case": lambda pairs: [(name.upper(), value) for name, value in pairs],
    "bytes": lambda pairs: [(name.lower().encode(), value) for name, value in pairs],
    "tuple": tuple,
    "generator": iter,
    "bytearray": lambda pairs: {name: bytearray(value) for name, value in pairs},
}


@pytest.mark.parametrize("shape", CARRIERS)
def test_what_was_written_is_read_in_any_shape(shape, step):
    pairs = inject([("content-type", b"text/plain")], allow=["order"])
    frame = extract(CARRIERS[shape](pairs), allow=["order", "tenant"])
    assert (frame.kind, frame.name, frame.flow) == ("remote", "fetch_from_api", "bom_sync")
    assert (frame.correlation_id, frame.id) == (step.correlation_id, step.id)
    assert frame.values == {"order": 7}
    assert frame.parent is None


def test_the_frame_that_arrived_is_a_parent():
    frame = arriving(id=ID, parent=PARENT, flow="bom_sync", step="publish")
    child = frame.child(Site("task", "consume"))
    assert (child.parent, child.parent.id, child.correlation_id) == (frame, PARENT, ID)
    assert child.flow == "bom_sync"
    token = enter(child)
    assert header(inject({}))["step"] == "consume"
    leave(token)


def test_a_carrier_without_headers_holds_no_frame():
    for carrier in (None, {}, [], {"a": "b"}, [("a", b"b"), ("c", None)], {1: 2, None: "x"}):
        assert extract(carrier) is None


def test_the_plain_header_is_enough():
    frame = extract({"x-correlation-id": "order-7.retry_1"})
    assert (frame.kind, frame.correlation_id, frame.name) == ("remote", "order-7.retry_1", None)


def test_our_header_wins_over_the_plain_one():
    pairs = [(CORRELATION_HEADER, b"other"), (HEADER, json.dumps({"id": ID}).encode())]
    assert extract(pairs).correlation_id == ID


def test_the_plain_header_is_used_where_ours_is_broken(reports):
    assert extract({HEADER: "{", CORRELATION_HEADER: ID}).correlation_id == ID
    assert len(reports()) == 1


def test_of_several_headers_the_last_one_counts():
    pairs = [(HEADER, b'{"id":"first"}'), ("CORECTX", b'{"id":"second"}')]
    assert extract(pairs).correlation_id == "second"


BROKEN = {
    "no JSON": "not json",
    "empty": "",
    "a list": "[1]",
    "a string": '"text"',
    "null": "null",
    "a number": "1e999",
    "NaN": "NaN",
    "deep": "[" * 8000,
    "deep objects": '{"a":' * 1300,
    "too large": json.dumps({"id": ID, "pad": "x" * 9000}),
    "a long number": '{"id":"' + ID + '","n":' + "9" * 5000 + "}",
    "bytes that are no text": b"\xff\xfe\x00",
    "a control character": '{"id":"a\nb"}',
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_header_that_is_not_ours_is_ignored_and_reported_without_its_content(text, reports):
    assert extract({HEADER: text}) is None
    (record,) = reports()
    content = text if isinstance(text, str) else text.decode("latin-1")
    assert not content or content not in record.getMessage()
    assert record.exc_info is None


@pytest.mark.parametrize("value", [5, None, ["x"], object(), memoryview(b"{}"), 1.5])
def test_a_header_that_is_no_text_is_ignored(value):
    assert extract({HEADER: value}) is None
    assert extract([(HEADER, value)]) is None


HOSTILE_IDS = [
    "",
    " ",
    "a b",
    "a\r\nSet-Cookie: x",
    "../../etc/passwd",
    "<script>",
    "a" * 129,
    "é",
    "\u0661",  # a digit, but not an ASCII one
    "\ud800",
    "a\0",
    "%s",
    True,
    False,
    1,
    0.5,
    None,
    ["a"],
    {"a": 1},
    2**70,
]


@pytest.mark.parametrize("hostile", HOSTILE_IDS, ids=repr)
def test_an_id_that_is_not_valid_is_replaced_and_not_logged(hostile, reports):
    for carrier in ({HEADER: json.dumps({"id": hostile})}, {CORRELATION_HEADER: hostile}):
        frame = extract(carrier)
        if frame is not None:  # a plain header that is no text is no header
            assert is_valid_id(frame.correlation_id)
            assert frame.correlation_id != hostile
            assert len(frame.correlation_id) == 32
    (record,) = reports()
    if isinstance(hostile, str) and len(hostile) > 1:
        assert hostile not in record.getMessage()


@pytest.mark.parametrize("parent", ["", "x" * 16, PARENT.upper(), PARENT + "0", "0" * 16, 1, None])
def test_a_parent_that_is_no_frame_id_is_forgotten(parent):
    frame = arriving(id=ID, parent=parent)
    assert frame.id != parent
    assert len(frame.id) == 16


@pytest.mark.parametrize(
    "name", ["x" * 257, "a\nb", "\x1b[2J", "\u202eevil", "\ud800", 5, True, ["x"], {}], ids=repr
)
def test_a_name_that_could_do_harm_is_left_out(name, reports):
    frame = arriving(id=ID, flow=name, step=name)
    assert (frame.name, frame.flow, frame.correlation_id) == (None, None, ID)
    assert len(reports()) == 1


def test_values_arrive_only_when_they_are_allowed_here():
    values = {"order": 7, "admin": True}
    assert arriving(id=ID, values=values).values == {}
    assert arriving(id=ID, values=values, allow=["order"]).values == {"order": 7}


@pytest.mark.parametrize(
    "value", [[1], {"a": 1}, "x" * 1025, "a\nb", "\ud800", 2**64, math.nan, math.inf]
)
def test_a_value_that_could_do_harm_is_left_out(value, reports):
    assert arriving(id=ID, values={"a": value, "b": 1}, allow=["a", "b"]).values == {"b": 1}
    assert len(reports()) == 1


@pytest.mark.parametrize("values", [None, 5, "text", [1], [["a", 1]]])
def test_values_that_are_no_object_are_left_out(values):
    assert arriving(id=ID, values=values, allow=["a"]).values == {}


def test_booleans_and_numbers_stay_what_they_are():
    arrived = arriving(id=ID, values={"a": True, "b": 1, "c": 1.0}, allow=["a", "b", "c"]).values
    assert [type(value) for value in arrived.values()] == [bool, int, float]


def test_a_number_too_large_for_a_float_is_left_out(reports):
    text = '{"id":"' + ID + '","values":{"a":1e999,"b":-1e999}}'
    assert extract({HEADER: text}, allow=["a", "b"]).values == {}
    assert len(reports()) == 1


def test_a_single_key_is_not_taken_for_a_collection_of_keys():
    for refusing in (inject, extract):
        with pytest.raises(TypeError, match=r"Write \['order'\]"):
            refusing({}, allow="order")


def test_a_flood_of_bad_headers_is_one_record(reports):
    for number in range(100):
        extract({HEADER: f"{{{number}"})
    assert len(reports()) == 1


NAMES = st.text(max_size=300)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=1100)
ANY_JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=NAMES,
    flow=NAMES,
    correlation_id=st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=128),
    values=st.dictionaries(st.sampled_from("abcdef"), ANY_JSON | st.binary()),
)
def test_whatever_is_sent_arrives_safe(reports, name, flow, correlation_id, values):
    token = attach(start(Site("step", name, flow), correlation_id=correlation_id, values=values))
    try:
        carrier = inject({}, http=True, allow=list("abcdef"))
    finally:
        detach(token)
    assert all(text.isascii() and text.isprintable() for text in carrier.values())
    arrived = extract(carrier, allow=list("abcdef"))
    assert arrived.correlation_id == correlation_id
    assert arrived.name in (name[:256], None)
    for key, value in arrived.values.items():
        assert repr(value) == repr(values[key])
    reports()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=ANY_JSON
    | st.fixed_dictionaries(
        {}, optional=dict.fromkeys(["id", "parent", "flow", "step", "values"], ANY_JSON)
    )
)
def test_whatever_arrives_is_a_valid_frame_or_none(reports, fields):
    frame = extract({HEADER: json.dumps(fields)}, allow=list("abc"))
    if frame is not None:
        assert frame.correlation_id is None or is_valid_id(frame.correlation_id)
        assert frame.name is None or frame.name.isprintable()
        token = attach(frame)
        assert extract(inject({})).correlation_id == frame.correlation_id
        detach(token)
    assert current() is None
    reports()


FRAME_IDS = st.text("0123456789abcdefAg", max_size=17) | st.sampled_from([PARENT, "0" * 16])
CRITICAL_NAMES = st.text(max_size=3) | st.text('a\x7f "\\', max_size=3) | st.just("n" * 257)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=st.fixed_dictionaries(
        {"id": st.one_of(st.just(ID), st.text("a.-_é!", max_size=3)), "parent": FRAME_IDS},
        optional={"flow": CRITICAL_NAMES, "step": CRITICAL_NAMES, "run": FRAME_IDS},
    ),
    added=st.dictionaries(
        CRITICAL_NAMES
        | st.sampled_from(["traceparent", "flow", "run", "runs", "values", "a.b_c-1"]),
        CRITICAL_NAMES | st.just("n" * 1025),
        max_size=2,
    ),
    is_ascii=st.booleans(),
)
def test_a_usual_header_is_read_as_any_other(reports, fields, added, is_ascii):
    # Observers add fields before those of the frame; of two with one key the last one counts.
    pairs = [*added.items(), *fields.items()]
    members = (f"{json.dumps(key, ensure_ascii=is_ascii)}:" for key, _ in pairs)
    texts = (json.dumps(each, ensure_ascii=is_ascii) for _, each in pairs)
    text = f"{{{','.join(map(str.__add__, members, texts))}}}"
    arrived = []

    def read(text):
        frame = extract({HEADER: text})
        correlation_id = frame.correlation_id if frame.correlation_id == fields["id"] else "made"
        has_id = frame.id == fields["parent"]
        run = run_id(frame.run) == fields.get("run"), is_unsure(frame.run)
        return correlation_id, has_id, frame.site.kind, frame.name, frame.flow, run, frame.values

    observer = SimpleNamespace(received=lambda frame, fields: arrived.append(dict(fields)))
    for end in (subscribe(observer), lambda: None):  # with an observer of what arrives, and without
        # Whitespace is JSON, but nothing that `inject` writes.
        assert read(text) == read(text.replace("{", "{ ", 1))
        end()
    assert arrived == [dict(pairs)] * 2
    reports()
