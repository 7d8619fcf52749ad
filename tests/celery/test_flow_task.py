"""`flow_task` is a shared task with a place in the map, and knows it before the task is made."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import pickle
import subprocess
import sys
import textwrap
from types import SimpleNamespace
from weakref import WeakSet

import pytest
from celery import Celery, Task, _state, chain, chord, group, shared_task
from celery.app.trace import build_tracer
from celery.exceptions import Ignore, Reject, Retry
from celery.signals import task_postrun, task_success

from corectx import current, subscribe
from penstock import (
    current_flow_id,
    entrypoint,
    flow,
    generate_dag,
    get_flow_context_value,
    set_flow_context_value,
    step,
)
from penstock._check import check
from penstock.contrib.celery import flow_task
from penstock.testing import captured_steps, isolated_registry
from tests.celery.workers import ROOT


@pytest.fixture
def registry():
    with isolated_registry() as registry:
        yield registry


@pytest.fixture
def app(monkeypatch):
    """An eager app that is the current one; shared tasks of the test are shared with no other."""
    monkeypatch.setattr(_state, "_on_app_finalizers", set(_state._on_app_finalizers))
    monkeypatch.setattr(_state, "_apps", WeakSet())
    made = Celery("tests", broker="memory://")
    made.conf.task_always_eager = True
    made.set_current()
    yield made
    made.close()


def test_it_is_a_celery_task(app, registry):
    @flow_task
    def add(x, y):
        """Adds."""
        return x + y

    assert isinstance(add, Task)
    assert add.name == f"{__name__}.add"
    assert app.tasks[add.name].run(1, 2) == add(1, 2) == add.delay(1, 2).get() == 3
    assert add.s(1).apply(args=(2,)).get() == 3
    assert (add.__name__, add.__doc__, add.__module__) == ("add", "Adds.", __name__)
    assert str(inspect.signature(add)) == "(x, y)"
    assert pickle.loads(pickle.dumps(add)) == app.tasks[add.name]  # noqa: S301


def test_the_options_of_a_task_are_given_to_celery(app, registry):
    class Base(Task):
        pass

    @flow_task(bind=True, name="named", max_retries=7, base=Base, serializer="pickle")
    def bound(self, x):
        return self.name, x

    assert isinstance(bound, Base)
    assert (bound.max_retries, bound.serializer) == (7, "pickle")
    assert bound.delay(1).get() == ("named", 1)
    assert registry.unclaimed[0].name == "bound"


def test_the_arguments_are_checked_when_it_is_sent(app, registry):
    @flow_task(bind=True)
    def bound(self, x, *, y=1):
        return x + y

    @flow_task
    def unbound(x):
        return x

    for wrong in (bound, unbound):
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
            wrong.apply_async(())
    with pytest.raises(TypeError, match="z"):
        bound.delay(1, z=1)


def connecting(function):
    """Decorate `function` with a wrapper that takes other arguments, and says so."""

    @functools.wraps(function)
    def with_connection(order, *, tries=3):
        return function("connection", order)

    return with_connection


@pytest.mark.parametrize("how", ["flow_task", "app.task over @step", "app.task over two steps"])
def test_the_arguments_are_checked_of_the_wrapper_that_is_called(app, registry, how):
    @connecting
    def charge(connection, order):
        return connection, order

    def make(function):
        if how == "flow_task":
            return flow_task(function)
        declared = flow("shop").step(after="begin")(function)
        if how == "app.task over two steps":
            declared = flow("mails").step(after="begin")(declared)
        return app.task(declared)

    task = make(charge)
    assert task.delay(7, tries=1).get() == ("connection", 7)
    for wrong in ((), (7, 8)):
        with pytest.raises(TypeError, match="positional argument"):
            task.delay(*wrong)
    assert [str(inspect.signature(task.run)), inspect.getfullargspec(task.run).args] == [
        "(order, *, tries=3)",
        ["order"],
    ]


def audited(function):
    """Decorate `function`, without functools.wraps."""

    def wrapper(*args):
        return function(*args)

    return wrapper


def mail(text):
    return "mail", text


def sms(text):
    return "sms", text


@pytest.mark.filterwarnings("ignore:Task name '.*wrapper' is already registered")
@pytest.mark.parametrize("order", [(mail, sms), (sms, mail)])
def test_a_wrapper_that_hides_the_names_of_two_tasks_is_refused(app, registry, order):
    first, second = order
    task = flow_task(audited(first))
    with pytest.raises(TypeError, match=r"task '.*\.wrapper'.*Write @flow_task\(name="):
        flow_task(audited(second))
    flow_task(audited(first))  # declared again, as by a reload
    named = flow_task(name="shop.second")(audited(second))
    assert task.delay("hi").get() == (first.__name__, "hi")
    assert named.delay("hi").get() == (second.__name__, "hi")


class Sender:
    def __init__(self, how):
        self.how = how

    def send(self, what):
        return self.how, what

    @classmethod
    def deliver(cls, what):
        return cls.__name__, what


class Postman(Sender):
    pass


def closing_over(how):
    def send(what):
        return how, what

    return send


def with_default(how):
    def send(what, how=how):
        return how, what

    return send


def copied(how):
    if how == "mail":

        def send(what):
            return "mail", what

    else:

        def send(what):
            return "sms", what

    return send


@pytest.mark.filterwarnings("ignore:Task name '.*' is already registered")
@pytest.mark.parametrize(
    "make",
    [
        lambda how: Sender(how).send,
        lambda how: (Sender if how == "mail" else Postman).deliver,
        lambda how: functools.update_wrapper(functools.partial(send, how), send),
        closing_over,
        with_default,
        copied,
    ],
)
def test_a_second_function_with_the_name_of_a_task_is_refused_and_needs_another(
    app, registry, make
):
    task = flow_task(make("mail"))
    flow_task(make("mail"))  # by a module that is executed again
    with pytest.raises(TypeError, match=r"Two functions want to be the task .*@flow_task\(name="):
        flow_task(make("sms"))
    other = flow_task(name="shop.other")(make("sms"))
    assert task.delay("hi").get()[1] == other.delay("hi").get()[1] == "hi"
    assert task.delay("hi").get()[0] != other.delay("hi").get()[0]


@pytest.mark.filterwarnings("ignore:Task name '.*' is already registered")
def test_a_module_that_is_executed_again_declares_its_tasks_again(app, registry, tmp_path):
    path = tmp_path / "shop_tasks.py"
    for body in ("return 1", "return 2 + 0"):
        path.write_text(
            "from penstock.contrib.celery import flow_task\n"
            "@flow_task\n"
            f"def charge():\n    {body}\n"
        )
        spec = importlib.util.spec_from_file_location("shop_tasks", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    assert module.charge.delay().get() in (1, 2)  # Celery keeps one of them


@pytest.mark.filterwarnings("ignore:Task name 'shop.mail' is already registered")
def test_a_task_whose_name_another_one_has_does_not_run_the_body_of_that(app, registry):
    app.task(lazy=False, name="shop.mail")(mail)
    task = flow_task(name="shop.mail", app=app)(sms)
    with pytest.raises(TypeError, match=r"Two functions want to be the task 'shop\.mail'"):
        task.delay("hi")


def test_an_app_has_tasks_of_its_own(app, registry):
    other = Celery("other", set_as_current=False, broker="memory://")

    @flow("orders")
    @flow_task(app=other, shared=False)
    def own():
        return 1

    assert own.app is other
    assert own.name in other.tasks
    assert own.name not in app.tasks
    assert list(registry.flows["orders"].steps) == ["own"]
    other.close()


@pytest.mark.parametrize("order", ["flow above", "flow below", "flow's own"])
def test_its_place_in_the_map_is_known_in_either_order(app, registry, order):
    orders = flow("orders")

    def place(task, function):
        return task(orders(function)) if order == "flow below" else orders(task(function))

    def begin():
        """Begins."""

    def go_on():
        pass

    first = place(flow_task, begin)
    place(flow_task(after="begin", bind=True), go_on)
    place(flow_task(after=first), lambda: None).__name__  # noqa: B018 - known without the task
    steps = registry.flows["orders"].steps
    assert [(each.kind, each.call_kind) for each in steps.values()] == [
        ("entrypoint", "task"),
        ("step", "task"),
        ("step", "task"),
    ]
    assert steps["begin"].doc == "Begins."
    assert steps["begin"].file == __file__
    assert steps["go_on"].after == steps["<lambda>"].after == ("begin",)
    assert "begin --o go_on" in generate_dag("orders")
    assert not registry.unclaimed
    assert not registry.loose


def test_a_task_after_a_step_of_another_flow_is_where_its_own_begins(app, registry):
    @flow("shipping")
    @flow_task(after="orders:pay")
    def ship():
        return current().flow

    assert registry.flows["shipping"].steps["ship"].kind == "entrypoint"
    assert ship.delay().get() == "shipping"


def test_predecessors_may_come_as_an_iterator_that_can_be_read_once(app, registry):
    goes_on = flow_task(after=iter(["begin", "receive"]))

    @flow("orders")
    @goes_on
    def charge(): ...

    @flow("orders")
    @goes_on
    def ship(): ...

    steps = registry.flows["orders"].steps
    assert steps["charge"].after == steps["ship"].after == ("begin", "receive")
    assert steps["charge"].kind == steps["ship"].kind == "step"


def test_a_task_that_names_no_flow_and_no_predecessor_is_complete(app, registry):
    @flow_task
    def charge():
        pass

    assert check(registry) == []


def test_a_task_that_was_to_be_in_a_flow_is_not_complete_without_one(app, registry):
    @flow_task(after="begin")
    def go_on(): ...

    @flow_task(after="orders:pay")
    def ship(): ...

    @flow_task
    @entrypoint
    def begin(): ...

    assert [(each.kind, each.step) for each in check(registry)] == [
        ("no-flow", "go_on"),
        ("no-flow", "ship"),
        ("no-flow", "begin"),
    ]


def test_what_is_declared_already_stays_as_it_is(app, registry):
    @flow("orders")
    @flow_task
    @step(after="begin", name="renamed")
    def go_on():
        pass

    assert registry.flows["orders"].steps["renamed"].after == ("begin",)
    with pytest.raises(TypeError, match=r"'.*begin' has its after= from @entrypoint or @step"):

        @flow_task(after="x")
        @entrypoint
        def begin():
            pass


def test_an_apps_own_task_over_a_step_works_too(app, registry):
    @app.task(bind=True)
    @flow("orders")
    @entrypoint
    def begin(self):
        return current().name, current().flow

    @shared_task
    @flow("orders")
    @step(after="begin")
    def go_on():
        return current().name

    assert begin.delay().get() == ("begin", "orders")
    assert list(registry.flows["orders"].steps) == ["begin", "go_on"]


@pytest.mark.parametrize("over", ["shared_task", "app.task", "task"])
def test_the_flow_may_stand_above_a_task_of_an_app_and_after_may_name_it(app, registry, over):
    @step(after="begin")
    def pay():
        return current().name, current().flow

    make = {"shared_task": shared_task, "app.task": app.task, "task": app.task(lazy=False)}[over]
    task = flow("orders")(make(pay))

    @flow("orders")
    @step(after=task)
    def ship(): ...

    @flow("orders")
    @entrypoint
    def begin():
        return task.delay().get()

    assert begin() == ("pay", "orders")
    assert registry.flows["orders"].steps["ship"].after == ("pay",)
    assert set(registry.flows["orders"].steps) == {"begin", "pay", "ship"}
    assert not registry.unclaimed
    assert not registry.loose


@pytest.fixture(params=["shared_task", "app.task", "flow_task", "task"])
def task(request, app, registry):
    """A task, made in each way that there is."""

    def pay():
        pass

    return {
        "shared_task": shared_task,
        "app.task": app.task,
        "flow_task": flow_task,
        "task": app.task(lazy=False),
    }[request.param](pay)


def test_a_step_above_a_task_would_hide_it_and_is_refused(task):
    with pytest.raises(TypeError, match=r"@step stands above the task 'pay'\. Write it below"):
        step(after="begin")(task)


def test_a_predecessor_that_is_none_is_named(registry):
    with pytest.raises(TypeError, match=r"after= of @step takes the name .* but got 3"):
        flow_task(after=3)(len)


def test_what_is_a_task_already_is_refused(task):
    with pytest.raises(TypeError, match="makes a task, but got one"):
        flow_task(task)


def test_an_apps_own_task_above_it_does_not_run_and_says_why(app, registry):
    @app.task(lazy=False, shared=False)
    @flow_task
    def charge(order): ...

    for run in (charge, lambda order: charge.delay(order).get()):
        with pytest.raises(TypeError, match=r"'charge'.*Does @app.task .* above @flow_task\?"):
            run(1)


def test_an_apps_own_task_above_it_that_celery_makes_first_says_so_too(app, registry, monkeypatch):
    inner = flow_task(lambda: None)
    monkeypatch.setattr(_state, "_on_app_finalizers", set())
    app.task(inner)
    with pytest.raises(TypeError, match=r"'<lambda>'.*Does @app.task .* above @flow_task\?"):
        app.finalize()


@pytest.mark.parametrize(
    ("option", "meant"), [("afer", "after"), ("After", "after"), ("atfer", "after"), ("ap", "app")]
)
def test_an_option_that_is_nearly_one_of_ours_is_refused(registry, option, meant):
    with pytest.raises(TypeError, match=rf"no option {option!r}\. Did you mean {meant}=\?"):
        flow_task(**{option: "begin"})


@pytest.mark.parametrize("option", ["retry_after", "run_after", "apps"])
def test_an_option_of_the_users_own_becomes_an_attribute_of_the_task(app, registry, option):
    class Base(Task):
        apps = None

    @flow_task(base=Base, **{option: 60})
    def begin(): ...

    assert getattr(begin, option) == 60


def test_a_name_that_is_given_as_the_function_is_refused(registry):
    with pytest.raises(TypeError, match=r"Did you mean name='orders.pay'\?"):
        flow_task("orders.pay")


PROGRAM = """
    from celery import Celery
    from celery.local import PromiseProxy, Proxy

    evaluated = []

    def noting(method):
        def note(self, *args):
            evaluated.append(method.__name__)
            return method(self, *args)
        return note

    Proxy._get_current_object = noting(Proxy._get_current_object)
    PromiseProxy.__evaluate__ = noting(PromiseProxy.__evaluate__)

    app = Celery("program", autofinalize=False, broker="memory://")
    app.set_current()

    from penstock import flow, step
    from penstock.contrib.celery import flow_task

    orders = flow("orders")

    @orders
    @flow_task(bind=True)
    def shared(self): return self.request.id

    @flow_task(after=shared, app=app)
    @orders
    def own(): return 1

    @orders
    @step(after=[own, shared])
    def plain(): return 2

    assert not app.finalized
    assert list(orders.steps) == ["shared", "own", "plain"]
    assert own.__name__ == "own" and orders.steps["plain"].after == ("own", "shared")

    assert evaluated == []
    app.finalize()
    assert {"program.shared", "program.own"} <= set(app.tasks)
    assert shared.apply().get() and own.apply().get() == 1
