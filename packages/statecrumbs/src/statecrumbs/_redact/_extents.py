"""Find the end of a value: with or without quotes, in brackets, in a URL, in XML, in a header."""

from __future__ import annotations

import re

from statecrumbs._redact._names import REDACTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Span: TypeAlias = tuple[int, int]  # where a value begins and ends in a text

QUOTE = r"""(?:\\{0,16}["'`]|\\{1,16}u002[27]|&quot;|&apos;|&\#x27;|&\#3[49];|%(?:25){0,2}2[27])"""
_QUOTES = frozenset("\"'`\\&%")  # first characters of a quote

# Stands for a value that is elsewhere: SQL's ?, %s, $1, :password, %(password)s; templates' ${X}.
PLACEHOLDER = re.compile(
    r"""
    (?P<call> (?: [A-Za-z_]\w{0,31}\( ){1,3} )?
    (?: \?\d{0,4} | %s | %\(\w{1,64}\)s | [$:@]p?\d{1,4} | :\w{1,64}(?=[\s,):]|\Z) )
    (?: ::\w{1,32}(?:\(\d{1,4}\))? )?
    (?(call) (?: \s[Aa][Ss]\s\w{1,32} | ,[^()"]{0,64}(?:\([^()]{0,64}\))? | \) ){1,6} )
    | \$\{[\w.:-]{1,64}\} | \$?\{\{[ ]?[\w.]{1,64}[ ]?\}\} | \{\d?\}
    """,
    re.VERBOSE,
)

ANY_SPACE = re.compile(r"\s*")
_SPACE = re.compile(r"[ \t]*")
_TAG = re.compile(r"(?:!{1,2}[\w:/.-]{0,64}[ \t]+|&\w{1,64}[ \t]+){1,2}")  # of a value in YAML
# In PostgreSQL E'...' and U&'...'; elsewhere N'...', b'...'
_OPENING_QUOTE = re.compile(rf"(?:[bBfFrRuUNEe]{{0,2}}|[uU]&)(?P<quote>{QUOTE})")
_DOLLARS = re.compile(r"\$(?:[A-Za-z_]\w{0,30})?\$")  # $$...$$ of PostgreSQL
# A string in parts on several lines, as `pprint` prints it; a key of YAML is no part.
_CONTINUED = re.compile(
    r"""["'][ \t]*\r?\n[ \t]*[bBfFrRuU]{0,2}(?P<quote>["'])(?![\w.-]{1,64}["'][ \t]{0,4}:)"""
)
_QUOTE_OF_SHELL = re.compile(r"""'(?:"'"|\\{1,4}')'""")  # a single quote in single quotes
_ELEMENT = re.compile(r"(?:[^<]|<!\[CDATA\[[^\]]*(?:\](?!\]>)[^\]]*)*\]\]>)*")

# The end of a value in a query in a query: blank " & ' , ; and in JSON } ] too.
_ENCODED = {
    (depth, is_colon): re.compile(
        rf"(?:[^\s&\"'<>%]|%(?!(?:25){{0,{depth}}}26|(?:25){{{depth}}}(?:{ends})))*", re.IGNORECASE
    )
    for depth in range(3)
    for is_colon, ends in ((False, "2[027C]|3B"), (True, "2[027C]|3B|7D|5D"))
}
_ENCODED_SPACE = re.compile(r"(?:\+|%(?:25){0,2}20)*")

# A value without quotes ends at white space, and at punctuation after which no secret continues:
# in `f(password=a,b)c, x=1)` it ends at the comma before the space.
_BARE = re.compile(
    r"""
    (?:
        [^\s&,;"'`<>()\[\]{}\\]+
      | \\+ (?! [nrt"'`] )
      | [,;] (?= [^\s,;"'`&<>()\[\]{}\\] ) (?! [\w.-]{1,64} ["']? [=:] )
      | & (?= [^\s&"'] ) (?! [\w.\[\]%-]{1,64}= | (?:amp|quot|lt|gt|\#\w{1,4}); )
      | [)\]}>] (?= [^\s,;:."'`&<>()\[\]{}\\] )
      | < (?! /?[A-Za-z!] )
      | ["'`] (?= [^\s,;:.)\]}>&\\"'`<] )
    )*
    """,
    re.VERBOSE,
)
_CUT_OFF = 4  # characters

