r"""Find secrets at known places of command lines, of protocols and of URLs.

curl -u bob:...    mysql -p...    redis-cli -a ...    ["docker", "login", "-p", "..."]
requirepass ...    Bearer ...     postgres://app:...@db
"""

from __future__ import annotations

import re

from statecrumbs._redact._extents import PLACEHOLDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from statecrumbs._redact._extents import Span
    from statecrumbs._redact._names import SecretNames

# Between two arguments: on a command line, perhaps of several lines, in a list of Python or JSON.
_LINE_BREAK = r"(?:\\\r?\n|\\\\(?:\\r)?\\n)"  # after a backslash; as it is, and escaped
_NEXT = (
    rf"(?:[ \t]{{1,8}}(?:{_LINE_BREAK}[ \t]{{0,16}})?"
    r"""|\\{0,4}["'],?[ \t\r\n]{0,8}\\{0,4}["'])"""
)
_FLAG = r"(?<=[\s\"'])"
_VALUE = (
    r"""(?:(?P<quote>\\{0,4}["'])(?P<quoted>[^\n]{1,400}?)(?P=quote)"""
    r"""|(?P<value>[^\s"',;|&)\]]{1,400}))"""
)
_USER = (
    r"""(?:(?P<quote>\\{0,4}["'])[^\s:"']{0,128}:(?!//)(?P<quoted>[^\n"'\\]{1,400})(?P=quote)"""
    r"""|\\{0,4}["']?[^\s:"']{0,128}\\{0,4}["']?:(?!//)\\{0,4}["']?(?P<value>[^\s"']{1,400}))"""
)
# Not a file of Windows without a password: C:/certs/client.pem
_NO_DRIVE = r"""(?!\\{0,4}["']?[A-Za-z]:[/\\][^\s:"']{0,256}(?:[\s"']|\Z))(?:[A-Za-z]:(?=[/\\]))?"""
_SEPARATE = rf"(?:{_NEXT}|=)"

# RFC 3986 allows a quote in a password; a quote before punctuation ends a string of Python.
_INNER_QUOTE = r"""\\{0,16}'(?![\s,:;)\]}>"'\\]|\Z)"""

# The user name and the host stay. As in urllib, the last @ before the path ends the password; only
# if there is none, a later one does (a password that contains a raw /).
_URL_PASSWORD = re.compile(
    rf"""
    :// (?: [^\s/?\#:@"'<>\\\[] | {_INNER_QUOTE} ){{0,256}} :
    (?P<value>
        (?: [^\s/?\#"'<>\\] | {_INNER_QUOTE} ){{1,1024}}
      | (?!\d{{1,5}}(?:[/?\#]|$)) (?: [^\s@"'<>\\] | {_INNER_QUOTE} ){{1,256}}
    ) @
    """,
    re.VERBOSE,
)

# In an HTTP URL a name without a password is a token: `https://TOKEN@github.com`,
# `https://KEY:@api.stripe.com`, `https://TOKEN:x-oauth-basic@github.com`. In other schemes it is a
# name: `ssh://git@host`, `postgres://bob@db`.
_URL_TOKEN = re.compile(
    r"""
    :// (?: (?<= (?i:http)://) | (?<= (?i:https)://) | (?<= nats://) | (?<= ws://) | (?<= wss://) )
    (?P<value> [^\s/?\#:@"'<>\\\[]{1,1024} ) (?= (?: : (?:x-oauth-basic)? )? @ )
    """,
    re.VERBOSE,
)

# The same in the query of another URL, encoded once or more
_CHAR = r"(?: [\w.~!*()$,;=+-] | %(?!(?P=depth)(?:2F|3A|40))(?:25){0,4}[0-9A-F]{2} )"
_ENCODED_PASSWORD = re.compile(
    rf"""
    %(?P<depth>(?:25){{0,2}})3A (?:%(?P=depth)2F){{2}}
    {_CHAR}{{0,256}} %(?P=depth)3A (?P<value>{_CHAR}{{1,1024}}) %(?P=depth)40
    """,
    re.VERBOSE | re.IGNORECASE,
)

