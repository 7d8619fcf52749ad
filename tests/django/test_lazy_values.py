"""A crumb never evaluates Django's lazy objects: no SQL at any depth."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def test_querysets_models_and_lazy_strings_in_crumbs_run_no_sql(tmp_path):
    (tmp_path / "program.py").write_text(
        textwrap.dedent(
            """
            import dataclasses, collections
            import django
            from django.conf import settings
            settings.configure(
                INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
                DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
            )
            django.setup()
            from django.contrib.auth.models import Group, User
            from django.core.management import call_command
            from django.db import connection
            from django.utils.functional import SimpleLazyObject, lazystr
            from statecrumbs import crumb, snapshot
            from statecrumbs.context import context

            call_command("migrate", verbosity=0)
            user = User.objects.create(username="ann")
            deferred = User.objects.only("id").get()

            @dataclasses.dataclass
            class Page:
                users: object
            Pair = collections.namedtuple("Pair", "left right")

            def explode():
                raise AssertionError("evaluated")

            lazy = [
                User.objects.all(), User.objects.filter(username="ann"), User.objects,
                user.groups, deferred, SimpleLazyObject(explode), User.objects.values("id"),
            ]
            queries = []
            def watch(execute, sql, *rest):
                queries.append(sql)
                return execute(sql, *rest)
            with connection.execute_wrapper(watch):
                for value in lazy:
                    with context(value=value):
                        crumb(
                            "x", value=value, deep=[{"a": (value, Page(value), Pair(1, value))}],
                        )
            print(len(queries), len(snapshot()))
            """
        )
    )
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.stdout == "0 7\n", done.stdout + done.stderr
