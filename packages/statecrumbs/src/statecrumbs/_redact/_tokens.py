r"""Find tokens by their format, as their providers document it.

`docs/redaction.md` lists the same providers. Tokens of `FORMATS` begin with fixed characters and
have a run of 16 letters, digits, hyphens and underscores; only texts with such a run are searched
for them. Tokens of `MARKED` contain fixed characters elsewhere.
"""

from __future__ import annotations

import re

from statecrumbs._redact._clues import look_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Span = tuple[int, int]

_UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

# The providers of the scanner of GitLab (docs.gitlab.com, "Detected secrets") and of GitHub
# ("Supported secret scanning patterns"), as far as their tokens have a format of their own.
# Lengths are the least that a provider documents or less, since tokens grow.
FORMATS: dict[str, tuple[str, ...]] = {
    "1Password": (r"ops_eyJ[\w-]{40,}", r"A3-[A-Z0-9]{6}-[A-Z0-9]{6,11}(?:-[A-Z0-9]{5}){3,4}"),
    "Adafruit IO": (r"aio_[A-Za-z0-9]{28}",),
    "age": (r"AGE-SECRET-KEY-1[A-Z0-9]{50,}",),
    "Airtable": (r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}",),
    "Aiven": (r"AVNS_[\w-]{16,}",),
    "Alibaba Cloud": (r"LTAI[A-Za-z0-9]{12,30}",),
    "Anthropic, OpenAI, OpenRouter, DeepSeek": (r"sk-(?=[A-Za-z_-]{0,64}\d)[\w-]{20,}",),
    "Artifactory": (r"AKCp[A-Za-z0-9]{60,}", r"cmVmd[A-Za-z0-9]{50,}"),
    "Asana": (r"1/\d{13,19}:[0-9a-f]{32}", r"2/\d{13,19}/\d{13,19}:[0-9a-f]{32}"),
    "Atlassian": (r"AT[AC]TT3[\w=-]{50,}", r"ATBB[\w=-]{24,}", r"ATTA[0-9a-f]{60,}"),
    "AWS": (
        r"AKIA[A-Z0-9]{16}",
        r"ASIA[A-Z0-9]{16}",
        r"ABIA[A-Z0-9]{16}",
        r"ACCA[A-Z0-9]{16}",
        r"ABSK[A-Za-z0-9+/]{40,}={0,2}",
    ),
    "Brevo": (r"xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}", r"xsmtpsib-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    "Buildkite": (r"bku[a-z]_[\w-]{30,}",),
    "Cerebras": (r"csk-[a-z0-9]{40,}",),
    "CircleCI": (r"CCI(?:PAT|PRJ)_[A-Za-z0-9]{22}_[0-9a-f]{40}",),
    "Clojars": (r"CLOJARS_[a-z0-9]{60}",),
    "Cloudflare": (r"cf[a-z]{1,3}_[A-Za-z0-9]{40,}", r"v1\.0-[0-9a-f]{24}-[0-9a-f]{146}"),
    "Contentful": (r"CFPAT-[\w-]{40,}",),
    "crates.io": (r"cio[A-Za-z0-9]{32}(?![A-Za-z0-9])",),
    "Databricks": (r"dapi[0-9a-f]{32}(?:-\d)?", r"dkea[0-9a-f]{32}"),
    "DigitalOcean": (r"do[opr]_v1_[0-9a-f]{64}",),
    "Discord": tuple(rf"{head}[A-Za-z0-9]{{23,27}}\.[\w-]{{6}}\.[\w-]{{27,}}" for head in "MNO"),
    "Docker Hub": (r"dckr_[a-z]{3}_[\w-]{20,}",),
    "Doppler": (r"dp\.(?:audit|ct|pt|said|scim|scrt|st)\.(?:[\w-]{2,35}\.)?[A-Za-z0-9]{40,44}",),
    "Duffel": (r"duffel_(?:live|test)_[\w-]{30,}",),
    "Dynatrace": (r"dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}",),
    "EasyPost": (r"EZ[AT]K[A-Za-z0-9]{54}",),
    "Facebook": (r"EAA[A-Za-z0-9]{40,}",),
    "Figma": (r"fig[dou][rh]?_[\w-]{40,}",),
    "Flutterwave": (r"FLWSECK(?:_TEST)?-[\w-]{12,}",),
    "Fly.io": (r"fm\d[ar]?_[\w+/=-]{40,}", r"fo1_[\w-]{40,}"),
    "Frame.io": (r"fio-u-[\w=-]{40,}",),
    "GitHub": (r"gh[oprsu]_\w{20,}", r"github_pat_\w{20,}"),
    "GitLab": (
        r"gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct|wt)-[\w.-]{16,}",
        r"gloas-[\w-]{16,}",
        r"GR1348941[\w-]{20,}",
    ),
    "Google": (
        r"AIza[\w-]{35}",
        r"ya29\.[\w-]{20,}",
        r"GOCSPX-[\w-]{20,}",
        r"1//0[\w-]{30,}",
    ),
    "Grafana": (r"glc_[A-Za-z0-9+/]{32,}={0,2}", r"glsa_[A-Za-z0-9]{32}_[0-9A-Fa-f]{8}"),
    "Groq": (r"gsk_[A-Za-z0-9]{40,}",),
    "Harness": tuple(rf"{kind}at\.[\w-]{{22}}\.[0-9a-f]{{24}}\.[A-Za-z0-9]{{20}}" for kind in "ps"),
    "HashiCorp Vault": (r"hv[bsr]\.[\w-]{20,}",),
    "Heroku": (r"HRKU-[\w-]{36,}",),
    "Hugging Face": (r"hf_\w{30,}", r"api_org_[A-Za-z]{34}"),
    "Infracost": (r"ico-[A-Za-z0-9]{32}",),
    "JSON Web Token, Django and Flask signatures": (
        r"eyJ[\w-]{13,}[.:][\w.:-]*",
        r"eyJ[\w-]{8,}[.:][\w.:-]{16,}",
    ),
    "LangSmith": (r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}",),
    "LaunchDarkly": (rf"sdk-{_UUID}", rf"api-{_UUID}", rf"mob-{_UUID}"),
    "Linear": (r"lin_(?:api|oauth)_[A-Za-z0-9]{32,}",),
    "Lob": (r"live_(?:pub_)?[0-9a-f]{31,35}", r"test_(?:pub_)?[0-9a-f]{31,35}"),
    "Mailgun": (r"key-[0-9a-f]{32}",),
    "Mapbox": (r"sk\.eyJ[\w-]{20,}\.[\w-]{10,}", r"tk\.eyJ[\w-]{20,}\.[\w-]{10,}"),
    "MessageBird": (r"live_[A-Za-z0-9]{25}(?![A-Za-z0-9])",),
    "Microsoft SAS": (r"sig=[A-Za-z0-9%+/]{43,}(?:%3D|=)",),
    "Neon": (r"napi_[a-z0-9]{40,}",),
    "Netlify": (r"nf[cpou]_[A-Za-z0-9]{30,}",),
    "New Relic": (r"NRAK-[A-Z0-9]{27}", r"NR(?:AA|II|RA|SP|BR|JS)-[\w-]{20,}"),
    "Notion": (r"ntn_[A-Za-z0-9]{40,}", r"secret_[A-Za-z0-9]{43}"),
    "npm": (r"npm_\w{36}",),
    "NuGet": (r"oy2[a-z0-9]{43}",),
    "Okta": (r"00[A-Za-z0-9][\w-]{39}(?![\w-])",),
    "OpenShift": (r"sha256~[\w-]{43}",),
    "Password hashes of Django and Werkzeug": (
        r"pbkdf2_\w{3,12}\$\d{1,9}\$[^\s$\"']{1,64}\$[A-Za-z0-9+/=]{20,}",
        r"scrypt:[\w:]{1,40}\$[^\s$\"']{1,64}\$[0-9a-f]{32,}",
        r"pbkdf2:[\w:]{1,40}\$[^\s$\"']{1,64}\$[0-9a-f]{32,}",
    ),
    "Perplexity": (r"pplx-[A-Za-z0-9]{32,}",),
    "Pinecone": (r"pcsk_[\w-]{40,}",),
    "Plaid": (rf"access-(?:sandbox|development|production)-{_UUID}",),
    "PlanetScale": (r"pscale_(?:tkn|oauth|pw|api)_[\w.=-]{32,}",),
    "Postman": (r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}",),
    "PostHog": (r"ph[xs]_[A-Za-z0-9]{40,}",),
    "Prefect": (r"pn[ub]_[A-Za-z0-9]{36}",),
    "Pulumi": (r"pul-[0-9a-f]{40}",),
    "PyPI": (r"pypi-AgE[\w-]{16,}",),
    "Razorpay": (r"rzp_(?:live|test)_[A-Za-z0-9]{14}",),
    "ReadMe": (r"rdme_[a-z0-9]{70}",),
    "Render": (r"rnd_[A-Za-z0-9]{28,}",),
    "Replicate": (r"r8_[A-Za-z0-9]{37}",),
    "Resend": (r"re_[A-Za-z0-9]{8,12}_[A-Za-z0-9]{20,}",),
    "RubyGems": (r"rubygems_[0-9a-f]{48}",),
    "Scaleway": (r"SCW[A-Z0-9]{17}",),
    "Scalingo": (r"tk-us-[\w-]{48}",),
    "SendGrid": (r"SG\.[\w-]{16,}\.[\w-]{16,}",),
    "Sentry": (r"sntrys_[\w+/=]{40,}", r"sntryu_[0-9a-f]{64}"),
    "Shippo": (r"shippo_(?:live|test)_[0-9a-f]{40}",),
    "Shopify": (r"shp(?:at|ca|pa|ss|tka)_[0-9a-fA-F]{32}",),
    "Slack": (r"xox[a-z](?:\.[a-z]{4})?-[\w-]{16,}", r"xapp-\d-[\w-]{20,}"),
    "SonarQube": (r"sq[apu]_[0-9a-f]{40}",),
    "Sourcegraph": (r"sg[pd]_(?:[\w-]{1,20}_)?[0-9a-f]{40,}",),
    "Square": (r"sq0[a-z]{3}-[\w-]{22,}", r"EAAA[\w-]{56,}"),
    "Stripe, Paystack, Clerk": (
        r"sk_(?:live|test)_\w{10,}",
        r"rk_(?:live|test)_\w{10,}",
        r"whsec_[\w+/=-]{16,}",
    ),
    "Supabase": (r"sbp_[0-9a-f]{40}", r"sb_secret_[\w-]{20,}"),
    "Tailscale": (r"tskey-[a-z]+-[\w-]{16,}",),
    "Tencent Cloud": (r"AKID[A-Za-z0-9]{32}",),
    "Twilio": (r"SK[0-9a-f]{32}",),
    "Typeform": (r"tfp_[\w.-]{40,}",),
    "Vercel": (r"vc[apikr]{1,3}_[A-Za-z0-9]{24,}",),
    "Volcengine": (r"AKLT[\w-]{40,}",),
    "WakaTime": (rf"waka_{_UUID}",),
    "xAI": (r"xai-[A-Za-z0-9]{40,}",),
    "Yandex Cloud": (
        r"AQVN[\w-]{35,}",
        r"y0_[\w-]{40,}",
        r"t1\.[A-Za-z0-9]{40}[\w-]{0,20}=*\.[\w-]{80,}",
    ),
}

# By the characters that each contains. A look-behind keeps what is not secret.
MARKED: dict[str, dict[str, str]] = {
    "Azure application secret": {"~": r"[\w~.-]{3}8Q~[\w~.-]{31,34}"},
    "HashiCorp Terraform": {".atlasv1.": r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,}"},
    "Mailchimp": {"-us": r"[0-9a-f](?<![\w-].)[0-9a-f]{31}-us\d{1,2}"},
    "Telegram": {":AA": r"\d{8,10}:AA[\w-]{32,35}"},
    "Password hashes of crypt": {
        "$": (
            r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}"
            r"|\$argon2(?:id|i|d)\$[^\s\"'<>]{20,200}"
            r"|\$(?:1|5|6|7|y|gy|apr1|sha1|md5)\$[./A-Za-z0-9,=$]{16,200}"
        )
    },
}
# The secret part of the address of a webhook
WEBHOOKS = {
    "Discord": r"(?<=/api/webhooks/)\d{10,24}/[\w-]{20,}",
    "Google Chat": r"(?<=chat\.googleapis\.com/v1/spaces/)[\w-]+/messages\?[^\s\"'<>]+",
    "Microsoft Teams": r"(?<=/IncomingWebhook/)[0-9a-f]{32}/[\w-]+",
    "Slack": r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[\w/-]+",
    "Zapier": r"(?<=hooks\.zapier\.com/hooks/catch/)\d+/\w+",
}
_BLOCKS = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"[\s\S]*?(?:-----END [A-Z0-9 ]{0,60}-----|\Z)"
)
# The cookies of a jar, as http.cookiejar shows them (requests and httpx use it); a key of PuTTY
_COOKIES = {
    "<Cookie ": r"(?<=<Cookie )[^<>]*",
    "Cookie(version=": r"(?<=\bCookie\(version=)[^()]*",
    "Private-Lines: ": r"(?<=Private-Lines: )[\s\S]*?(?=\\nPrivate-MAC|\nPrivate-MAC|\Z)",
}

