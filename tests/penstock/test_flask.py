"""Flask: an application factory declares at each call, and `abort` is no failure of a step."""

from __future__ import annotations

import flask

import penstock
from penstock import flow
from penstock._graph import build
from penstock._verify import read, verify
from penstock.contrib.wsgi import FlowMiddleware
from tests.penstock.verify.verdicts import runs


def create_app():
    app = flask.Flask(__name__)
    shop = flow("shop")

    @app.get("/<int:status>")
    @shop.entrypoint
    def place(status):
        return charge(status)

    @shop.step(after=place)
    def charge(status):
        if status == 302:
            flask.abort(flask.redirect("/login"))
        return flask.abort(status) if status >= 400 else "charged"

    app.wsgi_app = FlowMiddleware(app.wsgi_app)
    return app


def test_a_factory_that_runs_twice_declares_once_and_both_applications_count(registry, tmp_path):
    with penstock.observe(tmp_path / "evidence"):
        for app in (create_app(), create_app()):
            client = app.test_client()
            with client.get("/200") as response:
                assert response.data == b"charged"
            with client.get("/302") as response:
                assert response.headers["Location"] == "/login"
            for status in (404, 503):
                with client.get(f"/{status}") as response:
                    assert response.status_code == status
    assert list(registry.flows["shop"].steps) == ["place", "charge"]
    assert registry.conflicts == []
    found = runs(verify(build(registry), read([tmp_path / "evidence"])))
    assert found == {"place": (8, 2, 0), "charge": (8, 2, 0)}
