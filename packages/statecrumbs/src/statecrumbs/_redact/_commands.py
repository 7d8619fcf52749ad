r"""Find secrets on command lines where an option, not a name, says that one follows.

curl -u bob:...    mysql -p...    redis-cli -a ...    ["docker", "login", "-p", "..."]
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from statecrumbs._redact._extents import Span

# Between two arguments: on a command line, in a list of Python or JSON.
_NEXT = r"""(?:[ \t]{1,8}|\\{0,4}["'],?[ \t\r\n]{0,8}\\{0,4}["'])"""
_FLAG = r"(?<=[\s\"'])"
_VALUE = (
    r"""(?:(?P<quote>\\{0,4}["'])(?P<quoted>[^\n]{1,400}?)(?P=quote)"""
    r"""|(?P<value>[^\s"',;|&)\]]{1,400}))"""
)
_USER = r"""\\{0,4}["']?[^\s:"']{0,128}:(?!//)(?P<value>[^\s"']{1,400})"""
_SEPARATE = rf"(?:{_NEXT}|=)"


def _option(letters: str, *, joined: bool = True) -> str:
    return rf"{_FLAG}-{letters}{_SEPARATE}{'?' if joined else ''}{_VALUE}"


# Programs, and how a secret stands among their arguments.
_OPTIONS = {
    "curl": rf"{_FLAG}(?:-[a-zA-Z]{{0,6}}[uU]{_NEXT}?|--(?:proxy-)?user{_SEPARATE}){_USER}",
    "http https xh": rf"{_FLAG}(?:-a{_NEXT}?|--auth{_SEPARATE}){_USER}",
    "ab siege": rf"{_FLAG}-[AP]{_NEXT}?{_USER}",
    "mysql mysqldump mysqladmin mysqlimport mysqlcheck mysqlshow mysqlbinlog mysqlpump mysqlslap "
    "mariadb mariadb-dump mariadb-admin mydumper myloader xtrabackup innobackupex 7z 7za 7zz unrar "
    "rar": rf"""{_FLAG}-p(?!=)\\{{0,4}}(?P<quote>["']?)(?P<value>[^\s"',;|&]{{1,400}})(?P=quote)""",
    "mongo mongosh mongodump mongorestore mongoexport mongoimport mongostat cqlsh sshpass useradd "
    "usermod": _option("p"),
    "docker podman nerdctl buildah skopeo helm oc az": r"\blogin\b[^\n]{0,300}?" + _option("p"),
    "redis-cli valkey-cli keydb-cli": _option("a", joined=False),
    "sqlcmd bcp isql osql tsql zip unzip zipcloak": _option("P"),
    "ldapsearch ldapmodify ldapadd ldapdelete ldapwhoami ldappasswd": _option("w"),
    "smbclient smbmap rpcclient": (
        rf"{_FLAG}-U{_NEXT}?\\{{0,4}}[\"']?[^\s%\"']{{1,128}}%(?P<value>[^\s\"']{{1,400}})"
    ),
    "htpasswd": (
        rf"{_FLAG}-[a-zA-Z]{{0,6}}b[a-zA-Z]{{0,6}}{_NEXT}"
        rf"(?:[^\s\"']{{1,200}}{_NEXT}){{1,2}}{_VALUE}"
    ),
    "openssl": rf"\bpasswd{_NEXT}(?:-\w{{1,16}}{_NEXT}){{0,4}}(?!-){_VALUE}",
}
_COMMANDS = {
    program: re.compile(pattern)
    for programs, pattern in _OPTIONS.items()
    for program in programs.split()
}
_PROGRAM = re.compile(
    rf"(?<![\w.-])(?:{'|'.join(sorted(_COMMANDS, reverse=True))})(?=\.exe\b|[\s\"'\\])"
)
_END = re.compile(r"""\n|\\n|[ ](?:\||\|\||&&|;)[ ]|;[ ]""")
_LONGEST = 1000  # characters of a command

# Where no option says it: by a word, with which each expression begins because `re` finds that
# fastest.
_PHRASES = {
    word: re.compile(pattern, re.VERBOSE)
    for word, pattern in {
        # .netrc
        "login ": r"login\s{1,8}\S{1,128}\s{1,8}password\s{1,8}(?P<value>\S{1,400})",
        # Redis: its configuration, and how MONITOR shows a command; SMTP and IMAP
        "requirepass ": r"""requirepass\s{1,4}["']?(?P<value>[^\s"']{1,400})""",
        "masterauth ": r"""masterauth\s{1,4}["']?(?P<value>[^\s"']{1,400})""",
        "AUTH": r"""
            AUTH (?: ["'],?\s["'] (?: [^"'\s]{1,64} ["'],?\s["'] )? (?= [^"'\n]{1,400} ["'] )
                   | \s(?:PLAIN|LOGIN|XOAUTH2|CRAM-MD5)\s (?= [A-Za-z0-9+/=]{4} ) )
            (?P<value> [^\s"']{1,2000} )
        """,
        "echo ": r"""
            echo\s{1,4} (?:-n\s{1,4})? (?P<quote>\\{0,4}["']?) (?:\w{1,32}:)?
            (?P<value>[^\s"'|\\]{1,400}) (?P=quote) \s{0,4} \| [^|\n]{0,200}?
            (?:\bpasswd\b|\bchpasswd\b|\bsudo\s-S|--\w{0,16}password-stdin|\bcryptsetup\b)
        """,
        # MySQL
        "PASSWORD(": r"""PASSWORD\(\s{0,4}\\{0,4}["'](?P<value>[^\n"'\\]{1,400})""",
        "password(": r"""
            password\((?<![\w.]password\() \s{0,4} \\{0,4}["'] (?P<value>[^\n"'\\]{1,400})
        """,
        "sqlplus ": r"""
            sqlplus\s [^\n/]{0,64}? [\w.$\#]{1,64} / (?P<value>[^\s"'/@]{1,128}) (?=@|[\s"']|\Z)
        """,
        "vault login ": r"""vault\slogin\s(?!-|\w{1,32}=)(?P<value>[^\s"']{1,400})""",
        "rabbitmqctl ": r"""
            rabbitmqctl\s (?:add_user|change_password|authenticate_user) \s
            [^\s"']{1,128} \s (?P<value>[^\s"']{1,400})
        """,
    }.items()
}
SIGNS = tuple(_PHRASES)


def find_in_commands(text: str) -> Iterator[Span]:
    """Yield the secrets among the arguments of programs that are known."""
    position = 0
    while program := _PROGRAM.search(text, position):
        position = program.end()
        stop = min(len(text), position + _LONGEST)
        end = _END.search(text, position, stop)
        stop = end.start() if end else stop
        for found in _COMMANDS[program[0]].finditer(text, position, stop):
            yield _span(found)
        position = max(position, stop)


def find_in_phrase(text: str, word: str) -> Iterator[Span]:
    """Yield the secrets after a word of a protocol or of a file of credentials."""
    for found in _PHRASES[word].finditer(text):
        yield found.span("value")


def _span(found: re.Match[str]) -> Span:
    groups = found.re.groupindex
    return found.span("quoted" if "quoted" in groups and found["quoted"] else "value")
