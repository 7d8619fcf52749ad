"""Keep secrets out of recorded data: recognise them by name, and blank them in text.

redactor    Redactor: the questions that the rest of the package asks
names       which names are those of secrets
words       the words of such names, in ten languages
fields      what a field of an object is by its name
gate        whether there may be a secret in a text, told quickly
text        all that is secret in a text; imported at the first text, since it needs `re`
values      values beside a name: key=value, JSON, Python, XML, headers
extents     where a value ends
records     values beside a name that is a value itself: {"name": ..., "value": ...}
notations   markup, forms, errors of pydantic, t-strings
sql         columns of statements, their parameters, errors of databases
tables      columns of CSV and other tables
commands    options of programs
urls        passwords in URLs, tokens after Bearer
tokens      tokens with a known format
"""

from __future__ import annotations

from statecrumbs._redact.fields import HOLDER as HOLDER
from statecrumbs._redact.fields import LABEL as LABEL
from statecrumbs._redact.fields import PATH as PATH
from statecrumbs._redact.fields import SECRET as SECRET
from statecrumbs._redact.fields import VALUE as VALUE
from statecrumbs._redact.fields import belong_together as belong_together
from statecrumbs._redact.names import REDACTED as REDACTED
from statecrumbs._redact.names import split_words as split_words
from statecrumbs._redact.redactor import Redactor as Redactor
from statecrumbs._redact.redactor import load_patterns as load_patterns