_BRACKETS = re.compile(r"""\\{0,16}["'`]|[()\[\]{}]""")
_ANGLES = re.compile(r"""\\{0,16}["'`]|[<>]""")
_LIST_TOKENS = re.compile(r"""\\{0,16}["'`]|[()\[\]{},]""")
_OPENING = re.compile(r"[(\[{]")
_CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">"}

_COOKIE = r"""
    [^\s;,"'=\\]* (?: = (?: "[^"\r\n]*" | \\{0,16}'[^'\r\n]*'? | [^\s;"'\\]* ) )?
    """

# Values of several words: a scheme and its parameters, the pairs of a cookie, a phrase.
WORDY = {
    "authorization": re.compile(
        r"""
        (?: [A-Za-z][\w-]{0,31} [ \t]{1,4} )?
        (?:
            [\w-]{1,32} = (?: "[^"\r\n]*" | [^\s,"'\\]+ )
            (?: ,? [ \t]{0,4} [\w-]{1,32} = (?: "[^"\r\n]*" | [^\s,"'\\]+ ) )*
          | [^\s,;"'`<>()\[\]{}\\]+
        )
        """,
        re.VERBOSE,
    ),
    # After semicolons; in Python's `<SimpleCookie: a='1' b='2'>` after blanks, and in quotes.
    "cookie": re.compile(
        rf"""
        {_COOKIE}
        (?: (?: ; [ \t]{{0,4}} | [ ] (?= [^\s;,"'=\\]{{1,64}} = \\{{0,16}}' ) ) {_COOKIE} )*
        """,
        re.VERBOSE,
    ),
    # Stripe-Signature: t=..., v1=...
    "-signature": re.compile(
        r"""
        [\w-]{1,32} = [^\s,;"'\\]+ (?: ,[ ]? [\w-]{1,32} = [^\s,;"'\\]+ )+
        """,
        re.VERBOSE,
    ),
    "phrase": re.compile(r"""(?:(?![ ][\w.-]{1,64}=)[^\r\n"'`\\,;=])*"""),
}


def opens_quote(text: str, start: int) -> bool:
    """Return whether a quotation begins at `start`."""
    return _OPENING_QUOTE.match(text, start) is not None


def end_of(pattern: re.Pattern[str], text: str, start: int) -> int:
    """Return the end of what `pattern` matches at `start`, which is `start` if it does not."""
    found = pattern.match(text, start)
    return found.end() if found else start


def skip_space(text: str, start: int) -> int:
    """Return the position after the blanks and tabs at `start`."""
    return end_of(_SPACE, text, start)


def element_end(text: str, start: int, attributes: str) -> int:
    """Return the end of the text of an XML element that begins at `start`.

    If another element follows, it is `start`. If the text is cut off, attributes or some characters
    show that it was an element: `<Token>` alone is the repr of an object.
    """
    end = end_of(_ELEMENT, text, start)
    is_cut_off = end == len(text) and (attributes or end >= start + _CUT_OFF)
    if text.startswith("</", end) or is_cut_off:
        return end
    return start


def encoded_value(text: str, start: int, sign: str) -> Span:
    """Return the span of the value after `sign`, a percent-encoded = or :.

    A `sign` in a query in a query is encoded twice, and so are the signs that end its value.
    """
    depth = sign.count("25")
    is_colon = sign[-1] in "Aa"
    if is_colon:
        start = end_of(_ENCODED_SPACE, text, start)
    opening = _OPENING_QUOTE.match(text, start)
    if opening and opening["quote"][0] == "%":
        return opening.end(), _quoted_end(text, opening.end(), opening["quote"])
    return start, end_of(_ENCODED[depth, is_colon], text, start)


def value_at(text: str, start: int) -> Span:
    """Return the span of the value at `start`, without its opening quote."""
    if text[start : start + 1] in ("!", "&"):
        start = end_of(_TAG, text, start)
    if text[start : start + 1] == "$" and (dollars := _DOLLARS.match(text, start)):
        end = text.find(dollars[0], dollars.end())
        if end >= 0:
            return dollars.end(), end
    opening = _OPENING_QUOTE.match(text, start)
    if opening:
        start = opening.end()
        done = start + len(REDACTED)
        if text.startswith(REDACTED, start) and text[done : done + 1] in _QUOTES:
            return start, done
        return start, _quoted_end(text, start, opening["quote"])
    return bare_value(text, start)


