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
        return flask.abort(status) if status >= 400 else "charged"

    app.wsgi_app = FlowMiddleware(app.wsgi_app)
    return app


def test_a_factory_that_runs_twice_declares_once_and_both_applications_count(registry, tmp_path):
    with penstock.observe(tmp_path / "evidence"):
        for app in (create_app(), create_app()):
            client = app.test_client()
            assert client.get("/200").data == b"charged"
            assert client.get("/404").status_code == 404
            assert client.get("/503").status_code == 503
    assert list(registry.flows["shop"].steps) == ["place", "charge"]
    assert registry.conflicts == []
    found = runs(verify(build(registry), read([tmp_path / "evidence"])))
    assert found == {"place": (6, 2, 0), "charge": (6, 2, 0)}
