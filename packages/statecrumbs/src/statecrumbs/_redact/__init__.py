"""Keep secrets out of recorded data: recognise them by name, and blank them in text.

_redactor    Redactor: the questions that the rest of the package asks
_names       which names are those of secrets
_words       the words of such names, in ten languages
_fields      what a field of an object is by its name
_text        all that is secret in a text; imported at the first text, since it needs `re`
_gate        whether there may be a secret in a text, told quickly
_values      values beside a name: key=value, JSON, Python, XML, headers
_extents     where a value ends
_records     values beside a name that is a value itself: {"name": ..., "value": ...}
_notations   markup, forms, errors of pydantic, t-strings
_sql         columns of statements, their parameters, errors of databases
_tables      columns of CSV and other tables
_commands    options of programs
_urls        passwords in URLs, tokens after Bearer
_tokens      tokens with a known format
"""

from __future__ import annotations

from statecrumbs._redact._fields import LABEL as LABEL
from statecrumbs._redact._fields import PATH as PATH
from statecrumbs._redact._fields import RELATED_KINDS as RELATED_KINDS
from statecrumbs._redact._fields import SECRET as SECRET
from statecrumbs._redact._fields import VALUE as VALUE
from statecrumbs._redact._names import REDACTED as REDACTED
from statecrumbs._redact._names import split_words as split_words
from statecrumbs._redact._redactor import Redactor as Redactor
from statecrumbs._redact._redactor import load_patterns as load_patterns
