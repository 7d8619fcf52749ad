"""Decide which names are those of secrets.

A name is read as words: `db_password`, `accessToken`, `X-Api-Key`, `spring.datasource.password` and
`APIKey2` are split at punctuation, at digits and where the case changes, and compared without case.
A name is sensitive when

1. one of its words is a secret's word (`password`, `secret`, `token`, `cookie`, ... and their
   plurals), or ends in one when they are written together (`pgpassword`, `csrfmiddlewaretoken`);
2. two neighbouring words are, together (`api key`, `session id`, `card number`);
3. its last word is `auth`, or the whole name is a short one that is only a secret when it stands
   alone (`pass`, `session`, `pin`, `sid`, `sig`).

It is not sensitive when it is *about* a secret: `token_count`, `password_changed_at`,
`cookie_banner`, `has_password`, `max_tokens`; nor when the word means something else there:
`next_token` is a page, `prompt_tokens` are a language model's, `function_signature` is code.
Whole words are what keeps `author`, `monkey`, `passenger` and `discard` readable. Names of persons
(user names, mail addresses) are no secrets here: without them a crash cannot be understood. What a
program knows better it says with `enable(redact=[...])`.
"""

from __future__ import annotations

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

# What long words may end in. English has no other words with these endings ("betoken" apart).
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
# "fa" is what remains of 2fa, and would make a secret of "facode".
_TOGETHER = frozenset(
    first + second for second, firsts in _PAIRS.items() for first in firsts if first != "fa"
)

# A name that begins or ends with one of these tells something about a secret, not the secret.
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
# Where the word has another meaning: a page, a position in a text, a piece of code.
_OTHERWISE = {
    "token": frozenset(
        """
        bos cancel cancellation cls continuation continue cursor end eos first last mask next pad
        padding page pagination prev previous sep special start stop unexpected unk unknown
        """.split()
    ),
    "signature": frozenset("call class email function method type".split()),
}
# "tokens" are counted by language models and parsers, unless one of these says what they open.
_OPENING_TOKENS = frozenset(
    """
    access api auth bearer csrf device id invitation invite jwt login oauth personal push refresh
    registration reset secret security service session user verification xsrf
    """.split()
)

# Every name that is sensitive by these lists has one of these in it. Few texts have one, so that
# these are what is looked for first.
HINTS = tuple(
    """
    pass token key secret auth cookie cred sess pw sig code card pin phrase secur sid srf cvc cvv
    hmac jwt otp ssn bearer mnemonic
    """.split()
)

_LONGEST = 200  # characters; of a longer name, which nobody wrote by hand, only the ends count
_REMEMBERED = 2048  # names; then the memory starts anew


class SecretNames(dict[str, bool]):
    """Remembers for each name whether it is sensitive; what it does not know it finds out."""

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
    """Return whether the words of a name, its numbers left out, are a secret's."""
    if not words:
        return False
    last = len(words) - 1
    alone = words[last] in _LAST or (last == 0 and words[0] in _ALONE)
    end = last if alone else _last_secret(words)
    if end < 0 or (last > 0 and words[0] in _ABOUT_FIRST):
        return False
    # The ID of an access key is half of a credential; other IDs only say which secret it is.
    return end == last or words[last] not in _ABOUT_LAST or words[-2:] == ["key", "id"]


def _last_secret(words: list[str]) -> int:
    """Return the index of the last word that is a secret's, alone or with the one before, or -1."""
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