# A Go program's address of MySQL: bob:...@tcp(db:3306)/shop
_GO = re.compile(r":(?<=\w:)(?!//)(?P<value>[^\s\"']{1,256}?)@(?:tcp|udp|unix)6?\(")
# Oracle's address: jdbc:oracle:thin:scott/...@db:1521
_ORACLE = re.compile(r"jdbc:oracle:\w{1,8}:[\w.$\#]{1,64}/(?P<value>[^\s@\"']{1,128})@")

# The name of a scheme is also a common word: `Basic authentication failed` contains no secret.
# Therefore the token must contain a digit, a sign, or a capital letter after its first letter.
_SCHEME = re.compile(
    r"""
    \b (?:basic|bearer) (?:[ ]|%20)
    (?= [A-Za-z_-]{0,64}[\d.~+/=] | (?-i:\S[a-z_-]{0,64}[A-Z]) )
    (?P<value> [\w.~+/=-]{8,} )
    """,
    re.IGNORECASE | re.VERBOSE,
)


def _option(letters: str, *, joined: bool = True) -> str:
    return rf"{_FLAG}-{letters}{_SEPARATE}{'?' if joined else ''}{_VALUE}"


# Programs, and how a secret stands among their arguments.
_OPTIONS = {
    "curl": (
        rf"{_FLAG}(?:(?:-[a-zA-Z]{{0,6}}[uU]{_NEXT}?|--(?:proxy-)?user{_SEPARATE})"
        rf"|(?:-[a-zA-Z]{{0,6}}E{_NEXT}?|--(?:proxy-)?cert{_SEPARATE}){_NO_DRIVE}){_USER}"
    ),
    "http https xh": rf"{_FLAG}(?:-a{_NEXT}?|--auth{_SEPARATE}){_USER}",
    "ab siege": rf"{_FLAG}-[AP]{_NEXT}?{_USER}",
    "mysql mysqldump mysqladmin mysqlimport mysqlcheck mysqlshow mysqlbinlog mysqlpump mysqlslap "
    "mariadb mariadb-dump mariadb-admin mydumper myloader xtrabackup innobackupex 7z 7za 7zz unrar "
    "rar": rf"""{_FLAG}-p(?!=|\\{{0,4}}["'](?:[\s,\])]|\Z)){_VALUE}""",
    "mongo mongosh mongodump mongorestore mongoexport mongoimport mongostat cqlsh sshpass useradd "
    "twine poetry "
    "usermod": _option("p"),
    "docker podman nerdctl buildah skopeo helm oc az": r"\blogin\b(?s:.){0,300}?" + _option("p"),
    "redis-cli valkey-cli keydb-cli": rf"(?:{_FLAG}-a{_SEPARATE}|{_FLAG}AUTH{_NEXT}){_VALUE}",
    "sqlcmd bcp isql osql tsql zip unzip zipcloak": _option("P"),
    "ldapsearch ldapmodify ldapadd ldapdelete ldapwhoami ldappasswd": _option("w"),
    "smbclient smbmap rpcclient": (
        rf"{_FLAG}-U{_NEXT}?\\{{0,4}}[\"']?[^\s%\"']{{1,128}}%(?P<value>[^\s\"']{{1,400}})"
    ),
    "htpasswd": (
        rf"{_FLAG}-[a-zA-Z]{{0,6}}b[a-zA-Z]{{0,6}}{_NEXT}"
        rf"(?:[^\s\"']{{1,200}}{_NEXT}){{1,2}}{_VALUE}"
    ),
    "openssl": (
        rf"(?:\bpasswd{_NEXT}(?:-\w{{1,16}}{_NEXT}){{0,4}}(?!-)|{_FLAG}-[kK]{_NEXT}){_VALUE}"
    ),
}
_COMMANDS = {
    program: re.compile(pattern)
    for programs, pattern in _OPTIONS.items()
    for program in programs.split()
}
PROGRAMS = frozenset(re.sub(r"\d", "", program) for program in _COMMANDS)  # without digits
_PROGRAM = re.compile(
    rf"(?<![\w.-])(?:{'|'.join(sorted(_COMMANDS, reverse=True))})(?=\.exe\b|[\s\"'\\])"
)
_END = re.compile(r"""(?<!\\)(?<!\\\r)\n|(?<!\\)(?<!\\\\\\r)\\n|[ ](?:\||\|\||&&|;)[ ]|;[ ]""")
_LONGEST = 1000  # characters of a command
# Programs that run another one, whose name can follow that of a container: docker exec db mysql
_RUNNERS = frozenset(("docker", "podman", "nerdctl", "buildah", "oc", "az"))
# Before a word that is no program: docker run --name mongo -p 27017:27017
_BEFORE_NAME = tuple(
    option + sign
    for option in ("--name", "--hostname", "--network")
    for sign in (" ", "=", "', '", '", "', '","')
)
_MOST_INSIDE = 4  # programs that are looked at in the command of such a one