_BEFORE = 40  # characters of a token that may stand before its run

RUN = "a" * 16  # in the kinds of the characters of a text

_RUN = re.compile("a+")
_HEXADECIMAL = re.compile(r"[0-9a-f-]+\Z")  # also UUIDs
_JOINT = re.compile(r"[_-]")
_INSIDE = frozenset("/.:~$")  # signs that tokens contain
_CHUNK = re.compile(r"""[^\s"'=,(\\]+\Z""")
_HEAD = re.compile(r"[\w/-]{1,3}(?![?*+{])")


def _by_head() -> dict[str, list[str]]:
    heads: dict[str, list[str]] = {}
    for formats in FORMATS.values():
        for each in formats:
            found = _HEAD.match(each)
            assert found  # noqa: S101
            heads.setdefault(found[0], []).append(each)
    return heads


_FORMATS = _by_head()
# With what the signs of a text have of each mark
_MARKED = tuple(
    (look_at(mark)[1].signs, mark, form)
    for forms in MARKED.values()
    for mark, form in forms.items()
)
# Before a long token, the names of these schemes of HTTP authentication.
_SCHEMES = ("token ", "apikey ", "api-key ", "negotiate ", "ntlm ")
_AFTER_SCHEME = re.compile(r"(?=[A-Za-z_+/=-]{0,64}\d)[\w.~+/=-]{16,}")
_compiled: dict[str, re.Pattern[str]] = {}


