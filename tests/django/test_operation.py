"""A request is one operation: what runs late in it, and what was bound in it, is not lost."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.timeout(120)

PROGRAM = """
    import json, sys
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
    from rest_framework.decorators import api_view
    from rest_framework.exceptions import NotAuthenticated, APIException
    import corectx
    import penstock
    from penstock import flow
    from penstock._graph import build
    from penstock._declare import registry_in_use
    from penstock._verify import as_json, read, verify
    from statecrumbs import crumb, snapshot
    from statecrumbs.context import context, get_context

    shop = flow("shop")


    class Around:
        def __init__(self, get_response):
            self.get_response = get_response

        def __call__(self, request):
            with context(user="bob"):
                response = self.get_response(request)
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


    class Checkout(View):
        def get(self, request):
            return HttpResponse()

    Checkout = method_decorator(flow("checkout").entrypoint, name="dispatch")(Checkout)


    class Refund(View):
        @method_decorator(flow("refund").entrypoint)
        def get(self, request):
            return HttpResponse(corectx.current().flow)


    urlpatterns = [
        path("on_commit", on_commit),
        path("streaming", streaming),
        path("decorated", decorated),
        path("middleware", middleware),
        path("bound", bound),
        path("refusing", refusing),
        path("failing", failing),
        path("checkout", Checkout.as_view()),
        path("refund", Refund.as_view()),
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
    crumbs = [each.get("context") for each in snapshot() if each["event"] == "seen"]
    print(json.dumps({"verdict": found, "answers": answers, "crumbs": crumbs}))
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


def test_http_exceptions_below_500_are_no_failures_of_a_step(ask):
    verdict = ask(*["/refusing"] * 4, "/failing")["verdict"]
    steps = {step["name"]: step for step in verdict["refusals"]["steps"]}
    assert (steps["refuse"]["runs"], steps["refuse"]["errors"]) == (4, 0)
    assert (steps["refuse_in"]["runs"], steps["refuse_in"]["errors"]) == (4, 0)
    failed = {step["name"]: step for step in verdict["failures"]["steps"]}
    assert (failed["fail"]["errors"], failed["fail"]["passed_through"]) == (1, 1)
    assert (failed["fail_in"]["errors"], failed["fail_in"]["passed_through"]) == (1, 0)


def test_a_method_decorator_declares_its_method_once_and_each_call_is_counted(ask):
    said = ask("/checkout", "/checkout", "/refund", "/refund")
    for name, function in (("checkout", "dispatch"), ("refund", "get")):
        (step,) = said["verdict"][name]["steps"]
        assert (step["name"], step["runs"]) == (function, 2)
    assert said["answers"][2:] == ["refund", "refund"]
