"""``manage.py penstock``, typed in a Django project."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

MANAGE = """
    import os
    import sys

    from django.core.management import execute_from_command_line

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
    execute_from_command_line(sys.argv)
"""
SETTINGS = """
    SECRET_KEY = "only for tests"
    INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
    INSTALLED_APPS += ["penstock_django", "shop"]
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    USE_TZ = True
"""
FLOWS = """
    from penstock import entrypoint, flow, step

    @flow("orders")
    @entrypoint
    def receive(order):
        '''Takes an order.'''

    @flow("orders")
    @step(after="receive")
    def ship(order): ...
"""
TASKS = """
    from django.contrib.auth.models import User  # needs the apps to be loaded
    from penstock import flow, step

    @flow("orders")
    @step(after="ship")
    def thank(user: User): ...
"""


@pytest.fixture
def manage(tmp_path):
    """Run manage.py of a project whose app `shop` has flows and tasks."""
    (tmp_path / "shop").mkdir()
    files = {
        "manage.py": MANAGE,
        "site_settings.py": SETTINGS,
        "shop/__init__.py": "",
        "shop/flows.py": FLOWS,
        "shop/tasks.py": TASKS,
    }
    for name, source in files.items():
        (tmp_path / name).write_text(textwrap.dedent(source))

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    return run


def test_the_flows_of_all_installed_apps_are_there(manage, tmp_path):
    done = manage("penstock", "list", "--json")
    assert done.returncode == 0, done.stderr
    (orders,) = json.loads(done.stdout)
    assert [step["name"] for step in orders["steps"]] == ["receive", "ship", "thank"]
    assert manage("penstock", "render", "-o", "map.svg").returncode == 0
    assert "Takes an order." in (tmp_path / "map.svg").read_text()
    assert manage("penstock", "check").returncode == 0


def test_djangos_own_options_may_stand_anywhere(manage, tmp_path):
    (tmp_path / "site_settings.py").rename(tmp_path / "other_settings.py")
    for arguments in (
        ("--settings", "other_settings", "show", "orders"),
        ("show", "orders", "--settings=other_settings"),
    ):
        done = manage("penstock", *arguments)
        assert done.returncode == 0, done.stderr
        assert "receive" in done.stdout


def test_problems_and_mistakes_have_the_exit_codes_of_penstock(manage, tmp_path):
    tasks = tmp_path / "shop" / "tasks.py"
    tasks.write_text(tasks.read_text().replace("ship", "shpi"))
    done = manage("penstock", "check")
    assert done.returncode == 1
    assert "shop/tasks.py:5: Unknown step 'shpi' in after= of 'thank'." in done.stdout
    assert manage("penstock", "show", "order").returncode == 2
    tasks.write_text("import nothing_like_that\n")
    done = manage("penstock", "check")
    assert done.returncode == 3
    assert "No module named 'nothing_like_that'" in done.stderr
    assert done.stderr.count("File ") == done.stderr.count("tasks.py") == 1


def test_a_program_can_call_it(manage, tmp_path):
    (tmp_path / "shop" / "management" / "commands").mkdir(parents=True)
    (tmp_path / "shop" / "management" / "commands" / "flows.py").write_text(
        textwrap.dedent("""
            from django.core.management import BaseCommand, call_command

            class Command(BaseCommand):
                def handle(self, *args, **options):
                    call_command("penstock", "list", "--json")
        """)
    )
    assert '"name": "orders"' in manage("flows").stdout