# Names that say nothing alone; a value that looks like a token makes them those of secrets.
_GRANTED = re.compile(
    r"""["'](?:access|refresh)\\{0,4}["']\s{0,4}:\s{0,4}b?\\{0,4}["']"""
    r"""(?P<value>[\w.~+/=-]{16,4096})(?=\\{0,4}["'])"""
)
_LIST = re.compile(r"""\b(?:[Tt]okens|TOKENS)\\{0,4}["']?\s{0,2}[:=]\s{0,2}[\[({]""")
_ITEM = re.compile(
    r"""\s{0,64}b?(?P<quote>\\{0,4}["'])(?P<value>[^"'\n\\]{0,400})(?P=quote)[,:]?"""
)
_LOOK = re.compile(
    r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=\D*\d)[\w.~+/=-]{16,}"  # mixed
    r"|(?=\D*\d)(?:[0-9a-z]{1,13}-)?[0-9a-f]{32,}"  # hexadecimal, after a time in links of Django
)
# A link that a mail has: /reset/MQ/c4x2ab-3f.../
_LINK = re.compile(
    r"""
    (?:activat|confirm|magic|reset|verif) [\w-]{0,24} / (?: [\w=-]{1,64} / ){0,2}?
    (?P<value> [\w.~=-]{16,1024} ) (?=[/?&\#\s"'<>),;]|\\|\Z)
    """,
    re.VERBOSE,
)
_LINKS = ("activat", "confirm", "magic", "reset", "verif")


