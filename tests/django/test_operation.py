"""A request is one operation: what runs late in it, and what was bound in it, is not lost."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.timeout(120)

PROGRAM = """
    import asyncio, json, sys
    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY="x",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        MIDDLEWARE=["penstock.contrib.django.FlowMiddleware", __name__ + ".Around"],
        INSTALLED_APPS=["rest_framework"],
        REST_FRAMEWORK={"UNAUTHENTICATED_USER": None, "DEFAULT_AUTHENTICATION_CLASSES": []},
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": ":memory:",
                "ATOMIC_REQUESTS": True,
            }
        },
    )
    django.setup()

    from django.core.exceptions import PermissionDenied, SuspiciousOperation
    from django.db import transaction
    from django.http import Http404, HttpResponse, StreamingHttpResponse
    from django.test import Client
    from django.urls import path
    from django.utils.decorators import method_decorator
    from django.views import View
    from django.views.decorators.csrf import csrf_exempt
    from rest_framework.decorators import api_view
    from rest_framework.exceptions import NotAuthenticated, APIException
    from rest_framework.views import APIView
    from rest_framework.viewsets import ViewSet
    import corectx
    import penstock
    from penstock import flow
    from penstock._graph import build
    from penstock._declare import registry_in_use
    from penstock._verify import as_json, read, verify
    from statecrumbs import crumb, snapshot
    from statecrumbs.context import context, get_context

    shop = flow("shop")
    after = []


    class Around:
        def __init__(self, get_response):
            self.get_response = get_response

        def __call__(self, request):
            with context(user="bob"):
                response = self.get_response(request)
            after.append(dict(corectx.values()))
            if request.path == "/middleware":
                audit()
            return response


    @shop.entrypoint
    def place():
        pass

    @shop.step(after=place)
    def charge():
        pass

    @shop.step(after=place)
    def audit():
        pass

    def on_commit(request):
        place()
        transaction.on_commit(charge)
        return HttpResponse()

    def streaming(request):
        place()

        def body():
            yield "a"
            charge()
            yield "b"

        return StreamingHttpResponse(body())

    def auditing(view):
        def around(request):
            response = view(request)
            audit()
            return response

        return around

    @auditing
    def decorated(request):
        place()
        return HttpResponse()

    def middleware(request):
        place()
        return HttpResponse()

    def bound(request):
        corectx.add_values(order=7)
        crumb("seen")
        return HttpResponse(json.dumps(get_context()))


    refusals = flow("refusals")
    raised = [Http404(), PermissionDenied(), SuspiciousOperation(), NotAuthenticated()]

    @refusals.entrypoint
    def refuse():
        refuse_in(raised.pop())

    @refusals.step(after=refuse)
    def refuse_in(error):
        raise error

    @api_view()
    def refusing(request):
        return refuse()

    failures = flow("failures")

    @failures.entrypoint
    def fail():
        fail_in()

    @failures.step(after=fail)
    def fail_in():
        raise APIException()

    @api_view()
    def failing(request):
        return fail()


    views = flow("views")

    class Named(View):
        def get(self, request):
            return HttpResponse(corectx.current().name)

    @method_decorator(views.entrypoint, name="dispatch")
    class Checkout(Named):
        pass

    @method_decorator([csrf_exempt, views.entrypoint], name="dispatch")
    class Basket(Named):
        pass

    class Sale(Checkout):
        pass

    class Refund(View):
        @method_decorator(views.entrypoint)
        def get(self, request):
            return HttpResponse(corectx.current().name)

    class Plain(Named):
        pass

    class Later(View):
        async def get(self, request):
            return HttpResponse(corectx.current().name)

    class Api(APIView):
        def get(self, request):
            return HttpResponse(corectx.current().name)

    class Orders(ViewSet):
        def list(self, request):
            return HttpResponse(corectx.current().name)

    @method_decorator(views.entrypoint, name="dispatch")
    class Slow(View):
        async def get(self, request):
            await asyncio.sleep(0)
            return HttpResponse(corectx.current().name)

    class Fast(Slow):
        async def get(self, request):
            await asyncio.sleep(0)
            return await super().get(request)

    class Quick(View):
        @views.entrypoint(name="Quick.dispatch")
        def dispatch(self, request):
            return super().dispatch(request)

        async def get(self, request):
            await asyncio.sleep(0)
            return HttpResponse(corectx.current().name)

    @views.entrypoint
    @api_view()
    def status(request):
        return HttpResponse(corectx.current().name)

    plain = views.entrypoint(Plain.as_view())
    later = views.entrypoint(transaction.non_atomic_requests(Later.as_view()))
    api = views.entrypoint(csrf_exempt(Api.as_view()))
    orders = views.entrypoint(Orders.as_view({"get": "list"}))


    urlpatterns = [
        path("on_commit", on_commit),
        path("streaming", streaming),
        path("decorated", decorated),
        path("middleware", middleware),
        path("bound", bound),
        path("refusing", refusing),
        path("failing", failing),
        path("checkout", Checkout.as_view()),
        path("basket", Basket.as_view()),
        path("sale", Sale.as_view()),
        path("refund", Refund.as_view()),
        path("plain", plain),
        path("later", later),
        path("api", api),
        path("orders", orders),
        path("status", status),
        path("slow", transaction.non_atomic_requests(Slow.as_view())),
        path("fast", transaction.non_atomic_requests(Fast.as_view())),
        path("quick", transaction.non_atomic_requests(Quick.as_view())),
    ]

    client = Client(raise_request_exception=False)
    with penstock.observe("evidence"):
        answers = []
        for url in sys.argv[1:]:
            response = client.get(url)
            content = b"".join(response)
            response.close()
            answers.append(content.decode())
    found = as_json(verify(build(registry_in_use()), read(["evidence"])))
    places = {
        name: step.line for name, step in views.steps.items()
    }
    assert {step.file for step in views.steps.values()} == {__file__}
    assert registry_in_use().conflicts == []
    crumbs = [each.get("context") for each in snapshot() if each["event"] == "seen"]
    said = {"verdict": found, "answers": answers, "crumbs": crumbs, "places": places}
    said["after"] = after
    print(json.dumps(said))
