"""Keep secrets out of recorded data: recognise them by name, and blank them in text.

redactor   Redactor: the two questions that the rest of the package asks
names      which names are those of secrets
patterns   where in a text a secret stands; imported at the first text, since it needs `re`
"""

from __future__ import annotations

from statecrumbs._redact.names import REDACTED as REDACTED
from statecrumbs._redact.names import split_words as split_words
from statecrumbs._redact.redactor import Redactor as Redactor
from statecrumbs._redact.redactor import load_patterns as load_patterns
