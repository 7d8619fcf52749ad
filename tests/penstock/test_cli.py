"""The penstock command, as its users type it: a process of its own in the folder of a program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from importlib.metadata import version

import pytest

SHOP = '''
    from penstock import entrypoint, flow, step

    @flow("orders")
    @entrypoint
    def receive(order):
        """Takes an order."""

    @flow("orders")
    @step(after="receive")
    def ship(order):
        """Sends | the parcel."""

    @flow("mail")
    @entrypoint(after="orders:ship")
    def notify(order):
        """Tells the customer."""
'''

JAPANESE = """
    from penstock import flow

    @flow("受注").entrypoint
    def 注文を受ける(order):
        pass

    # On a line of its own.
    @flow("受注").step(after=注文を受ける)
    def ship(order):
        pass
"""

BROKEN = (
    SHOP
    + """
    @flow("orders")
    @step(after="recieve")
    def lost(order):
        pass
"""
)


@pytest.fixture
def penstock(tmp_path):
    """Run the command; a program with the given source is its shop.py."""

    def run(*arguments: str, source: str = SHOP, app: str | None = "shop"):
        (tmp_path / "shop.py").write_text(textwrap.dedent(source), encoding="utf-8")
        named = () if app is None else ("--app", app)
        return subprocess.run(
            [sys.executable, "-m", "penstock", *named, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    return run


def test_list_shows_each_flow_with_where_it_is_declared(penstock):
    done = penstock("list")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "flow    entrypoints  steps  declared in",
        "orders  receive      2      shop.py",
        "mail    notify       1      shop.py",
    ]


def test_list_as_json_has_what_a_program_needs(penstock):
    orders, mail = json.loads(penstock("list", "--json").stdout)
    assert orders["name"] == "orders"
    assert [step["after"] for step in orders["steps"]] == [[], ["receive"]]
    assert mail["steps"][0]["line"] == 14


def test_show_draws_the_flow_and_says_where_each_step_is(penstock):
    shown = penstock("show", "orders").stdout
    assert "receive" in shown
    assert "shop.py:4" in shown
    assert json.loads(penstock("show", "orders", "--json").stdout)["nodes"]


def test_show_names_the_flow_of_a_step_that_belongs_to_another(penstock):
    *_, first, second = penstock("show", "mail").stdout.splitlines()
    assert (first, second) == ("orders:ship  shop.py:9", "notify       shop.py:14")


def test_render_prints_mermaid_by_default(penstock):
    assert penstock("render", "orders").stdout == "graph TD\n    receive --> ship\n"


def test_render_to_a_file_follows_its_ending(penstock, tmp_path):
    done = penstock("render", "-o", "all.svg")
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "all.svg").read_text().startswith("<svg")


def test_docs_check_writes_nothing_and_shows_what_is_stale(penstock, tmp_path):
    missing = penstock("docs", "-o", "docs", "--check")
    assert missing.returncode == 1
    assert "+++ docs/orders.md\n" in missing.stdout
    assert missing.stderr == "3 files out of date\n"
    assert not (tmp_path / "docs").exists()
    assert penstock("docs", "-o", "docs").stderr.count("wrote docs/") == 3
    page = tmp_path / "docs" / "orders.md"
    right = page.read_bytes()
    page.write_bytes(b"# old\n")
    assert penstock("docs", "-o", "docs", "--check").returncode == 1
    assert page.read_bytes() == b"# old\n"
    assert penstock("docs", "-o", "docs").stderr == "wrote docs/orders.md\n"
    assert page.read_bytes() == right
    assert penstock("docs", "-o", "docs", "--check").returncode == 0


def test_pages_link_to_where_the_code_is(penstock, tmp_path):
    where = "https://git.example/blob/main/{file}#L{line}"
    assert penstock("render", "orders", "-o", "o.html", "--source", where).returncode == 0
    assert penstock("docs", "-o", "docs", "--source", where).returncode == 0
    link = "https://git.example/blob/main/shop.py#L4"
    assert f'"href":"{link}"' in (tmp_path / "o.html").read_text()
    assert f"](<{link}>)" in (tmp_path / "docs" / "orders.md").read_text()


def test_check_is_silent_about_what_is_well(penstock):
    done = penstock("check")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "0 problems in 2 flows\n"


def test_check_names_each_problem_with_its_line_and_exits_1(penstock):
    done = penstock("check", source=BROKEN)
    assert done.returncode == 1
    assert done.stdout == (
        "shop.py:19: Unknown step 'recieve' in after= of 'lost'. Did you mean 'receive'?\n"
    )
    (problem,) = json.loads(penstock("check", "--json", source=BROKEN).stdout)
    assert (problem["kind"], problem["step"], problem["line"]) == ("unknown-after", "lost", 19)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("render", "order"), "Unknown flow 'order'. Did you mean 'orders'?"),
        (("render", "-o", "x.sgv"), "Unknown file ending '.sgv'."),
        (("render", "--format", "pdf"), "engine='graphviz'"),
        (("render", "--format", "pdf"), "--engine graphviz"),
        (("verify", "evidence"), "There is no evidence. Run the program with PENSTOCK_OBSERVE="),
        (("render", "-o", "x.png", "--source", "x/{file}"), "is for the formats 'html'"),
        (("render", "-o", "x.html", "--source", "http://x"), "has no {file}"),
        (("docs", "-o", "x", "--source", "http://x"), "has no {file}"),
        (("docs", "README.md", "--source", "x/{file}"), "-o DIR"),
        (("docs",), "-o DIR"),
        (("docs", "nothing.md"), "nothing.md"),
    ],
)
def test_a_wrong_argument_is_one_line_and_exits_2(penstock, arguments, says):
    done = penstock(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_a_program_the_command_asks_for_one(penstock):
    done = penstock("list", app=None)
    assert done.returncode == 2
    assert "--app" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("list", "--app", "shop"),
        ("list", "--app=shop", "--json"),
        ("show", "orders", "--app", "shop"),
    ],
)
def test_the_program_may_be_named_after_the_command(penstock, arguments):
    done = penstock(*arguments, app=None)
    assert (done.returncode, done.stderr) == (0, "")
    assert "orders" in done.stdout


def test_a_misspelled_command_is_told_the_nearest_one(penstock):
    done = penstock("rendr", "orders")
    assert done.returncode == 2
    assert (
        "there is no command 'rendr'. Did you mean 'render'? Commands: list, show," in done.stderr
    )


@pytest.mark.parametrize("arguments", [("verify", "x", "--fail-outsid"), ("--vers", "list")])
def test_an_option_has_no_abbreviation(penstock, arguments):
    done = penstock(*arguments)
    assert done.returncode == 2
    assert f"unrecognized arguments: {next(each for each in arguments if '-' in each)}" in (
        done.stderr
    )


def test_the_folders_of_an_output_are_made(penstock, tmp_path):
    done = penstock("render", "orders", "-o", "docs/flows/orders.mmd")
    assert done.returncode == 0, done.stderr
    assert "receive" in (tmp_path / "docs/flows/orders.mmd").read_text()


def test_evidence_without_a_step_says_what_may_be_missing(penstock, tmp_path):
    (tmp_path / "evidence").mkdir()
    done = penstock("verify", "evidence")
    assert done.returncode == 2
    assert "no process that was observed there has run a step of a flow" in done.stderr


def test_the_tasks_that_celery_would_find_are_declared(penstock, tmp_path):
    (tmp_path / "billing").mkdir()
    (tmp_path / "billing/__init__.py").touch()
    (tmp_path / "billing/tasks.py").write_text(
        "from penstock import flow\n\nflow('billing').entrypoint(print, name='invoice')\n"
    )
    source = """
        from celery import Celery

        app = Celery("shop", broker="memory://")
        app.autodiscover_tasks(["billing"])
        """
    done = penstock("list", source=source)
    assert (done.returncode, done.stderr) == (0, "")
    assert "billing  invoice" in done.stdout


@pytest.mark.parametrize("command", [("check",), ("docs", "-o", "docs", "--check"), ("list",)])
def test_a_program_without_any_flow_is_not_taken_for_one_where_all_is_well(penstock, command):
    done = penstock(*command, source="import json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no flow is declared in shop or in its imports" in done.stderr


def test_a_step_without_any_flow_is_a_problem_that_is_found(penstock):
    source = "from penstock import step\n\n@step\ndef ship(order): ...\n"
    done = penstock("check", source=source)
    assert done.returncode == 1
    assert "shop.py:3: The step 'ship' is in no flow." in done.stdout


def test_the_version_is_that_of_the_distribution(penstock):
    assert penstock("--version", app=None).stdout == f"penstock {version('penstock')}\n"


class TestApp:
    def test_that_does_not_exist_exits_3(self, penstock):
        done = penstock("list", app="shopp")
        assert done.returncode == 3
        assert "There is no module 'shopp'" in done.stderr

    def test_that_fails_shows_its_own_lines_only(self, penstock):
        done = penstock("list", source="import json\n\ndef f():\n    return {}['x']\n\nf()\n")
        assert done.returncode == 3
        assert "KeyError: 'x'" in done.stderr
        assert done.stderr.count("File ") == done.stderr.count("shop.py") == 2

    def test_that_fails_for_another_reason_shows_that_too(self, penstock):
        source = """
            from penstock import step

            def load():
                try:
                    return {}["x"]
                except KeyError as error:
                    raise ValueError("no setting x") from error

            def declare():
                step(after=4)
        """
        chained = penstock("list", source=source + "\n            load()\n").stderr
        assert "KeyError: 'x'" in chained
        assert "direct cause" in chained
        assert chained.rstrip().endswith("ValueError: no setting x")
        assert chained.count("File ") == chained.count("shop.py") == 3
        # If penstock refused something, the line that asked for it is the last.
        refused = penstock("list", source=source, app="shop:declare").stderr
        assert "step(after=4)" in refused
        assert refused.count("File ") == refused.count("shop.py") == 1

    @pytest.mark.parametrize("path", ["shop.py", "./shop", "shop/flows.py", ".shop", ""])
    def test_that_is_a_path_is_told_what_a_module_is(self, penstock, path):
        done = penstock("list", app=path)
        assert done.returncode == 3
        assert f"--app is a module such as shop.flows, or module:function, not {path!r}." in (
            done.stderr
        )

    def test_that_exits_when_it_is_imported_exits_3(self, penstock):
        assert penstock("list", source="raise SystemExit(0)\n").returncode == 3

    def test_whose_import_is_missing_says_so_as_python_does(self, penstock):
        done = penstock("list", source="import shop.nothing\n")
        assert done.returncode == 3
        assert "ModuleNotFoundError" in done.stderr

    def test_may_be_a_function_that_declares(self, penstock):
        source = "def create():\n" + textwrap.indent(textwrap.dedent(SHOP), "    ")
        assert penstock("check", source=source, app="shop:create").returncode == 0
        assert "has no 'craete'. Did you mean 'create'?" in (
            penstock("check", source=source, app="shop:craete").stderr
        )

    @pytest.mark.parametrize("attribute", ["application", "orders", "Application", "settings"])
    def test_may_be_an_object_in_the_module_which_is_not_called(self, penstock, attribute):
        source = textwrap.dedent(SHOP) + textwrap.dedent("""
            from penstock import flow

            class Application:
                def __call__(self, environ, start_response): ...

            application = Application()
            orders = flow("orders")
            settings = {}
        """)
        done = penstock("check", source=source, app=f"shop:{attribute}")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["list"], "受注"),
        (["show"], "──"),
        (["render", "受注"], "注文を受ける"),
        (["render", "--format", "html"], '<meta charset="utf-8">'),
    ],
)
def test_what_goes_to_a_file_is_utf_8_whatever_the_machine_prefers(tmp_path, arguments, named):
    (tmp_path / "shop.py").write_text(textwrap.dedent(JAPANESE), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "penstock", "--app", "shop", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},  # as Windows has it behind a ">"
        capture_output=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert named in done.stdout.decode("utf-8")


def test_columns_stand_below_each_other_also_after_wide_characters(penstock):
    assert penstock("list", source=JAPANESE).stdout.splitlines() == [
        "flow  entrypoints   steps  declared in",
        "受注  注文を受ける  2      shop.py",
    ]
    *_, first, second = penstock("show", "受注", source=JAPANESE).stdout.splitlines()
    assert (first, second) == ("注文を受ける  shop.py:4", "ship          shop.py:9")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_seen_enough_is_no_error(tmp_path, unbuffered):
    (tmp_path / "shop.py").write_text(textwrap.dedent(SHOP))
    done = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$0" -m penstock --app shop list | true', sys.executable],
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.stderr == ""


def test_render_collapses_flows_and_omits_implied_edges(penstock):
    def drawn(*options):
        return penstock("render", *options).stdout

    whole, flows = drawn("--format=svg"), drawn("--format=svg", "--collapse")
    assert whole.count('<g class="node ') > flows.count('<g class="node ') > 0
    assert drawn("--format=svg", "--no-collapse") == whole
    assert drawn("--implied=omitted").startswith("graph TD")
    assert "implied='faint' is not for 'mermaid'" in penstock("render", "--implied=faint").stderr
