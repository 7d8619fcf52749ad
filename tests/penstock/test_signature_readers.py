"""click and pytest call a decorated function as they call a bare one."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import click
import pytest
import typer
from click.testing import CliRunner
from typer.testing import CliRunner as TyperRunner

from penstock import flow


def test_a_command_of_click_takes_its_options_and_its_exit_is_no_failure(registry):
    orders = flow("shop")

    @click.command
    @click.option("--number", type=int, required=True)
    @click.pass_context
    @orders.entrypoint
    def place(context, number):
        click.echo(f"placed {number}")
        context.exit(3)

    done = CliRunner().invoke(place, ["--number", "7"])
    assert (done.output, done.exit_code) == ("placed 7\n", 3)
    assert CliRunner().invoke(place, []).exit_code == 2


def test_the_exit_of_typer_is_no_failure(registry, ran):
    app = typer.Typer()

    @app.command()
    @flow("shop").entrypoint
    def place(number: int):
        raise typer.Exit(number)

    assert TyperRunner().invoke(app, ["7"]).exit_code == 7
    assert [call.exception for call in ran.calls] == [None]


@pytest.mark.timeout(60)
def test_a_test_that_is_a_step_gets_its_fixtures(tmp_path):
    (tmp_path / "test_shop.py").write_text(
        textwrap.dedent(
            """
            import pytest
            from penstock import flow

            @pytest.fixture
            @flow("shop").entrypoint
            def order(tmp_path):
                return tmp_path

            @pytest.mark.parametrize("number", [1, 2])
            @flow("shop").step(after="order")
            def test_ship(order, number):
                assert order.is_dir() and number

            class TestShop:
                @flow("shop").step(after="order", name="in_class")
                def test_ship(self, order):
                    assert order.is_dir()
            """
        )
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_shop.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "3 passed" in done.stdout, done.stdout