def find_links(text: str) -> Iterator[Span]:
    """Yield the tokens in the paths of links that reset or confirm something."""
    if any(map(text.__contains__, _LINKS)):
        for found in _LINK.finditer(text):
            if _LOOK.fullmatch(found["value"]):
                yield found.span("value")


def find_granted(text: str, signs: str) -> Iterator[Span]:
    """Yield what looks like a token beside `access` or `refresh`, or in a list `tokens`."""
    is_list = ("k" in signs and "okens" in text) or ("T" in signs and "TOKENS" in text)
    for opening in _LIST.finditer(text) if is_list else ():
        position = opening.end()
        while item := _ITEM.match(text, position):
            if _LOOK.fullmatch(item["value"]):
                yield item.span("value")
            position = item.end()
    if "access" in text or "refresh" in text:
        for found in _GRANTED.finditer(text):
            if _LOOK.fullmatch(found["value"]):
                yield found.span("value")


def find_blocks(text: str) -> Iterator[Span]:
    """Yield where private keys stand in `text`."""
    for found in _pattern(_BLOCKS).finditer(text):
        yield found.span()


def find_webhooks(text: str) -> Iterator[Span]:
    """Yield the secret parts of addresses of webhooks."""
    for form in WEBHOOKS.values():
        for found in _pattern(form).finditer(text):
            yield found.span()


