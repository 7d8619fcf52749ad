"""Values and texts for the tests of rendering and redaction."""

from __future__ import annotations

import json
import string
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from statecrumbs._redact import Redactor

# A secret that must never be seen. No generated text contains it by chance.
SECRET = "hunter2"  # noqa: S105 - that is what it plays

# Characters that end, escape or continue a value in one of the formats; and some that do not.
_AWKWARD = "abcXYZ019 _-.,:;=&?/\\'\"{}[]()<>@#%+$!\n\té\U0001f600"

awkward_text = st.text(_AWKWARD, max_size=8)

# A password as somebody's password manager makes it, and as a form takes it: anything.
passwords = st.builds("{}{}{}".format, awkward_text, st.just(SECRET), awkward_text)


def _is_code(password: str) -> bool:
    """Tell whether `password` reads like an attribute with a secret's name: `settings.pw`."""
    _, dot, attribute = password.rpartition(".")
    return dot != "" and Redactor().is_sensitive(attribute)


# A password of which no format needs to quote anything.
plain_passwords = st.builds(
    "{}{}{}".format,
    st.text(string.ascii_letters, min_size=1, max_size=3),
    st.just(SECRET),
    st.text(string.ascii_letters + string.digits + "_-.+/=!$@#*:", max_size=6),
).filter(lambda password: not _is_code(password))

# Names that the default redactor blanks, in the spellings of several worlds.
secret_names = st.sampled_from(
    ["password", "apiKey", "X-Auth-Token", "DB_PASSWORD", "client_secret", "session_id", "jwt"]
)


def _records(password: str, name: str, before: str, after: str) -> dict[str, str]:
    return {f"a{before}": before, name: password, f"z{after}": after}


records = st.builds(_records, passwords, secret_names, awkward_text, awkward_text)


def _nested(record: dict[str, str]) -> dict[str, object]:
    return {"message": json.dumps(record), "number": 1}


# The same record as different programs write it into a log line.
_SPELLINGS = [
    json.dumps,
    repr,
    lambda record: json.dumps(record, indent=2),
    lambda record: json.dumps(record, ensure_ascii=False),
    lambda record: json.dumps(_nested(record)),
    lambda record: json.dumps(_nested({"inner": json.dumps(_nested(record))})),
    lambda record: repr(repr(record)),
    lambda record: repr([repr(repr(record))]),
    lambda record: json.dumps(repr(record)),
    lambda record: repr(json.dumps(record)),
    lambda record: repr({key.encode(): value.encode() for key, value in record.items()}),
    lambda record: repr(list(record.items())),
    lambda record: "https://h/p?" + urlencode(record),
    lambda record: "https://h/p?next=" + quote("/q?" + urlencode(record), safe=""),
]

texts_with_secret = st.builds(
    lambda spell, record: spell(record), st.sampled_from(_SPELLINGS), records
)

# The same without quotes.
_SENTENCES = [
    "user=bob password={} host=db",
    "Login(user=bob, password={}, active=True)",
    "POST /login?user=bob&access_token={}&page=1 HTTP/1.1",
    "Authorization: Bearer {}",
    "Authorization: {}",
    "X-Api-Key: {}\r\nAccept: */*",
    "Cookie: theme=dark; sid={}; lang=en",
    "mysql --user bob --password {} --host db",
    "Secret key = {}",
    "<login><user>bob</user><Password>{}</Password></login>",
    "export AWS_SECRET_ACCESS_KEY={}",
    "connecting to postgres://bob:{}@db.example.com/orders",
]

sentences_with_secret = st.builds(str.format, st.sampled_from(_SENTENCES), plain_passwords)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(max_size=12)
    | st.binary(max_size=12)
    | st.dates()
    | st.timedeltas()
    | st.decimals()
    | st.fractions()
    | st.uuids()
)

_hashable = st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.binary(max_size=6)

# Small enough for every bound, so that their text is that of `repr`.
small_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(_hashable, inner, max_size=3)
        | st.sets(_hashable, max_size=3)
        | st.frozensets(_hashable, max_size=3)
    ),
    max_leaves=6,
)


def wrapped(leaf: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Return `leaf` inside up to four containers."""
    return st.recursive(
        leaf,
        lambda inner: (
            st.lists(inner, min_size=1, max_size=2)
            | st.lists(inner, min_size=1, max_size=2).map(tuple)
            | st.dictionaries(st.text(max_size=4), inner, min_size=1, max_size=2)
        ),
        max_leaves=4,
    )
