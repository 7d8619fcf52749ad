"""Crumbs with one value of a kind that programs have, against the `repr` of the value."""

import dataclasses
import os
import tempfile
from itertools import cycle

from frameworks.pairs import least, show, statement

from statecrumbs import crumb, enable


@dataclasses.dataclass
class Order:
    number: int
    customer: str
    total: float
    is_paid: bool


class OrderError(Exception):
    pass


def crumb_with(value):
    return statement('crumb("order_paid", value=value)', crumb=crumb, value=value)


def repr_of(value):
    return statement("repr(value)[:4096]", value=value)


order = Order(4711, "Ann Miller", 12.5, is_paid=True)
nested = {"order": 4711, "customer": {"name": "Ann Miller", "plan": "pro"}, "is_paid": True}
failure = OrderError("the order 4711 was not paid", 4711)
text = "the customer did not answer; " * 17 + "and paid"  # 501 characters
long_text = text * 3
# Not what happens to be set here.
os.environ.clear()
os.environ.update(
    {
        "HOME": "/home/ann",
        "HOSTNAME": "worker-7f9c",
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PWD": "/srv/shop",
        "PYTHONUNBUFFERED": "1",
        "SECRET_KEY": "not-this-one",
        "SHELL": "/bin/bash",
        "SHLVL": "1",
        "TERM": "xterm-256color",
        "TZ": "Europe/Berlin",
        "USER": "ann",
    }
)

results = {
    "dataclass": least(crumb_with(order), repr_of(order)),
    "dict": least(crumb_with(nested), repr_of(nested)),
    "string": least(crumb_with(text), repr_of(text)),
    "long_string": least(
        statement('crumb("order_paid", rows=10, value=value)', crumb=crumb, value=long_text),
        repr_of(long_text),
    ),
    "exception": least(crumb_with(failure), repr_of(failure)),
    "environ": least(crumb_with(os.environ), repr_of(dict(os.environ))),
}
with tempfile.TemporaryDirectory() as folder:
    enable(on_crash="none", black_box=folder)
    results["black_box_string"] = least(crumb_with(text), repr_of(text))
    others = cycle([f"{number:03} {text}" for number in range(1_000)]).__next__
    results["black_box_new_string"] = least(
        statement('crumb("order_paid", value=others())', crumb=crumb, others=others), repr_of(text)
    )
    enable(black_box=None)
show(**results)