# Secrets after a word without an option. Each expression begins with the word, because `re` finds
# that fastest.
_PHRASES = {
    word: re.compile(pattern, re.VERBOSE)
    for word, pattern in {
        # .netrc
        "login ": r"login\s{1,8}[^\s|]\S{0,127}\s{1,8}password\s{1,8}(?P<value>\S{1,400})",
        # Redis: its configuration, and how MONITOR shows a command; SMTP and IMAP
        "requirepass": r"""requirepass["']?\s{1,4}["']?(?P<value>[^\s"']{1,400})""",
        "masterauth": r"""masterauth["']?\s{1,4}["']?(?P<value>[^\s"']{1,400})""",
        "SETUSER": r"""SETUSER["']?\s[^\n]{0,256}?\s["']?[>#](?P<value>[^\s"']{1,400})""",
        # IMAP, after the tag of the command
        "LOGIN ": r"""
            \b[A-Za-z]{1,8}\d{1,8}[ ]LOGIN[ ] (?:\\{0,4}"[^"\s]{1,128}"|[^\s"]{1,128}) [ ]
            (?! \{\d | (?:at|by|denied|failed|from|ok|success\w{0,5}|via|with)\b )
            (?P<quote>\\{0,4}")?
            (?P<value> (?(quote) [^"\n\\]{1,400} | [^\s"'\\]{1,400} ) )
        """,
        # FTP and POP3
        "PASS ": r"""
            PASS[ ] (?:(?<=["'>]PASS[ ])|(?<=["'>][ ]PASS[ ]))
            (?P<value>[^\s"'\\]{1,400})
        """,
        "AUTH": r"""
            AUTH (?: (?<=-cli[ ]AUTH)[ ]["']?
                   | ["'],?\s["'] (?: [^"'\s]{1,64} ["'],?\s["'] )? (?= [^"'\n]{1,400} ["'] )
                   | \s(?:PLAIN|LOGIN|XOAUTH2|CRAM-MD5)\s
                     (?!PLAIN|LOGIN|XOAUTH2|CRAM-MD5|OAUTHBEARER|SCRAM-) (?= [A-Za-z0-9+/=]{4} ) )
            (?P<value> [^\s"'\\]{1,2000} )
        """,
        "echo ": r"""
            echo\s{1,4} (?:-n\s{1,4})? (?P<quote>\\{0,4}["']?) (?:\w{1,32}:)?
            (?P<value>[^\s"'|\\]{1,400}) (?P=quote) \s{0,4} \| [^|\n]{0,200}?
            (?:\bpasswd\b|\bchpasswd\b|\bsudo\s-S|--\w{0,16}password-stdin|--with-token\b
              |\bcryptsetup\b)
        """,
        # MySQL
        "PASSWORD(": r"""PASSWORD\(\s{0,4}\\{0,4}["'](?P<value>[^\n"'\\]{1,400})""",
        "password(": r"""
            password\((?<![\w.]password\() \s{0,4} \\{0,4}["'] (?P<value>[^\n"'\\]{1,400})
        """,
        "sqlplus ": r"""
            sqlplus\s [^\n/]{0,64}? [\w.$\#]{1,64} / (?P<value>[^\s"'/@]{1,128}) (?=@|[\s"']|\Z)
        """,
        "PASSWORD FOR ": r"""
            PASSWORD\sFOR\s [^=\n]{1,128} = \s{0,4} \\{0,4}["'](?P<value>[^\n"'\\]{1,400})
        """,
        "IDENTIFIED BY ": r"""
            IDENTIFIED\sBY\s{1,4} (?!["'\\\s]|PASSWORD\b|VALUES\b|RANDOM\b)
            (?P<value>[^\s;,"'\\]{1,128})
        """,
        # The password before
        "REPLACE ": r"""
            BY\s{1,4} \S{1,200} \s{1,4} REPLACE\s{1,4} \\{0,4}["']? (?P<value>[^\s,"';\\]{1,400})
        """,
        "net use ": r"""
            net\suse\s{1,4} (?:(?:[A-Za-z]:|\*)\s{1,4})? \\{2,8}[^\s\\]\S{0,200} \s{1,4}
            (?:/user:\S{1,128}\s{1,4})? (?!/) (?P<value>[^\s"']{1,400})
        """,
        "net user ": r"""
            net\suser\s{1,4} [^\s/"'*]{1,128} \s{1,4} (?![/*]) (?P<value>[^\s"']{1,400})
        """,
        # SQLCipher
        "PRAGMA ": r"""
            PRAGMA\s (?:\w{1,32}\.)? (?:re|hex)?key \s{0,4}=\s{0,4} \\{0,4}["']
            (?P<value>[^\n"'\\]{1,400})
        """,
        "vault login ": r"""vault\slogin\s(?!-|\w{1,32}=)(?P<value>[^\s"']{1,400})""",
        "rabbitmqctl ": r"""
            rabbitmqctl\s (?:add_user|change_password|authenticate_user) \s
            [^\s"']{1,128} \s (?P<value>[^\s"']{1,400})
        """,
    }.items()
}


