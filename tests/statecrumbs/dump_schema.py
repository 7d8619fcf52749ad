"""The schema that every dump follows."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from jsonschema import Draft202012Validator


@cache
def validator():
    """The validator of ``dump.schema.json``, which is checked itself."""
    schema = json.loads(files("statecrumbs").joinpath("dump.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def check_dump(dump: object) -> None:
    """Fail where `dump` does not follow the schema."""
    validator().validate(dump)
