"""The flow ID and the ambient values in structlog's events, and the events as crumbs."""

from __future__ import annotations

import asyncio
import io
import json
import logging

import pytest
import structlog
from structlog.testing import LogCapture

from corectx import Site, attach, detach, scope, start
from penstock.contrib.structlog import flow_processor
from penstock_structlog import crumb_processor, values_processor
from statecrumbs.testing import captured_crumbs


@pytest.fixture
def output():
    """The events that reach the renderer, through all three processors."""
    capture = LogCapture()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            flow_processor,
            values_processor,
            crumb_processor,
            capture,
        ]
    )
    yield capture.entries
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def flow_id():
    """The correlation ID of an operation that is current for the test."""
    token = attach(start(Site("request", "GET"), correlation_id="c-1"))
    yield "c-1"
    detach(token)


def test_the_flow_id_is_in_every_event_of_a_flow(output, flow_id):
    structlog.get_logger().info("shipped", order=1)
    assert output[0]["flow_id"] == flow_id


def test_outside_of_a_flow_there_is_none(output):
    structlog.get_logger().info("shipped")
    assert "flow_id" not in output[0]


def test_a_flow_id_of_the_callers_own_is_kept(output, flow_id):
    structlog.get_logger().info("shipped", flow_id="mine")
    structlog.get_logger().info("shipped", flow_id=None)
    assert [entry["flow_id"] for entry in output] == ["mine", None]


def test_ambient_values_stand_under_what_is_bound_and_given(output):
    structlog.contextvars.bind_contextvars(tenant="bound")
    with scope(tenant="ambient", user="ann", order=0):
        structlog.get_logger().info("shipped", order=1)
    assert (output[0]["tenant"], output[0]["user"], output[0]["order"]) == ("bound", "ann", 1)


@pytest.mark.parametrize(
    "name",
    ["event", "exc_info", "exception", "level", "logger", "positional_args", "stack", "timestamp"],
)
def test_an_ambient_value_is_never_taken_for_something_of_structlogs_own(name):
    processors = [
        values_processor,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
    ]
    console = structlog.dev.ConsoleRenderer(colors=False)
    event_dict = {"event": "shipped"}
    with scope(**{name: (3,)}):
        for process in processors:
            event_dict = process(None, "info", event_dict)
    assert event_dict == {"event": "shipped", f"{name}_": (3,)}
    assert console(None, "info", event_dict).split() == ["shipped", f"{name}_=(3,)"]


def test_clearing_structlogs_own_context_leaves_ours(output, flow_id):
    structlog.contextvars.clear_contextvars()
    structlog.get_logger().info("shipped")
    assert output[0]["flow_id"] == flow_id


def test_an_event_without_a_text_is_a_crumb_too(output):
    with captured_crumbs() as captured:
        structlog.get_logger().info("", order=17)
    (only,) = captured.crumbs
    assert (only["event"], only["order"]) == ("(no message)", "17")


def test_an_event_is_recorded_as_a_crumb_and_goes_on_unchanged(output, flow_id):
    with captured_crumbs() as captured:
        structlog.get_logger().warning("shipped", order=1, password="hunter2")  # noqa: S106
    (only,) = captured.crumbs
    assert only["event"] == "shipped"
    assert (only["order"], only["level"], only["password"]) == ("1", "'warning'", "[redacted]")
    assert only["frame"]["correlation_id"] == flow_id
    assert output[0]["password"] == "hunter2"  # noqa: S105


@pytest.mark.parametrize("form", ["true", "exception", "tuple"])
def test_an_exception_is_recorded_by_the_name_of_its_type(output, form):
    with captured_crumbs() as captured:
        try:
            raise LookupError("gone")  # noqa: TRY301
        except LookupError as error:
            forms = {"true": True, "exception": error, "tuple": (LookupError, error, None)}
            structlog.get_logger().error("failed", exc_info=forms[form])
    assert captured.crumbs[0]["exception"] == "'LookupError'"


