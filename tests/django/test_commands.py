"""A management command is an operation, and each flow that it calls is one of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.timeout(120)

FILES = {
    "manage.py": """
        import os, sys
        from django.core.management import execute_from_command_line

        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project")
        execute_from_command_line(sys.argv)
        """,
    "project.py": """
        INSTALLED_APPS = ["penstock_django", "shop"]
        PENSTOCK = {"IGNORE_COMMANDS": ["ignored"]}
        DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
        """,
    "shop/__init__.py": "",
    "shop/flows.py": """
        from corectx import current, subscribe
        from penstock import current_flow_id, flow

        shop = flow("shop")
        entered = []

        class Observer:
            def entered(self, frame):
                entered.append(frame.kind)

        subscribe(Observer())

        @shop.entrypoint
        def receive():
            return current_flow_id(), current().parent.name, charge()

        @shop.step(after=receive)
        def charge():
            return current_flow_id()
        """,
    "shop/management/__init__.py": "",
    "shop/management/commands/__init__.py": "",
    "shop/management/commands/consume.py": """
        import json
        from django.core.management.base import BaseCommand
        from corectx import current, scope
        from shop.flows import entered, receive

        class Command(BaseCommand):
            def handle(self, **options):
                frame = current()
                with scope(batch=1):
                    runs = [receive() for _ in range(3)]
                own = None if frame is None else (frame.kind, frame.name, frame.correlation_id)
                self.stdout.write(json.dumps({"own": own, "runs": runs, "entered": entered}))
        """,
    "shop/management/commands/import_orders.py": """
        import json
        from django.core.management.base import BaseCommand
        from django.db import transaction
        from penstock import observe
        from penstock._declare import registry_in_use
        from penstock._graph import build
        from penstock._verify import as_json, read, verify
        from shop.flows import charge, receive

        class Command(BaseCommand):
            def add_arguments(self, parser):
                parser.add_argument("orders", type=int)

            def handle(self, orders, **options):
                ids, late = [], []
                with observe("evidence"):
                    for _ in range(orders):
                        with transaction.atomic():
                            ids.append(receive()[0])
                            transaction.on_commit(lambda: late.append(charge()))
                verdict = as_json(verify(build(registry_in_use()), read(["evidence"])))
                self.stdout.write(json.dumps({"ids": ids, "late": late, "verdict": verdict}))
        """,
    "shop/management/commands/ignored.py": """
        from shop.management.commands.consume import Command
        """,
}


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a management command, and what it printed."""
    for name, source in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))

    def command(*arguments):
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return command


def test_a_command_has_an_id_and_each_flow_in_it_another_one(run):
    said = run("consume")
    kind, name, own = said["own"]
    assert (kind, name) == ("command", "consume")
    ids = {flow_id for flow_id, _, _ in said["runs"]}
    assert len(ids) == 3
    assert own not in ids
    assert [flow_id == step_id for flow_id, _, step_id in said["runs"]] == [True] * 3
    assert {parent for _, parent, _ in said["runs"]} == {None}  # the scope, which has no name


def test_a_command_is_no_work_in_flight_but_the_flows_that_it_calls_are(run):
    assert run("consume")["entered"] == ["scope", *["entrypoint", "step"] * 3]


def test_a_command_that_the_settings_name_is_no_operation(run):
    assert run("ignored")["own"] is None


@pytest.mark.parametrize("orders", [1, 3])
def test_a_step_that_a_command_calls_after_the_commit_is_in_its_flow(run, orders):
    said = run("import_orders", str(orders))
    shop = said["verdict"]["shop"]
    (edge,) = shop["edges"]
    assert (edge["from"], edge["to"], edge["count"]) == ("receive", "charge", 2 * orders)
    assert [step["outside"] for step in shop["steps"]] == [0, 0]
    # The only run has its step. If there are several, the step shares the ID of none.
    if orders == 1:
        assert said["late"] == said["ids"]
    else:
        assert said["late"][0] == said["ids"][0]
        assert len({*said["ids"], *said["late"]}) == 5