def bare_value(text: str, start: int) -> Span:
    """Return the span of the value at `start`, which is not in quotes."""
    if text.startswith(REDACTED + "@", start):  # a URL's: the host may be read
        return start, start
    end = start
    if text[start : start + 1] == "<":
        end = bracket_end(text, start, _ANGLES)
    while True:
        end = end_of(_BARE, text, end)
        if text[end : end + 1] not in ("(", "[", "{"):
            return start, end
        end = bracket_end(text, end)


def _quoted_end(text: str, start: int, quote: str) -> int:
    """Return the end of the quotation that began before `start`, at most the end of the text."""
    escape = "%" + quote[1:-2] + "5c" if quote[0] == "%" else "\\"
    end = text.find(quote, start)
    while end >= 0:
        if end > start and text[end - len(escape) : end].lower() == escape:
            # Escaped at some level: in the repr of JSON, \\" does not end a string that " began.
            end = text.find(quote, end + 1)
        elif quote[0] != "%" and text.startswith(quote, end + len(quote)):
            # Doubled, as in SQL; or one of three, as in Python.
            end = text.find(quote, end + 2 * len(quote))
        elif quote == "'" and (shell := _QUOTE_OF_SHELL.match(text, end)):
            end = text.find(quote, shell.end())
        elif goes_on := _CONTINUED.match(text, end):
            end = text.find(goes_on["quote"], goes_on.end())
            quote = goes_on["quote"]
        else:
            return end
    return len(text)


def bracket_end(text: str, start: int, tokens: re.Pattern[str] = _BRACKETS) -> int:
    """Return the end of the bracket that opens at `start`, or the end of the text."""
    open_brackets: list[str] = []
    position = start
    while token := tokens.search(text, position):
        position = token.end()
        sign = token[0]
        if sign in _CLOSING:
            open_brackets.append(_CLOSING[sign])
        elif sign[-1] in "\"'`":
            position = _quoted_end(text, position, sign) + len(sign)
        elif open_brackets[-1] == sign:
            open_brackets.pop()
            if not open_brackets:
                return position
    return len(text)


def unquoted(text: str, start: int, end: int) -> Span:
    """Return `start` and `end` of an item without the blanks and the quotes around it."""
    start, end = _stripped(text, start, end)
    opening = _OPENING_QUOTE.match(text, start, end)
    if opening and text.endswith(opening["quote"], opening.end(), end):
        return opening.end(), end - len(opening["quote"])
    return start, end


def items_of(text: str, start: int) -> tuple[list[Span], int]:
    """Return the spans of the items of the list at `start`, in any brackets, and its end."""
    depth = 1
    items: list[Span] = []
    begin = position = start + 1
    while token := _LIST_TOKENS.search(text, position):
        position = token.end()
        sign = token[0]
        if sign == ",":
            if depth == 1:
                items.append(_stripped(text, begin, token.start()))
                begin = position
        elif sign in _CLOSING:
            depth += 1
        elif sign[-1] in "\"'`":
            position = _quoted_end(text, position, sign) + len(sign)
        else:
            depth -= 1
            if depth <= 0:
                items.append(_stripped(text, begin, token.start()))
                return items, position
    items.append(_stripped(text, begin, len(text)))
    return items, len(text)


def rows_of(text: str, start: int) -> tuple[list[list[Span]], int]:
    """Return the items of each list in the list at `start`, or of that list if it has none."""
    items, end = items_of(text, start)
    rows: list[list[Span]] = []
    for begin, stop in items:
        position = begin
        while 0 <= (position := _next_list(text, position, stop)) < stop:
            row, position = items_of(text, position)
            rows.append(row)
    is_nested = all(text[begin : begin + 1] in ("[", "(", "{") for begin, _ in items)
    return (rows, end) if rows and is_nested else ([items], end)


def _next_list(text: str, start: int, stop: int) -> int:
    found = _OPENING.search(text, start, stop)
    return found.start() if found else -1


def _stripped(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end
