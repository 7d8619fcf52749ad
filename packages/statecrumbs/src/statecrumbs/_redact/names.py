"""Decide which names are those of secrets.

A name is split into words at punctuation, at digits and where the case changes: `db_password`,
`accessToken`, `X-Api-Key`, `spring.datasource.password`, `APIKey2`. Case does not matter. A name is
sensitive in one of three cases:

1. One of its words is in the list of secret words (`password`, `secret`, `token`, `cookie`, their
   plurals, ...), or ends in one (`pgpassword`, `csrfmiddlewaretoken`).
2. Two neighbouring words are in the list of pairs (`api key`, `session id`, `card number`).
3. Its last word is `auth`, or the whole name is one word that is a secret only when it stands
   alone (`pass`, `session`, `pin`, `sid`, `sig`).

A name *about* a secret is not sensitive: `token_count`, `password_changed_at`, `cookie_banner`,
`has_password`, `max_tokens`. Neither is a word with another meaning: `next_token` is a page,
`prompt_tokens` belong to a language model, `function_signature` is code. Comparing whole words
keeps `author`, `monkey`, `passenger` and `discard` readable. User names and mail addresses are not
secrets here: a crash cannot be understood without them. A program adds names of its own with
`enable(redact=[...])`.
"""

from __future__ import annotations

REDACTED = "[redacted]"  # stands in place of each secret

_SECRETS = frozenset(
    """
    apikey authorization bearer cookie cred credential csrf cvc cvv hmac jwt mnemonic otp passcode
    passkey passphrase passwd password privkey pw pwd secret signature ssn token totp xsrf
    """.split()
)
_PAIRS = {
    second: frozenset(firsts.split())
    for second, firsts in {
        "answer": "secret security",
        "card": "credit debit",
        "code": "access auth backup fa login mfa pin recovery reset security verification",
        "header": "auth",
        "id": "secret session",
        "key": """access account aes api app application auth client consumer crypto decryption
            deploy encrypt encryption fernet gpg license master pgp private rsa secret server
            service session shared signing ssh subscription wallet""",
        "number": "card security",
        "pass": """account admin basic database db email ftp http keystore login mail mysql pg
            postgres proxy redis root server smtp user""",
        "phrase": "recovery secret seed",
        "pin": "access auth card login security sim user",
        "security": "social",
        "sid": "connect",
        "value": "auth",
    }.items()
}
_ALONE = frozenset({"pass", "pin", "pincode", "sess", "sessid", "session", "sid", "sig"})
_LAST = frozenset({"auth"})

# Endings of long words. No other English words have these endings, except "betoken".
_ENDINGS = (
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "token",
    "cookie",
    "apikey",
    "secretkey",
    "privatekey",
    "accesskey",
    "credential",
    "sessionid",
    "sessid",
    "authorization",
)
# "fa" is the rest of 2fa; joined it would make "facode" a secret.
_TOGETHER = frozenset(
    first + second for second, firsts in _PAIRS.items() for first in firsts if first != "fa"
)

# A name that begins or ends with one of these says something about a secret, not the secret.
_ABOUT_FIRST = frozenset(
    """
    allow allows can count disable enable has hide is max min n need needs no num require requires
    should show skip total with without
    """.split()
)
_ABOUT_LAST = frozenset(
    """
    accepted age alg algorithm amount arn at attempt attempts backend banner budget changed class
    client cls consent count counts created date days dir disabled domain enabled endpoint error
    errors exempt exists expired expires expiration expiry factory failed failure field fields file
    filename fingerprint form format found generator handler host hours id ids index invalid kind
    label left len length limit limits manager max method middleware min minutes missing mode model
    module ms name names notice offset optional path policy position prefix present provider quota
    rate reason ref remaining required retries retry scheme seconds serializer service since size
    state status storage store strength suffix time timestamp total ttl type until updated uri url
    usage used valid validator validators validity verified version view
    """.split()
)
# After one of these the word has another meaning: a page, a position in a text, a piece of code.
_OTHERWISE = {
    "token": frozenset(
        """
        bos cancel cancellation cls continuation continue cursor end eos first last mask next pad
        padding page pagination prev previous sep special start stop unexpected unk unknown
        """.split()
    ),
    "signature": frozenset("call class email function method type".split()),
}
# Language models and parsers count "tokens". After one of these, tokens are credentials.
_OPENING_TOKENS = frozenset(
    """
    access api auth bearer csrf device id invitation invite jwt login oauth personal push refresh
    registration reset secret security service session user verification xsrf
    """.split()
)

