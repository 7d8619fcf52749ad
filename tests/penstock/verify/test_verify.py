"""The verdict names all differences between the declared and the real runs, and no others."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

import penstock
from penstock import flow
from penstock._graph import build
from penstock._verify import as_text, verify
from penstock._verify._evidence import Evidence, Start, read
from penstock._verify._totals import Totals
from penstock.testing import isolated_registry
from tests.penstock.declared import graph_of
from tests.penstock.verify.verdicts import edges, runs, undeclared

SHOP = '''
    from penstock import flow

    orders = flow("orders")

    @orders.entrypoint
    def receive(n):
        """Takes an order."""
        check(n)
        charge(n)
        audit(n)

    @orders.entrypoint
    def by_phone():
        """Takes an order that nobody places."""

    @orders.step(after=receive)
    def check(n):
        return n

    @orders.step(after=[check, by_phone])
    def charge(n):
        return n

    @orders.step(after="ship")
    def audit(n):
        return n

    @orders.step(after=charge)
    def ship(n):
        return n

    if __name__ == "__main__":
        for n in range(1234):
            receive(n)
'''


def test_a_dead_edge_a_rogue_call_and_a_wrong_predecessor_are_found_and_nothing_else(observed):
    orders = flow("orders")

    @orders.entrypoint
    def receive():
        check()
        rogue()
        charge()

    @orders.step(after=receive)
    def check():
        return None

    @orders.step(after="archive")  # a rogue call: it is declared to be elsewhere
    def rogue():
        return None

    @orders.step(after="late")  # the wrong predecessor: that one starts afterwards
    def charge():
        late()

    @orders.step(after=check)
    def late():
        return None

    @orders.step(after=late)  # the dead edge
    def archive():
        return None

    receive()
    verdict = observed()
    assert undeclared(verdict) == {"rogue": 1, "charge": 1}
    assert edges(verdict) == {
        "receive -> check": 1,
        "check -> late": 1,
        "late -> charge": 0,
        "late -> archive": 0,
        "archive -> rogue": 0,
    }
    assert [start.path for start in verdict.undeclared] == [("orders:receive",)] * 2
    assert [start.caller for start in verdict.undeclared] == ["orders:receive"] * 2
    assert {start.before for start in verdict.undeclared} == {
        ("orders:receive", "orders:check"),
        ("orders:receive", "orders:check", "orders:rogue"),
    }
    assert verdict.flows["orders"].never_run == ["orders:archive"]
    assert verdict.coverage == 40


def test_a_step_that_is_declared_to_come_after_nothing_is_nowhere_declared_to_start(observed):
    orders = flow("orders")

    @orders.entrypoint
    def receive():
        audit()

    @orders.step
    def audit():
        return None

    receive()
    verdict = observed()
    assert undeclared(verdict) == {"audit": 1}
    assert verdict.undeclared[0].expected == ()
    assert verdict.undeclared[0].path == ("orders:receive",)
    assert "audit ran 1 time, but comes after nothing  (" in as_text(verdict)


def test_an_undeclared_start_says_which_run_it_was(observed):
    orders = flow("orders")
    ids = []

    @orders.entrypoint
    def receive():
        ids.append(penstock.current_flow_id())
        ship()

    @orders.step(after="charge")
    def ship():
        return None

    receive()
    (start,) = observed().undeclared
    assert start.example == ids[0]


def test_paths_that_differ_are_told_apart(observed):
    orders = flow("orders")

    @orders.entrypoint
    def receive(via_check):
        if via_check:
            check()
        else:
            ship()

    @orders.step(after=receive)
    def check():
        ship()

    @orders.step(after="charge")
    def ship():
        return None

    for via_check in (True, False, True):
        receive(via_check)
    assert [(start.path, start.count) for start in observed().undeclared] == [
        (("orders:receive", "orders:check"), 2),
        (("orders:receive",), 1),
    ]


def test_what_a_request_is_inside_of_is_in_the_path(observed):
    from corectx import Site, enter, leave, start

    orders = flow("orders")

    @orders.entrypoint
    def receive():
        ship()

    @orders.step(after="charge")
    def ship():
        return None

    token = enter(start(Site("request", "POST /orders")))
    receive()
    leave(token)
    (odd,) = observed().undeclared
    assert odd.path == ("request POST /orders", "orders:receive")


def test_declarations_that_were_mended_since_are_what_counts(tmp_path):
    def declare(after):
        orders = flow("orders")

        @orders.entrypoint
        def receive():
            check()
            ship()

        @orders.step(after=receive)
        def check():
            return None

        @orders.step(after=after)
        def ship():
            return None

        return receive

    with isolated_registry(), penstock.observe(tmp_path):
        declare("charge")()
    evidence = read([tmp_path])
    with isolated_registry() as mended:
        declare("check")
        verdict = verify(build(mended), evidence)
    assert undeclared(verdict) == {}
    assert edges(verdict) == {"receive -> check": 1, "check -> ship": 1}


def test_a_step_that_nobody_declares_any_more_is_undeclared():
    evidence = Evidence(steps={"f:a": Totals(began=2), "f:gone": Totals(began=3)})
    verdict = verify(graph_of({"f": {"a": ()}}), evidence)
    assert undeclared(verdict) == {"gone": 3}
    assert verdict.undeclared[0].expected == ()


def test_flows_of_another_program_are_left_out():
    evidence = Evidence(
        steps={"other:a": Totals(began=2)},
        starts=[Start("other:a", (), (), (), 1, None)],
    )
    verdict = verify(graph_of({"f": {"a": ()}}), evidence)
    assert list(verdict.flows) == ["f"]
    assert undeclared(verdict) == {}


def test_an_edge_from_a_step_that_does_not_exist_is_never_seen():
    evidence = Evidence(steps={"f:b": Totals(began=2, seen={"f:missing": 0})})
    verdict = verify(graph_of({"f": {"a": (), "b": ("missing",)}}), evidence)
    assert edges(verdict) == {"missing -> b": 0}
    assert runs(verdict) == {"a": (0, 0, 0), "b": (2, 0, 0)}


def test_where_no_edge_is_declared_all_are_seen():
    assert verify(graph_of({"f": {"a": ()}}), Evidence()).coverage == 100


@pytest.fixture(scope="module")
def penstock_command(tmp_path_factory):
    """Run the shop, observed; return a function that runs the command there."""
    tmp_path = tmp_path_factory.mktemp("shop")
    (tmp_path / "shop.py").write_text(textwrap.dedent(SHOP))

    def run(*arguments: str):
        return subprocess.run(
            [sys.executable, "-m", "penstock", "--app", "shop", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PENSTOCK_OBSERVE", "evidence")
        subprocess.run([sys.executable, "shop.py"], cwd=tmp_path, timeout=50, check=True)
    run.folder = tmp_path
    return run


def test_the_command_tells_people_all_of_it(penstock_command):
    done = penstock_command("verify", "evidence")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0] == "orders: 2 of 5 edges seen"
    assert "by_phone NEVER USED" in lines
    assert "ship NEVER RAN" in lines
    assert "receive -> check 1,234" in lines
    assert "by_phone -> charge UNSEEN" in lines
    odd = lines.index("UNDECLARED: audit ran 1,234 times before any of: ship (shop.py:25)")
    assert lines[odd + 1] == "opened in receive"
    assert lines[odd + 2] == "had started receive, check, charge"
    assert lines[odd + 3].startswith("for example ")
    assert lines[-2:] == [
        "2 of 5 edges seen (40 %), 1,234 undeclared starts, 2 steps never ran",
        "observed in 1 process",
    ]


def test_the_command_tells_programs_all_of_it_by_flow(penstock_command):
    done = penstock_command("verify", "evidence", "--json")
    assert done.returncode == 0
    ((name, told),) = json.loads(done.stdout).items()
    assert name == "orders"
    assert told["edges"] == [
        {"from": "receive", "to": "check", "status": "seen", "count": 1234},
        {"from": "by_phone", "to": "charge", "status": "unseen", "count": 0},
        {"from": "check", "to": "charge", "status": "seen", "count": 1234},
        {"from": "charge", "to": "ship", "status": "unseen", "count": 0},
        {"from": "ship", "to": "audit", "status": "unseen", "count": 0},
    ]
    (odd,) = told["undeclared"]
    assert odd.pop("correlation_id")
    assert odd == {
        "from": "receive",
        "to": "audit",
        "count": 1234,
        "expected": ["ship"],
        "path": ["receive"],
        "before": ["receive", "check", "charge"],
        "file": "shop.py",
        "line": 25,
    }
    assert told["never_run"] == ["by_phone", "ship"]
    (receive,) = [step for step in told["steps"] if step["name"] == "receive"]
    assert (receive["entrypoint"], receive["runs"], receive["errors"]) == (True, 1234, 0)
    assert 0 < receive["p50"] <= receive["p95"] < 1


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--fail-under", "40"], 0, ""),
        (
            ["--fail-under", "40.5"],
            1,
            "failed: 40.0 % of the edges were seen, which is under 40.5 %\n",
        ),
        (["--fail-undeclared"], 1, "failed: something ran that is not declared\n"),
    ],
)
def test_it_fails_where_it_was_told_to(penstock_command, options, code, said):
    done = penstock_command("verify", "evidence", *options)
    assert (done.returncode, done.stderr) == (code, said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify"], "verify needs evidence"),
        (["verify", "nowhere"], "nowhere"),
        (["verify", "shop.py"], "shop.py is not a file that penstock.observe() writes"),
        (["render", "orders", "--data", "nowhere"], "nowhere"),
        (["docs", "-o", "pages", "--from-otlp", "shop.py"], "it should be OTLP in JSON"),
    ],
)
def test_without_evidence_it_says_what_is_missing(penstock_command, arguments, said):
    done = penstock_command(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("ending", ["txt", "mmd", "dot", "json", "svg", "html", "png"])
def test_drawings_can_show_it(penstock_command, ending):
    file = f"map.{ending}"
    done = penstock_command("render", "orders", "--data", "evidence", "-o", file)
    assert done.returncode == 0, done.stderr
    content = (penstock_command.folder / file).read_bytes()
    assert ending == "png" or b"1,234" in content or b'"count": 1234' in content


def test_the_terminal_can_show_it(penstock_command):
    done = penstock_command("show", "orders", "--data", "evidence")
    assert done.returncode == 0, done.stderr
    assert "1,234 runs" in done.stdout
    assert "! audit" in done.stdout


def test_pages_can_show_it_and_are_stale_when_more_has_run(penstock_command):
    assert penstock_command("docs", "-o", "pages", "--data", "evidence").returncode == 0
    page = (penstock_command.folder / "pages" / "orders.md").read_text()
    assert "| step | where | after | what it does | runs | failed | p50 | p95 |" in page
    assert "| `ship` | `shop.py:29` | `charge` |  | **never ran** |  |  |  |" in page
    assert "| `audit` | `shop.py:25` | `ship` |  | 1,234 |" in page
    assert '-- "1,234" -->' in page
    same = penstock_command("docs", "-o", "pages", "--data", "evidence", "--check")
    assert same.returncode == 0, same.stdout
    assert penstock_command("docs", "-o", "pages", "--check").returncode == 1
