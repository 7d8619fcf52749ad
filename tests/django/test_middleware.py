"""What the middleware makes of one request, whatever is current where the server calls it."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

PROGRAM = """
import asyncio
import corectx
import django
from django.conf import settings
from django.http import JsonResponse
from django.test import AsyncClient, Client
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["penstock.contrib.django.FlowMiddleware"],
    ROOT_URLCONF=__name__,
)
django.setup()

def view(request):
    frame = corectx.current()
    while frame.kind != "request":
        frame = frame.parent
    assert frame.parent is None
    assert "tenant" not in corectx.values()
    return JsonResponse({"id": corectx.correlation_id()})

urlpatterns = [path("", view)]

# As a server leaves it that handles a request in the context of the one before.
before = corectx.start(corectx.Site("request", "GET /before"), values={"tenant": "other"})
corectx.attach(before)
{ask}
assert response.json()["id"] == response.headers["X-Correlation-ID"] != before.correlation_id
"""


@pytest.mark.parametrize(
    "ask",
    ['response = Client().get("/")', 'response = asyncio.run(AsyncClient().get("/"))'],
    ids=["sync", "async"],
)
def test_a_request_adopts_no_frame_that_is_current(tmp_path, ask):
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM.replace("{ask}", ask)))
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
