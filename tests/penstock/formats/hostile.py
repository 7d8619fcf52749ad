"""Step names that break drawings: what each format takes for its own, and any string at all."""

from __future__ import annotations

import random
import string

# Every one has broken, or would break, some format when it is pasted in as it is.
KNOWN = (
    # Mermaid: reserved words, arrows, node shapes, comments, directives, entities, icons, classes.
    *"end class graph subgraph style click call href linkStyle interpolate default".split(),
    *"direction flowchart classDef accTitle accDescr x o v TD LR END Graph _self _blank".split(),
    *"_parent _top constructor __proto__ toString hasOwnProperty valueOf isPrototypeOf".split(),
    *"n0 n1 flow0 __init__ _private_ end_of_day style_guide class_ graph1 default_value".split(),
    *"a---order a-->b a==>b a-.->b a--x b--o a~~~b e1@-->x a@{shape:x} a:::b a&b a;b a|b".split(),
    *"%%{init:{}}%% %%comment #quot; #35; #lt; &lt; &amp; &#35; fa:fa-car fab:fa-x $$x^2$$".split(),
    "direction TB",
    "go in direction LR please",
    "style: x:#35; y;",
    "classDef a:#b;c;",
    "style x:#;",
    "click n0 href x",
    "\ufb02\xb0\xb035\xb6\xdf",
    "\ufb02\xb0quot\xb6\xdf",
    "`markdown`",
    "**bold** and _italic_ and ~~gone~~",
    "1. first",
    "12) twelfth",
    "- item",
    "+ item",
    "# head",
    "---",
    "===",
    "> quote",
    "    code",
    "[link](http://x.y)",
    "http://example.com/a?b=c&d=e#f",
    "www.example.com",
    "me@example.com",
    "![image](x.png)",
    # DOT: ports, HTML labels, escapes, keywords, comments.
    *"mod:func mod:func:n node edge digraph strict <lambda> <b>bold</b> <locals>.run".split(),
    *'\\N \\G \\n \\l \\r \\\\ \\E \\T \\H \\L \\" // /* */ -> -- a->b 1.5 -3 .5'.split(),
    "ends with a backslash\\",
    "#include",
    # HTML, XML, JSON.
    *"<script>alert(1)</script> </script> </svg> <!-- --> ]]> &nbsp; &#x41; <br/> \" ' ''".split(),
    '"quoted"',
    "it's",
    "</title><b>",
    # Terminals and text: controls, bidirectional overrides, wide and combining characters.
    "",
    " ",
    "  two  spaces  ",
    "\t",
    "line\nbreak",
    "\r\n",
    "\x00",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x7f\x80\x9b",
    "\u202etxt.exe",
    "\u2066isolated\u2069",
    "\u2028\u2029",
    "\ufeffmark",
    "\ufffe\uffff",
    "\ud800 lone \udfff",
    "zero\u200bwidth",
    "\u6f22\u5b57",
    "\u30c6\u30b9\u30c8_step",
    "\uff26\uff55\uff4c\uff4c",
    "e\u0301\u0301\u0301",
    "\U0001f600\U0001f469\u200d\U0001f680",
    "\u05e9\u05dc\u05d5\u05dd",
    "\u0645\u0631\u062d\u0628\u0627",
    "\u00a0",
    "\u3000wide space\u3000",
    "stra\xdfe",
    "na\xefve step",
    # Python: what a decorated object may be called.
    "<lambda>",
    "outer.<locals>.inner",
    "Class.method",
    "step (retry #2)",
    "50% done",
    "C:\\temp\\new",
    "a" * 300,
    "\u6f22" * 120,
    '"' * 60,
)
_ALPHABETS = (
    string.punctuation,
    string.punctuation + " \n\t" + string.ascii_letters,
    '#;&"<>{}[]()|%`\\:-_=~@$^*+.! ',
    "_-. aZ09",
    "\x00\x01\x07\x1b\x7f\x85\xa0\xad\u200b\u200d\u202e\u2028\ufeff\ufffe\ud800\udcff ab",
    "\u6f22\u5b57\u30c6\uff26\xe9\xdf\ufb02\u0301\u05e9\u0645\U0001f600\U0002000b aZ_",
)
_WORDS = (
    "end",
    "style",
    "graph",
    "#quot;",
    "%%",
    "-->",
    "\\N",
    "<b>",
    "direction",
    "TB",
    "&lt;",
    ":",
)


def names(count: int) -> list[str]:
    """Return `count` different names: the known ones first, then generated, always the same."""
    pick = random.Random(20_250_101)
    found = dict.fromkeys(KNOWN[:count])
    while len(found) < count:
        kind = pick.randrange(len(_ALPHABETS) + 2)
        length = pick.randint(1, 16)
        if kind < len(_ALPHABETS):
            name = "".join(pick.choices(_ALPHABETS[kind], k=length))
        elif kind == len(_ALPHABETS):
            name = pick.choice(("", " ", "_")).join(pick.choices(_WORDS, k=pick.randint(1, 4)))
        else:
            name = "".join(chr(pick.randrange(0x110000)) for _ in range(length))
        found[name] = None
    return list(found)
