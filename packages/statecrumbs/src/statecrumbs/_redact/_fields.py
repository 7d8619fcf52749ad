"""Return the role of a field in an object, by its name: a secret, a label, a value, ...

A record is an object with a field that holds a name and a field that holds the value for it:
`{"name": "DB_PASSWORD", "value": "..."}`. A statement and its parameters are two fields as well.
"""

from __future__ import annotations

from statecrumbs._redact._names import is_holder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from statecrumbs._redact._names import SecretNames

SECRET = 1
VALUE = 2  # of a record
LABEL = 4  # of a record
HOLDER = 8  # {"card": {"number": ...}}
PARAMETERS = 16  # of a statement, or the rows of a table
STATEMENT = 32  # or the columns of a table
PATH = 64  # the path of another field in an object; it has no value beside it
TYPE = 128  # a label, if it is "password"

_LABELS = ("name", "key", "field", "label", "header", "param", "parameter", "property", "variable")
_SHORT_LABELS = frozenset(
    "k n id var env column attribute attr setting option autocomplete".split()
)
_VALUES = ("value", "val", "input", "default")
_SHORT_VALUES = frozenset(
    """
    v values content data old new before after from to fromstring tostring newvalue oldvalue
    received given
    """.split()
)
_PATHS = frozenset(
    "loc path absolute_path instance_path instancepath schema_path field_path pointer".split()
)
_PARAMETERS = frozenset(
    """
    params parameters args arguments binds bindings values vars variables rows row data records
    items results
    """.split()
)
_STATEMENTS = frozenset(
    "sql statement stmt query columns fields header headers keys names fieldnames".split()
)
_LONGEST = 64  # characters; no longer name has a meaning here
_LONGEST_OPERATOR = 10  # characters
_REMEMBERED = 2048  # names; then the dict is cleared


# Stand between a column and its value in a condition: ("password", "=", "...")
_OPERATORS = frozenset(
    """
    = == != <> < > <= >= ~ =~ ~= : := eq ne neq lt gt le ge lte gte is not in contains contain like
    ilike regex match matches startswith endswith exact iexact equal equals
    """.split()
) | {"is not", "not in", "not like"}


def is_operator(item: object) -> bool:
    """Return whether the middle `item` of three compares the two others."""
    return type(item) is str and len(item) <= _LONGEST_OPERATOR and item.lower() in _OPERATORS


def role_of(name: str) -> int:
    """Return the role of a field of this `name` in a record: PATH, TYPE, LABEL, VALUE or 0."""
    low = name.lower()
    if low in _PATHS:
        return PATH
    if low == "type":
        return TYPE
    if low in _SHORT_LABELS or low.endswith(_LABELS):
        return LABEL
    return VALUE if low in _SHORT_VALUES or low.endswith(_VALUES) else 0


class FieldKinds(dict[str, int]):
    """Remembers for each name of a field the sum of its roles; 0 for most names."""

    __slots__ = ("_names",)

    def __init__(self, names: SecretNames) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, name: str) -> int:
        if len(name) > _LONGEST:
            return SECRET if self._names[name] else 0
        kind = SECRET if self._names[name] else role_of(name)
        low = name.lower()
        if low in _PARAMETERS:
            kind |= PARAMETERS
        if low in _STATEMENTS:
            kind |= STATEMENT
        if is_holder(name):
            kind |= HOLDER
        if len(self) >= _REMEMBERED:
            self.clear()
        self[name] = kind
        return kind


# In one object, fields of these sums of roles tell together which of them is a secret.
RELATED_KINDS = frozenset(
    kinds
    for kinds in range(2 * TYPE)
    if kinds & HOLDER
    or (kinds & VALUE and kinds & (LABEL | PATH | TYPE))
    or (kinds & PARAMETERS and kinds & STATEMENT)
)