"""


@pytest.fixture
def ask(tmp_path):
    """Return a function that asks the project for URLs; what it answered, and the verdict."""
    (tmp_path / "project.py").write_text(textwrap.dedent(PROGRAM))

    def run(*urls):
        done = subprocess.run(
            [sys.executable, "project.py", *urls],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def edges(flow):
    return {f"{edge['from']} -> {edge['to']}": edge["count"] for edge in flow["edges"]}


def test_steps_that_run_after_their_view_returned_are_in_its_run(ask):
    shop = ask("/on_commit", "/streaming", "/decorated", "/middleware")["verdict"]["shop"]
    assert edges(shop) == {"place -> charge": 2, "place -> audit": 2}
    assert shop["undeclared"] == []
    assert [step["outside"] for step in shop["steps"]] == [0, 0, 0]


def test_what_a_middleware_or_a_view_binds_is_in_the_view_and_in_its_crumbs(ask):
    said = ask("/bound", "/decorated")
    expected = {"method": "GET", "user": "bob", "route": "bound", "order": 7}
    (crumb,) = said["crumbs"]
    for values in (json.loads(said["answers"][0]), crumb):
        assert {key: values.get(key) for key in expected} == expected


def test_the_body_of_an_async_view_is_in_the_step_that_its_dispatch_is(ask):
    answers = ask("/slow", "/fast", "/quick")["answers"]
    assert answers == ["Slow.dispatch", "Slow.dispatch", "Quick.dispatch"]


def test_the_route_is_bound_for_a_middleware_after_the_scope_that_it_opened_around_the_view(ask):
    (values,) = ask("/decorated")["after"]
    assert values == {"method": "GET", "route": "decorated", "view": "__main__.around"}


def test_http_exceptions_below_500_are_no_failures_of_a_step(ask):
    verdict = ask(*["/refusing"] * 4, "/failing")["verdict"]
    steps = {step["name"]: step for step in verdict["refusals"]["steps"]}
    assert (steps["refuse"]["runs"], steps["refuse"]["errors"]) == (4, 0)
    assert (steps["refuse_in"]["runs"], steps["refuse_in"]["errors"]) == (4, 0)
    failed = {step["name"]: step for step in verdict["failures"]["steps"]}
    assert (failed["fail"]["errors"], failed["fail"]["passed_through"]) == (1, 1)
    assert (failed["fail_in"]["errors"], failed["fail_in"]["passed_through"]) == (1, 0)


VIEWS = {
    "checkout": "Checkout.dispatch",
    "basket": "Basket.dispatch",
    "sale": "Checkout.dispatch",
    "refund": "get",
    "plain": "Plain",
    "later": "Later",
    "api": "Api",
    "orders": "Orders",
    "status": "status",
    "slow": "Slow.dispatch",
    "quick": "Quick.dispatch",
}
# The decorator or the call that declares each of them.
LINES = {
    "Checkout.dispatch": "@method_decorator(views.entrypoint, ",
    "Basket.dispatch": "@method_decorator([csrf",
    "get": "@method_decorator(views.entrypoint)",
    "Plain": "plain = ",
    "Later": "later = ",
    "Api": "api = ",
    "Orders": "orders = ",
    "Slow.dispatch": '@method_decorator(views.entrypoint, name="dispatch")\nclass Slow',
    "Quick.dispatch": '@views.entrypoint(name="Quick.dispatch")',
    "status": "@views.entrypoint\n@api_view()\ndef status",
}


def test_each_class_based_view_is_a_step_with_its_own_name_and_place(ask):
    said = ask(*[f"/{url}" for url in VIEWS], "/checkout")
    assert said["answers"] == [*VIEWS.values(), "Checkout.dispatch"]
    steps = {step["name"]: step["runs"] for step in said["verdict"]["views"]["steps"]}
    assert steps == dict.fromkeys(VIEWS.values(), 1) | {"Checkout.dispatch": 3}
    source = textwrap.dedent(PROGRAM)
    for name, line in said["places"].items():
        decorator = source[: source.index(LINES[name])].count("\n") + 1
        # Python 3.10 calls the decorator of a class in the line of the class.
        assert line - decorator in ((0, 1) if "." in name else (0,)), name


def test_two_actions_of_one_class_based_view_are_found_as_a_conflict(tmp_path):
    (tmp_path / "views.py").write_text(
        textwrap.dedent("""
            from django.conf import settings
            settings.configure()
            from django.views.generic import TemplateView
            from rest_framework.viewsets import ViewSet
            from penstock import flow
            from penstock._declare import registry_in_use

            class Orders(ViewSet):
                def list(self, request): ...
                def recent(self, request): ...

            views = flow("views")
            views.entrypoint(Orders.as_view({"get": "list"}))
            views.entrypoint(Orders.as_view({"get": "list"}))
            views.entrypoint(Orders.as_view({"get": "recent"}))
            views.entrypoint(TemplateView.as_view(template_name="a.html"))
            views.entrypoint(TemplateView.as_view(template_name="b.html"))
            print([(one.line, other.line) for one, other in registry_in_use().conflicts])
        """)
    )
    done = subprocess.run(
        [sys.executable, "views.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == "[(14, 16), (17, 18)]\n", done.stderr
