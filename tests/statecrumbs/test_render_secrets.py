from __future__ import annotations

import collections
import dataclasses
import enum
import functools
import http.cookies
import json
import types
import typing
import urllib.parse

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statecrumbs import crumb, snapshot
from statecrumbs._values import jsonable, render
from tests.statecrumbs.render_strategies import SECRET, secret_names, wrapped
from tests.statecrumbs.shown import (
    Formats,
    Headers,
    redactor,
    show,
)


@dataclasses.dataclass
class Login:
    user: str
    password: str


@attrs.define
class Account:
    api_key: str


class Keys(typing.NamedTuple):
    name: str
    private_key: str


class Name(str):
    __slots__ = ()


class Setting(enum.Enum):
    DB_PASSWORD = 48151


class Field(str, enum.Enum):
    API_KEY = "t"


class Stored(enum.Enum):
    DB_PASSWORD = SECRET


Grant = enum.Enum("Grant", {"PASSWORD": "password", "CLIENT_SECRET": "client_secret"})


HIDING = [
    ({"password": SECRET}, "{'password': '[redacted]'}"),
    ({"a": [{"dbPassword": [SECRET]}]}, "{'a': [{'dbPassword': '[redacted]'}]}"),
    ({b"authorization": SECRET}, "{b'authorization': '[redacted]'}"),
    ({Name("token"): SECRET}, "{'token': '[redacted]'}"),
    ({Setting.DB_PASSWORD: SECRET}, "{<Setting.DB_PASSWORD: [redacted]>: '[redacted]'}"),
    (Stored.DB_PASSWORD, "<Stored.DB_PASSWORD: '[redacted]'>"),
    ([{"a": Stored.DB_PASSWORD}], "[{'a': <Stored.DB_PASSWORD: '[redacted]'>}]"),
    ({Field.API_KEY: SECRET}, "{<Field.API_KEY: '[redacted]'>: '[redacted]'}"),
    (Login("bob", SECRET), "Login(user='bob', password='[redacted]')"),
    ([Account(SECRET)], "[Account(api_key='[redacted]')]"),
    (Keys("a", SECRET), "Keys(name='a', private_key='[redacted]')"),
    (types.SimpleNamespace(token=SECRET), "namespace(token='[redacted]')"),
    (collections.OrderedDict(token=SECRET), None),
    (collections.defaultdict(int, token=SECRET), None),
    (collections.ChainMap({"token": SECRET}), None),
    (types.MappingProxyType({"token": SECRET}), "mappingproxy({'token': '[redacted]'})"),
    ({"token": SECRET}.items(), "dict_items([('token', '[redacted]')])"),
    ([("Authorization", SECRET)], "[('Authorization', '[redacted]')]"),
    ([(b"cookie", SECRET.encode())], "[(b'cookie', '[redacted]')]"),
    ([["authorization", SECRET], ["a", "b"]], "[['authorization', '[redacted]'], ['a', 'b']]"),
    (["run", "--password", SECRET, "-v"], "['run', '--password', '[redacted]', '-v']"),
    (["run", f"--password={SECRET}", "db"], "['run', '--password=[redacted]', 'db']"),
    ({"name": "DB_PASSWORD", "value": SECRET}, "{'name': 'DB_PASSWORD', 'value': '[redacted]'}"),
    ({"Key": "token", "Value": SECRET}, "{'Key': 'token', 'Value': '[redacted]'}"),
    (functools.partial(print, token=SECRET), None),
    (urllib.parse.urlsplit(f"postgres://bob:{SECRET}@db/x"), None),
    (urllib.parse.urlsplit(f"postgres://bob:{SECRET}@db/x".encode()), None),
    (urllib.parse.urlsplit(f"https://{SECRET}@db/x"), None),
    (urllib.parse.urlparse(f"git+https://{SECRET}@db/x".encode()), None),
    (f"password={SECRET}", "'password=[redacted]'"),
    ([f"postgres://bob:{SECRET}@db/x"], "['postgres://bob:[redacted]@db/x']"),
    (f"password={SECRET}".encode(), "b'password=[redacted]'"),
    (bytearray(f"password={SECRET}".encode()), "bytearray(b'password=[redacted]')"),
    (ValueError(f"bad token: {SECRET}"), "ValueError('bad token: [redacted]')"),
    (KeyError("token", SECRET), "KeyError('token', '[redacted]')"),
    (http.cookies.SimpleCookie({"a": SECRET, "b": SECRET}), "<SimpleCookie: [redacted]>"),
    (Formats({"token": SECRET}), "Formats({'token': '[redacted]'})"),
    (Headers(token=SECRET), "Headers({'token': '[redacted]'})"),
]


@pytest.mark.parametrize(("value", "expected"), HIDING, ids=lambda value: type(value).__name__)
def test_secrets_are_blanked_wherever_they_stand(value, expected):
    assert SECRET in render(value, None)
    assert SECRET not in show(value)
    assert expected in (None, show(value))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", ["password", "secrets", "pin"])
def test_a_secret_int_that_python_makes_no_text_of_is_blanked(name, sign):
    value = sign * 10**5_000
    assert show({name: value}) == f"{{'{name}': '[redacted]'}}"
    crumb("huge", data={name: value})
    assert snapshot()[-1]["data"] == f"{{'{name}': '[redacted]'}}"


def test_what_looks_like_an_option_or_a_pair_but_is_not_stays():
    for value in (
        ["password", "email"], ["--verbose", "3"], ["--password", "--user", "bob"],
        {"name": "color", "value": 3}, {"value": 3}, [("author", "bob")], ("user", "password"),
        urllib.parse.urlsplit("postgres://bob@db/x"), urllib.parse.urlsplit("//bob@db/x"),
        [Grant.PASSWORD, Grant.CLIENT_SECRET],
    ):  # fmt: skip
        assert show(value) == repr(value)


@given(wrapped(secret_names.map(lambda name: {name: SECRET})), st.integers(0, 1500))
@settings(deadline=None)
def test_no_depth_and_no_limit_lets_a_secret_out(value, limit):
    assert SECRET not in show(value, limit)
    assert SECRET not in str(jsonable(value, redactor, limit))


@pytest.mark.parametrize("quote", [str, repr, json.dumps])
@pytest.mark.parametrize(
    "text",
    [
        "postgres://bob:" + "S3cr" * 30 + "@db/x",
        "Authorization: Bearer " + "S3cr" * 30,
        '{"password": "' + "S3cr" * 200 + '"}',
        "sk_live_" + "S3cr" * 10,
        "ghp_" + "S3cr" * 10,
        "eyJhbGciOiJIUzI1NiJ9." + "S3cr" * 100,
        "-----BEGIN PRIVATE KEY-----\n" + "S3cr" * 500,
    ],
)
def test_a_secret_across_the_edge_of_what_is_shown_is_not_shown_in_part(text, quote):
    for before in range(0, 1800, 17):
        long = "." * before + " " + quote(text) + " " + "." * 5000
        for value in (long, [long], long.encode(), Formats(long), ValueError(long)):
            assert "S3cr" not in show(value)
        assert "S3cr" not in jsonable(long, redactor, 1024)


def test_without_a_redactor_nothing_is_blanked_but_all_is_bounded():
    assert render({"password": "a", "b": "token=c"}, None) == "{'password': 'a', 'b': 'token=c'}"
    assert jsonable("token=c", None, 100) == "token=c"
    assert len(render({"password": "x" * 1_000_000}, None)) <= 1024
