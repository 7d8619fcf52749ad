"""A wrong ``settings.PENSTOCK`` is found by the system check, and refused by the middleware."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import textwrap

import pytest

from penstock_django._settings import find_problems

PROGRAM = """
import sys, django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["penstock_django"],
    MIDDLEWARE=["penstock.contrib.django.FlowMiddleware"],
    ROOT_URLCONF="urls",
    PENSTOCK={given},
)
django.setup()
if sys.argv[1] == "check":
    from django.core.management import call_command
    call_command("check")
else:
    from django.core.wsgi import get_wsgi_application
    get_wsgi_application()
"""


def run(tmp_path, given: str, what: str):
    (tmp_path / "urls.py").write_text("urlpatterns = []\n")
    (tmp_path / "program.py").write_text(PROGRAM.replace("{given}", given))
    return subprocess.run(
        [sys.executable, "program.py", what],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("{'TRUST_INBUOND': True}", "is no option. Did you mean 'TRUST_INBOUND'?"),
        ("{'HEADER': 'X Y'}", "is the name of a header such as 'X-Correlation-ID', not 'X Y'."),
        ("{'RESPONSE_HEADER': 5}", "not 5."),
        ("{'TRUST_INBOUND': 'yes'}", "is True or False, not 'yes'."),
        ("{'GENERATE_ID': 'no.such.thing'}", "cannot be imported"),
        ("{'IGNORE_PATHS': ['(']}", "is no regular expression"),
        ("{'IGNORE_PATHS': '/health'}", "is a list of regular expressions"),
        ("['x']", "PENSTOCK is a dict of options"),
    ],
)
def test_a_wrong_setting_is_named(given, says):
    (problem,) = find_problems(ast.literal_eval(given))
    assert says in problem


@pytest.mark.parametrize("option", ["HEADER", "RESPONSE_HEADER"])
def test_a_header_may_be_none(option):
    assert not find_problems({option: None})


def test_that_a_compiled_expression_is_wrong_is_said_so_that_one_sees_why():
    (problem,) = find_problems({"IGNORE_PATHS": [re.compile("/health/")]})
    assert "is a list of regular expressions, each a string, not [re.compile(" in problem


@pytest.mark.parametrize("what", ["check", "serve"])
def test_a_wrong_setting_keeps_the_project_from_starting(tmp_path, what):
    done = run(tmp_path, "{'TRUST_INBUOND': True}", what)
    assert done.returncode == 1
    assert "Did you mean 'TRUST_INBOUND'?" in done.stderr


@pytest.mark.parametrize("what", ["check", "serve"])
def test_right_settings_pass(tmp_path, what):
    given = textwrap.dedent(
        """{
            "HEADER": "X-Request-ID", "TRUST_INBOUND": True, "RESPONSE_HEADER": None,
            "EXPOSE_HEADER": False, "GENERATE_ID": "uuid.uuid4", "IGNORE_PATHS": [r"/health"],
        }"""
    )
    done = run(tmp_path, given, what)
    assert done.returncode == 0, done.stderr


def test_an_id_generator_may_make_uuids(tmp_path):
    (tmp_path / "urls.py").write_text("urlpatterns = []\n")
    (tmp_path / "program.py").write_text(
        PROGRAM.replace("{given}", "{'GENERATE_ID': 'uuid.uuid4'}") + ASK
    )
    done = subprocess.run(
        [sys.executable, "program.py", "serve"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.stderr == ""
    assert re.fullmatch(r"[0-9a-f]{32}\n", done.stdout)


ASK = """
from django.test import Client
print(Client(headers={"host": "localhost"}).get("/").headers["X-Correlation-ID"])
"""


def test_an_id_generator_that_fails_or_returns_no_id_is_replaced_and_logged(tmp_path):
    (tmp_path / "urls.py").write_text("urlpatterns = []\n")
    (tmp_path / "program.py").write_text(
        textwrap.dedent(
            """
            import django, itertools
            from django.conf import settings
            from django.test import Client
            made = iter(["good-1", "bad one", None])
            settings.configure(
                ALLOWED_HOSTS=["*"],
                MIDDLEWARE=["penstock.contrib.django.FlowMiddleware"],
                ROOT_URLCONF="urls",
                PENSTOCK={"GENERATE_ID": lambda: next(made)},
            )
            django.setup()
            for _ in range(4):
                print(Client().get("/").headers["X-Correlation-ID"])
            """
        )
    )
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    ids = done.stdout.split()
    assert ids[0] == "good-1"
    assert all(len(each) == 32 for each in ids[1:])
    assert done.stderr.count("returned no valid ID") == 2
    assert "GENERATE_ID'] failed" in done.stderr
