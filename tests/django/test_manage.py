"""``manage.py penstock`` is the command penstock, with what the installed apps declare loaded."""

from __future__ import annotations

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
        INSTALLED_APPS = ["penstock_django", "shop", "billing.apps.BillingConfig"]
        MIDDLEWARE = ["penstock.contrib.django.FlowMiddleware"]
        """,
    "shop/__init__.py": "",
    "shop/views.py": """
        from penstock import entrypoint, flow

        @flow("orders")
        @entrypoint
        def receive(request):
            '''Takes an order.'''
        """,
    "shop/tasks.py": """
        from penstock import flow
        from penstock.contrib.celery import flow_task

        @flow("orders")
        @flow_task(after="receive")
        def ship(order):
            '''Ships it.'''
        """,
    "billing/__init__.py": "",
    "billing/apps.py": """
        from django.apps import AppConfig

        class BillingConfig(AppConfig):
            name = "billing"
        """,
    "billing/flows/__init__.py": "import billing.flows.monthly",
    "billing/flows/monthly.py": """
        from penstock import entrypoint, flow

        @flow("invoices")
        @entrypoint
        def draw_up():
            pass
        """,
}


@pytest.fixture
def project(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return tmp_path


def manage(project, *arguments):
    return subprocess.run(
        # -B: a file that changes within a second, and not in size, has a stale compiled one.
        [sys.executable, "-B", "-W", "error", "manage.py", *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_it_draws_what_the_views_and_the_tasks_declare_together(project):
    done = manage(project, "penstock", "render", "orders", "--format", "mermaid")
    assert done.stdout == "graph TD\n    receive --o ship\n", done.stderr


def test_it_knows_the_flows_of_every_installed_app(project):
    done = manage(project, "penstock", "list")
    assert "orders" in done.stdout, done.stderr
    assert "invoices" in done.stdout


def test_an_app_may_be_a_single_file(project):
    (project / "onefile.py").write_text(
        "from penstock import flow\n\n@flow('single').entrypoint\ndef begin(): ...\n"
    )
    settings = project / "project.py"
    settings.write_text(settings.read_text().replace('"shop"', '"shop", "onefile"'))
    done = manage(project, "penstock", "list")
    assert "single" in done.stdout, done.stderr
    assert "orders" in done.stdout


def test_it_ends_with_the_status_of_the_command(project):
    assert manage(project, "penstock", "check").returncode == 0
    tasks = project / "shop" / "tasks.py"
    tasks.write_text(tasks.read_text().replace('"receive"', '"recieve"'))
    done = manage(project, "penstock", "check")
    assert done.returncode == 1
    assert "Did you mean 'receive'?" in done.stdout + done.stderr
    assert manage(project, "penstock", "show", "order").returncode == 2
    tasks.write_text("import nothing_like_that\n")
    done = manage(project, "penstock", "check")
    assert done.returncode == 3
    assert "No module named 'nothing_like_that'" in done.stderr
    assert done.stderr.count("File ") == done.stderr.count("tasks.py") == 1


def test_djangos_own_options_may_stand_anywhere(project):
    (project / "project.py").rename(project / "other.py")
    for arguments in (
        ("--settings", "other", "show", "orders"),
        ("show", "orders", "--settings=other"),
    ):
        done = manage(project, "penstock", *arguments)
        assert done.returncode == 0, done.stderr
        assert "receive" in done.stdout


def test_its_help_names_it_as_it_was_called(project):
    done = manage(project, "penstock", "--help")
    assert done.returncode == 0
    assert "usage: manage.py penstock" in done.stdout


def test_a_program_may_call_it_too(project):
    (project / "called.py").write_text(
        textwrap.dedent(
            """
            import os
            import django
            from django.core.management import call_command

            os.environ["DJANGO_SETTINGS_MODULE"] = "project"
            django.setup()
            call_command("penstock", "render", "orders", "--format=mermaid")
            """
        )
    )
    done = subprocess.run(
        [sys.executable, "called.py"], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.stdout == "graph TD\n    receive --o ship\n", done.stderr