def find_cookies(text: str) -> Iterator[Span]:
    """Yield where lists of cookies and keys of PuTTY stand in `text`."""
    for sign, form in _COOKIES.items():
        if sign in text:
            for found in _pattern(form).finditer(text):
                yield found.span()


def find_tokens(text: str, signs: str, kinds: str) -> Iterator[Span]:
    """Yield where tokens stand in `text`.

    `signs` are some signs of the text, and `kinds` has an "a" for each character that a run may
    consist of.
    """
    for mark_signs, mark, form in _MARKED:
        if mark_signs in signs and mark in text:
            for found in _pattern(form).finditer(text):
                yield found.span()
    end = done = 0
    while (start := kinds.find(RUN, end)) >= 0:
        end = _end(kinds, start)
        before = text[start - 1 : start]
        if before == " " and (named := _after_scheme(text, start)):
            yield named
        if before not in _INSIDE and _HEXADECIMAL.match(text, start, end):
            continue
        for begin in _begins(text, before, start, end):
            # No other token is searched in a found one: it may reach to the end of the text.
            if begin >= done and (span := _token_at(text, begin)):
                yield span
                done = span[1]


def _after_scheme(text: str, start: int) -> Span | None:
    """Return the token at `start` if the name of a scheme stands before it."""
    if text[max(0, start - 10) : start].lower().endswith(_SCHEMES):
        found = _AFTER_SCHEME.match(text, start)
        return found.span() if found else None
    return None


def _end(kinds: str, start: int) -> int:
    found = _RUN.match(kinds, start)
    return found.end() if found else start + 1


def _begins(text: str, before: str, start: int, end: int) -> list[int]:
    """Return the positions around a run at which a token may begin; `before` stands before it."""
    begins = [start]
    if before == "\\":  # \n, \u003d
        begins += (start + 1, start + 5)
    elif before == "%":
        begins.append(start + 2)
    elif before in _INSIDE:  # 1//0..., dp.st...
        around = text[max(0, start - _BEFORE) : start]
        chunk = _CHUNK.search(around)
        if chunk:
            begin = start - len(chunk[0])
            begins += (begin, begin + 1)  # after \n
        begins.append(start - len(around) + around.rfind("/") + 1)
    if text.find("_", start, end) >= 0 or text.find("-", start, end) >= 0:
        begins += [found.end() for found in _JOINT.finditer(text, start, end)]
    return begins


def _token_at(text: str, begin: int) -> Span | None:
    for length in (3, 2, 1):
        head = text[begin : begin + length]
        if head in _FORMATS:
            for form in _FORMATS[head]:
                if token := _pattern(form).match(text, begin):
                    return token.span()
    return None


def _pattern(form: str) -> re.Pattern[str]:
    # A program meets few of the formats, and compiling all of them would take 20 ms.
    pattern = _compiled.get(form)
    if pattern is None:
        pattern = _compiled[form] = re.compile(form)
    return pattern


_CARD_NUMBER = re.compile(r"""\\{0,16}["']?(?P<digits>\d(?:[ -]?\d){12,18})(?![\w-])""")


def card_number_at(text: str, start: int) -> Span | None:
    """Return the span of the number of a card that begins at `start`: card=4111111111111111."""
    number = _CARD_NUMBER.match(text, start)
    if number is None:
        return None
    digits = [int(digit) for digit in reversed(number["digits"]) if digit.isdigit()]
    # The check of ISO/IEC 7812: every second digit counts twice, and its own digits are added.
    total = sum(sum(divmod(digit * (1 + at % 2), 10)) for at, digit in enumerate(digits))
    return None if total % 10 else number.span("digits")