def _finder(pattern: re.Pattern[str]) -> Callable[[str, SecretNames], Iterator[Span]]:
    def find_in_phrase(text: str, _names: SecretNames) -> Iterator[Span]:
        for found in pattern.finditer(text):
            yield found.span("value")

    return find_in_phrase


find_in_phrases = {word: _finder(pattern) for word, pattern in _PHRASES.items()}
# The words, each after what must be among the signs of a text: its rare letters, in their order
PHRASE_WORDS = (
    *(("qup", "", "requirepass"), ("qpu", "", "sqlplus "), ("bbmq", "", "rabbitmqctl ")),
    *(("pw", "", "login "), ("pw", "", "password("), ("G", "", "LOGIN "), ("AUTH", "", "AUTH")),
    *(("A(", "", "PASSWORD("), ("PA", "", "PASSWORD FOR "), ("PA", "", "REPLACE ")),
    *(("PA", "", "PASS "), ("TU", "", "SETUSER"), ("TB", "", "IDENTIFIED BY "), ("|", "", "echo ")),
    *(("vu", "", "vault login "), ("mu", "", "masterauth"), ("PAGA", "", "PRAGMA ")),
    *(("u", "\\", "net use "), ("u", "/", "net user ")),
)
# A name and its value are the arguments: setx NAME VALUE
_SETTING = re.compile(
    r"""
    (?: \b(?: setx | setenv
        | set\s-[a-zA-Z]{1,3} | (?:configure|config|secrets?)\sset | poetry\sconfig )
      | \bSetEnv | \bfastcgi_param | (?P<define>\#[ ]?define)
      | (?:^|\n|\\n)(?:ENV|ARG) )
    [ ]{1,4} (?P<name> [\w./:@-]{1,128} ) [ ]{1,4} (?:(?:--body|-b)[ =])?
    (?: (?P<quote>\\{0,4}["']) (?P<quoted>[^"'\n\\]{1,400}) (?P=quote)
      | (?(define) (?=[A-Za-z_]{0,64}\d) (?!\d{1,5}\b|0[xX]) | )
        (?P<value>[^\s"'\\;]{1,400}) )
    """,
    re.VERBOSE,
)
SETTING_WORDS = (
    *(("", "", "set"), ("py", "", "ry config "), ("V", "", "ENV "), ("A", "", "ARG ")),
    *(("v", "", "SetEnv "), ("pm", "", "fastcgi_param "), ("#", "", "define ")),
)