# Every name that is sensitive by these lists contains one of these. Few texts contain one, so a
# text is searched for these first.
HINTS = tuple(
    """
    pass token key secret auth cookie cred sess pw sig code card pin phrase secur sid srf cvc cvv
    hmac jwt otp ssn bearer mnemonic
    """.split()
)

_LONGEST = 200  # characters; of a longer name, which nobody typed, only the two ends count
_REMEMBERED = 2048  # names; then the dict is cleared


class SecretNames(dict[str, bool]):
    """Remembers for each name whether it is sensitive; decides it for a name that is missing."""

    __slots__ = ("_extra",)

    def __init__(self, extra: list[list[str]]) -> None:
        super().__init__()
        self._extra = [f"_{between.join(words)}_" for words in extra for between in ("_", "")]

    def __missing__(self, key: str) -> bool:
        if len(key) > _LONGEST:
            half = _LONGEST // 2
            return self._decide(split_words(f"{key[:half]} {key[-half:]}"))
        answer = self._decide(split_words(key))
        if len(self) >= _REMEMBERED:
            self.clear()
        self[key] = answer
        return answer

    def _decide(self, words: list[str]) -> bool:
        whole = f"_{'_'.join(words)}_"
        if any(extra in whole for extra in self._extra):
            return True
        return _is_secret([word for word in words if not word.isdigit()])


def _is_secret(words: list[str]) -> bool:
    """Return whether the `words` of a name, without its numbers, name a secret."""
    if not words:
        return False
    last = len(words) - 1
    alone = words[last] in _LAST or (last == 0 and words[0] in _ALONE)
    end = last if alone else _last_secret(words)
    if end < 0 or (last > 0 and words[0] in _ABOUT_FIRST):
        return False
    # The ID of an access key is half of a credential; other IDs only tell secrets apart.
    return end == last or words[last] not in _ABOUT_LAST or words[-2:] == ["key", "id"]


def _last_secret(words: list[str]) -> int:
    """Return the index of the last word of a secret, alone or with the one before, or -1."""
    for index in range(len(words) - 1, -1, -1):
        word = words[index]
        before = words[index - 1] if index else ""
        if word == "tokens":
            if before in _OPENING_TOKENS:
                return index
            continue
        single = word[:-1] if word.endswith("s") and not word.endswith("ss") else word
        if single in _SECRETS:
            if before not in _OTHERWISE.get(single, ()):
                return index
        elif before in _PAIRS.get(single, ()) or single in _TOGETHER or single.endswith(_ENDINGS):
            return index
    return -1


def split_words(name: str) -> list[str]:
    """Split `name` into lower-case words and numbers: `X-APIKey2` is x, api, key, 2."""
    words: list[str] = []
    start = 0
    previous = ""  # the kind of the character before: "A", "a", "0", or "" between words
    for index, char in enumerate(name):
        if not char.isalnum():
            kind = ""
        elif char.isdigit():
            kind = "0"
        else:
            kind = "A" if char.isupper() else "a"
        if kind == previous == "A":
            begins = name[index + 1 : index + 2].islower()  # the K of APIKey
        else:
            begins = kind != previous and not (kind == "a" and previous == "A")
        if begins:
            if previous:
                words.append(name[start:index].lower())
            start = index
        previous = kind
    if previous:
        words.append(name[start:].lower())
    return words
