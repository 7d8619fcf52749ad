"""Keep secrets out of recorded data: recognise them by name, and blank them in text.

_redactor       Redactor: the questions that the rest of the package asks
_names          remember which names are those of secrets, and the role of a field by its name
_words          decide it, by words of ten languages; imported at the first name
_text           all secrets in a text; imported at the first text, since it needs `re`
_clues          look at a text: what its signs and single words tell
_gate           decide quickly whether a name in a text may announce a secret
_named_values   values beside a name: key=value, JSON, Python, XML, headers
_value_behind   where such a value begins and ends, also after a prompt
_extents        the ends of quotes, brackets and bare values
_escapes        a text without colours, and with the letters that escapes spell
_harmless       values beside such a name that are no secrets: None, types, words about a secret
_code           such values that are code
_records        values beside a name that is a value itself: {"name": ..., "value": ...}
_notations      markup, forms, errors of pydantic, arguments of calls, t-strings
_sql            columns of statements, and their parameters
_messages       messages of databases and validators; formats, and the arguments that fill them
_tables         columns of CSV and other tables, lines below a name in YAML
_commands       options of programs, passwords in URLs, tokens after Bearer
_tokens         tokens with a known format
"""

from __future__ import annotations

from statecrumbs._redact._names import LABEL as LABEL
from statecrumbs._redact._names import PATH as PATH
from statecrumbs._redact._names import REDACTED as REDACTED
from statecrumbs._redact._names import RELATED_KINDS as RELATED_KINDS
from statecrumbs._redact._names import SECRET as SECRET
from statecrumbs._redact._names import VALUE as VALUE
from statecrumbs._redact._names import is_operator as is_operator
from statecrumbs._redact._names import is_plain_name as is_plain_name
from statecrumbs._redact._names import split_words as split_words
from statecrumbs._redact._redactor import Redactor as Redactor
from statecrumbs._redact._redactor import is_harmless_field as is_harmless_field
from statecrumbs._redact._redactor import load_patterns as load_patterns