def find_in_commands(text: str) -> Iterator[Span]:
    """Yield the secrets among the arguments of programs that are known."""
    position = 0
    inside = 0  # programs that may still stand in the command of a runner
    while program := _PROGRAM.search(text, position):
        position = program.end()
        if text.endswith(_BEFORE_NAME, 0, program.start()):
            continue
        stop = min(len(text), position + _LONGEST)
        end = _END.search(text, position, stop)
        stop = end.start() if end else stop
        for found in _COMMANDS[program[0]].finditer(text, position, stop):
            yield _span(found)
        if program[0] in _RUNNERS:
            inside = _MOST_INSIDE
        if inside and _PROGRAM.search(text, position, stop):
            inside -= 1
        else:
            inside = 0
            position = max(position, stop)


def find_settings(text: str, names: SecretNames) -> Iterator[Span]:
    """Yield the values that a command gives to a name."""
    for found in _SETTING.finditer(text):
        if names[found["name"].rpartition("/")[2]]:
            yield _span(found)


# The arguments of a command of Redis, as it is typed, and as MONITOR and Python show it
_ARGUMENT = re.compile(
    r"""
    ,?[ \t]{1,8} b?
    (?: (?P<quote>\\{0,4}["']) (?P<quoted>[^\n]{0,400}?) (?P=quote)
      | (?P<value>[^\s"',)\]]{1,400}) )
    """,
    re.VERBOSE,
)
_HASH = re.compile(r"""\bH(?:M?SET|SETNX)\\{0,4}["']?""")


def find_in_hashes(text: str, names: SecretNames) -> Iterator[Span]:
    """Yield the values of sensitive fields that a command of Redis sets: HSET key field value."""
    for command in _HASH.finditer(text):
        key = _ARGUMENT.match(text, command.end())
        field = key and _ARGUMENT.match(text, key.end())
        while field and (value := _ARGUMENT.match(text, field.end())):
            span = _span(value)
            if names[text[slice(*_span(field))]] and not PLACEHOLDER.fullmatch(text, *span):
                yield span
            field = _ARGUMENT.match(text, value.end())


def _span(found: re.Match[str]) -> Span:
    groups = found.re.groupindex
    return found.span("quoted" if "quoted" in groups and found["quoted"] else "value")


def find_in_urls(text: str) -> Iterator[Span]:
    """Yield passwords and tokens before the host of a URL."""
    for pattern in (_URL_PASSWORD, _URL_TOKEN, _ORACLE, _GO):
        for found in pattern.finditer(text):
            yield found.span("value")


def find_in_encoded_urls(text: str) -> Iterator[Span]:
    """Yield the passwords of URLs that are values in the query of another URL."""
    for found in _ENCODED_PASSWORD.finditer(text):
        yield found.span("value")


# The code of OAuth, which a client exchanges for a token once
_OF_OAUTH = re.compile(
    r"authorization_code|redirect_uri|code_verifier|session_state|oauth|/callback|/cb\?|[?&]state="
)
_OAUTH_CODE = re.compile(
    r"""
    (?<![\w-]) code (?:\\{0,4}["'])? \s{0,2} [=:] \s{0,2} (?:\\{0,4}["'])?
    (?= [^\s"'&]{0,64}? (?:\d|%2[fF]) ) (?P<value> [\w.~/%+-]{10,1024} )
    """,
    re.VERBOSE,
)


def find_codes(text: str) -> Iterator[Span]:
    """Yield the codes of OAuth in a text that is about OAuth."""
    if _OF_OAUTH.search(text):
        for found in _OAUTH_CODE.finditer(text):
            yield found.span("value")


def find_after_schemes(text: str, _names: SecretNames) -> Iterator[Span]:
    """Yield the tokens after the name of a scheme of HTTP authentication."""
    for found in _SCHEME.finditer(text):
        yield found.span("value")