class Unspeakable:
    """An object that can be shown, but not as a text."""

    def __str__(self):
        raise KeyboardInterrupt

    def __repr__(self):
        return "shown"


class Nameless(type):
    @property
    def __name__(cls):
        raise ValueError


@pytest.mark.parametrize(
    ("event_dict", "recorded"),
    [
        ({"event": Unspeakable()}, {"event": "<unserializable>"}),
        ({"event": "extra={1: 2}", 1: 2}, {"1": "2"}),
        ({"event": "exc_info=()", "exc_info": ()}, {"exception": "None"}),
        ({"event": "extra={object: 2}", Unspeakable(): 2}, {"<unserializable>": "2"}),
        (
            {"event": "it", "exc_info": Nameless("Lost", (Exception,), {})()},
            {"exception": "'Lost'"},
        ),
    ],
)
def test_an_event_that_a_renderer_can_show_is_never_lost(event_dict, recorded):
    with captured_crumbs() as captured:
        assert crumb_processor(None, "info", event_dict) is event_dict
    assert captured.crumbs[0].items() >= recorded.items()


class EqualToOrder:
    """A key that the name of a known value equals, and that is no text."""

    def __hash__(self):
        return hash("order")

    def __eq__(self, other):
        return True

    def __str__(self):
        return "a key"


def test_a_key_that_equals_the_name_of_a_known_value_is_not_taken_for_it():
    with captured_crumbs() as captured:
        for _ in range(3):
            crumb_processor(None, "info", {"event": "order shipped", "order": 1})
        crumb_processor(None, "info", {"event": "order shipped", EqualToOrder(): 2})
    assert captured.crumbs[-1]["a key"] == "2"
    assert {type(key) for crumb in captured.crumbs for key in crumb} == {str}


def test_a_crumb_of_an_event_keeps_no_dict_that_goes_on():
    event_dict = {"event": "order shipped", "order": [1]}
    with captured_crumbs() as captured:
        for _ in range(3):
            crumb_processor(None, "info", event_dict)
        event_dict["order"].append(2)
        event_dict["order"] = event_dict["later"] = 3
    assert event_dict["event"] == "order shipped"
    assert [(crumb["order"], "later" in crumb) for crumb in captured.crumbs] == [("[1]", False)] * 3


def test_the_async_methods_of_a_logger_know_the_flow(output):
    async def ship():
        token = attach(start(Site("request"), correlation_id="c-2"))
        await structlog.get_logger().ainfo("shipped")
        detach(token)

    asyncio.run(ship())
    assert output[0]["flow_id"] == "c-2"


def test_a_logger_that_works_in_another_thread_knows_the_flow_and_its_trail(output):
    async def ship():
        token = attach(start(Site("request"), correlation_id="c-2"))
        logger = structlog.wrap_logger(None, wrapper_class=structlog.stdlib.AsyncBoundLogger)
        await logger.info("shipped", order=1)
        detach(token)

    with captured_crumbs() as captured:
        asyncio.run(ship())
    assert output[0]["flow_id"] == "c-2"
    assert captured.crumbs[0]["frame"]["correlation_id"] == "c-2"


def test_records_of_the_standard_library_pass_through_a_processor_formatter(flow_id):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[flow_processor, crumb_processor],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logger = logging.getLogger("tests.structlog")
    logger.addHandler(handler)
    try:
        with captured_crumbs() as captured:
            logger.warning("order %s shipped", 7)
    finally:
        logger.removeHandler(handler)
    assert json.loads(stream.getvalue()) == {"event": "order 7 shipped", "flow_id": flow_id}
    assert set(captured.crumbs[0]) == {"event", "ts", "thread", "frame", "level", "flow_id"}


def test_the_processors_are_typed_as_structlog_wants_them():
    processors: list[structlog.typing.Processor] = [
        flow_processor,
        values_processor,
        crumb_processor,
    ]
    assert len(processors) == 3