"""


def test_importing_makes_no_task_also_where_the_app_is_not_finalized_by_itself():
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(PROGRAM)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr == ""


class TestEagerly:
    def test_a_task_is_part_of_the_callers_operation(self, app, registry, operation):
        @flow_task
        def inner():
            return current().correlation_id, [each.name for each in around(current())]

        @flow_task
        def outer():
            before = current()
            result = inner.delay().get(disable_sync_subtasks=False)
            assert current() is before
            return result

        flow_id, names = outer.delay().get()
        assert current() is operation
        assert flow_id == operation.correlation_id
        assert names == [inner.name, outer.name, "GET /orders"]

    @pytest.mark.parametrize("propagates", [True, False])
    def test_the_callers_frame_is_back_after_a_failure(self, app, registry, operation, propagates):
        app.conf.task_eager_propagates = propagates

        @flow_task
        def failing():
            raise LookupError("eager")

        with pytest.raises(LookupError):
            failing.delay().get()
        assert current() is operation

    def test_a_retry_runs_inside_of_the_try_before(self, app, registry):
        ids = []

        @flow_task(bind=True)
        def retrying(self):
            ids.append(current().correlation_id)
            if self.request.retries < 2:
                raise self.retry()

        retrying.delay()
        assert len(ids) == 3
        assert len(set(ids)) == 1
        assert current() is None

    def test_without_a_caller_it_is_an_operation_of_its_own(self, app, registry):
        @flow_task
        def where():
            return current().correlation_id

        assert where.delay().get() != where.delay().get()
        assert current() is None

    def test_observers_hear_of_the_task_and_how_it_ended(self, app, registry, observed):
        @flow_task(bind=True, max_retries=1)
        def retrying(self, fails):
            if fails:
                raise LookupError("no")
            raise Retry

        retrying.delay(fails=True)
        retrying.delay(fails=False)
        assert [(name, type(exc)) for name, exc in observed] == [
            (retrying.name, LookupError),
            (retrying.name, type(None)),
        ]


def test_a_worker_adopts_no_frame_that_is_current_in_it(app, registry, operation):
    found = []

    @flow_task
    def inner():
        found.append(current())

    task = app.tasks[inner.name]
    trace = build_tracer(task.name, task, app=app)
    trace("t-1", (), {}, {"is_eager": False, "task": task.name})  # as a worker does
    (frame,) = found
    assert frame.kind == "task"
    assert frame.parent is None
    assert frame.correlation_id != operation.correlation_id
    assert current() is operation


@pytest.mark.parametrize("raised", [Retry, Ignore, Reject, LookupError])
def test_a_step_fails_by_what_its_task_fails_by(app, registry, ended, raised):
    @flow("orders")
    @flow_task
    def raising():
        raise raised

    raising.delay()
    failure = raised if raised is LookupError else type(None)
    assert [(kind, type(exc)) for kind, exc in ended] == [
        ("entrypoint", failure),
        ("task", failure),
    ]


@pytest.fixture
def ended():
    """The kind of each frame that ended, and the exception that observers heard of."""
    ends: list[tuple[str, BaseException | None]] = []
    unsubscribe = subscribe(SimpleNamespace(left=lambda frame, exc: ends.append((frame.kind, exc))))
    yield ends
    unsubscribe()


class Confirming(Task):
    """A task that calls the step `confirm` after its body."""

    def on_success(self, retval, task_id, args, kwargs):
        self.confirm()


@pytest.mark.parametrize(("runs", "expected"), [(1, "ann"), (2, None)])
@pytest.mark.parametrize("signal", [task_success, task_postrun])
def test_after_the_body_a_step_and_a_receiver_have_the_values_of_the_run_unless_there_were_several(
    app, registry, signal, runs, expected
):
    orders = flow("orders")
    seen = []

    @orders.step(after="receive")
    def confirm():
        seen.append(get_flow_context_value("customer"))

    @flow("orders")
    @flow_task(base=Confirming, confirm=staticmethod(confirm))
    def receive(runs):
        set_flow_context_value("customer", "ann")
        if runs > 1:
            receive.run(runs - 1)

    def hear(**_):
        confirm()
        seen.append(get_flow_context_value("customer"))

    signal.connect(hear)
    try:
        receive.delay(runs)
    finally:
        signal.disconnect(hear)
    assert seen == [expected] * 3


def test_a_plain_call_is_a_call_of_the_function(app, registry):
    @flow("orders")
    @flow_task
    def begin():
        return current().kind

    with captured_steps() as ran:
        assert begin() == "entrypoint"
    assert ran.names() == ["begin"]


def around(frame):
    while frame is not None:
        if frame.kind != "entrypoint":
            yield frame
        frame = frame.parent


class Mailer:
    """An object that is called."""

    def __call__(self, what):
        return ("mail", what)


def send(how, what):
    return (how, what)


@pytest.mark.parametrize("function", [functools.partial(send, "mail"), Mailer()])
def test_a_callable_without_a_name_needs_one(registry, function):
    with pytest.raises(TypeError, match=r"needs a name .* Write @flow_task\(name='shop"):
        flow_task(function)


def test_partials_of_one_function_are_tasks_of_their_own(registry, app):
    mail = flow_task(functools.partial(send, "mail"), app=app, name="shop.mail")
    sms = flow_task(functools.partial(send, "sms"), app=app, name="shop.sms")
    assert mail.apply(("hi",)).get() == ("mail", "hi")
    assert sms.apply(("hi",)).get() == ("sms", "hi")
    assert {step.name for step in registry.unclaimed} == {"mail", "sms"}


def injecting(function):
    """Give the function a session, as many decorators do."""

    @functools.wraps(function)
    def inner(*args):
        return function("session", *args)

    return inner


def test_a_task_takes_what_its_function_takes_not_what_is_below_that(registry, app):
    @flow("shop")
    @flow_task(app=app, name="shop.charge")
    @injecting
    def charge(session, order):
        return (session, order)

    assert charge.delay(7).get() == ("session", 7)


def test_the_arguments_of_a_step_below_a_task_are_checked_when_it_is_sent(registry, app):
    @app.task(name="shop.ship")
    @flow("shop").step(after="charge")
    def ship(order):
        return order

    @app.task(name="shop.tell")
    @injecting
    @flow("shop").step(after="charge")
    def tell(session, order):
        return (session, order)

    with pytest.raises(TypeError, match="missing 1 required positional argument: 'order'"):
        ship.delay()
    assert ship.delay(7).get() == 7
    assert tell.delay(7).get() == ("session", 7)


@pytest.fixture
def canvas(app, registry):
    """Two eager tasks of one flow, and the names and IDs with which their steps ran."""
    ran = []
    shop = flow("shop")

    @shop
    @flow_task(app=app)
    def first(order):
        ran.append(("first", current_flow_id()))
        return order

    @shop
    @flow_task(app=app, after="first")
    def second(orders):
        ran.append(("second", current_flow_id()))
        return orders

    return SimpleNamespace(first=first, second=second, ran=ran)


def test_an_eager_chain_outside_of_any_operation_is_one_run(canvas):
    for _ in range(2):
        chain(canvas.first.s(1), canvas.second.s(), canvas.second.s()).apply_async()
    names, ids = zip(*canvas.ran, strict=True)
    assert names == ("first", "second", "second") * 2
    assert len(set(ids[:3])) == len(set(ids[3:])) == 1
    assert ids[0] != ids[3]
    assert None not in ids


def test_the_body_of_an_eager_chord_is_in_the_run_of_the_task_before_it(canvas):
    chord([canvas.first.s(1), canvas.first.s(2)], canvas.second.s()).apply_async()
    chord([canvas.first.s(1)], chain(canvas.second.s(), canvas.second.s())).apply_async()
    chain(group(canvas.first.s(1), canvas.first.s(2)), canvas.second.s()).apply_async()
    names, ids = zip(*canvas.ran, strict=True)
    assert names == ("first", "first", *["second", "first", "second"], "second", *names[:3])
    assert ids[1] == ids[2] != ids[0]
    assert ids[3] == ids[4] == ids[5]
    assert ids[7] == ids[8] != ids[6]


def test_an_eager_chord_without_a_header_is_in_no_run_that_ended_before(canvas):
    canvas.first.delay(1)
    chord(group(), canvas.second.s()).apply_async()
    (_, own), (name, flow_id) = canvas.ran
    assert name == "second"
    assert flow_id != own


def test_a_task_that_a_task_of_an_eager_chain_sends_is_part_of_that(canvas, app, registry):
    @flow("shop")
    @flow_task(app=app, after="first")
    def outer(orders):
        canvas.second.delay(orders)
        return current_flow_id()

    own = chain(canvas.first.s(1), outer.s()).apply_async().get()
    assert [flow_id for _, flow_id in canvas.ran] == [own, own]
