"""Run the code blocks of a README and compare the output that it shows.

The convention is small, and described for authors in CONTRIBUTING.md:

- A heading starts a section. The ``python``, ``bash`` and ``console`` blocks of one section run in
  order in one empty folder; its Python blocks are one program. ``<!-- continues -->`` before a
  block makes its section go on where the one before it ended.
- Output is shown by the next ``text``, ``json`` or ``mermaid`` block, by ``# prints`` comments, or
  under the ``$`` lines of a ``console`` block. ``...`` matches anything. Timestamps, IDs, addresses
  and durations match any other of their kind, but the same one must be the same everywhere.
- A block that starts with the comment ``# some/file.py`` is that file. Something below must use it.
- ``<!-- exits 1 -->`` announces a program that fails.
- A block is never skipped silently. ``pip install`` lines are checked against what this repository
  publishes, and ``<!-- ci: NAME -->`` marks a block that ``.ci/run`` runs under that name.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence

ROOT = pathlib.Path(__file__).resolve().parents[2]

PROGRAM = {"python"}
COMMAND = {"bash", "console"}
OUTPUT = {"text", "json", "mermaid"}
DATA = {"toml", "ini", "html", "yaml"}  # only ever files

TIMEOUT = 100  # seconds for one section


class ReadmeError(AssertionError):
    """A README says something that is not so; the message names the file, line and both sides."""


@dataclasses.dataclass
class Block:
    """One fenced block: its language, first line number, text, and the markers before it."""

    language: str
    line: int
    text: str
    markers: dict[str, str] = dataclasses.field(default_factory=dict)
    shown: Block | None = None  # the output block that belongs to it

    @property
    def file(self) -> str | None:
        """The relative path in the block's first comment, when it consists of nothing else."""
        match = re.match(
            r"#\s*([\w./-]+\.(?:py|toml|ini|html|yaml|json))\s*$", self.text.split("\n")[0]
        )
        return match.group(1) if match else None

    @property
    def exits(self) -> int:
        """The exit status that the block announces."""
        return int(self.markers.get("exits", "0"))


@dataclasses.dataclass
class Section:
    """Blocks that run together: those under one heading, and those that it continues."""

    path: pathlib.Path
    title: str
    blocks: list[Block]

    def at(self, block: Block) -> str:
        """Name a block as ``file:line``."""
        return f"{self.path.name}:{block.line}"


# Reading


def blocks_of(text: str) -> Iterator[tuple[str, Block]]:
    """Give each fenced block of a Markdown text with the heading above it."""
    title = ""
    markers: dict[str, str] = {}
    fence: list[str] | None = None
    language, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if fence is not None:
            if line.strip() == "```":
                yield title, Block(language, start, "\n".join(fence), markers)
                fence, markers = None, {}
            else:
                fence.append(line)
        elif line.startswith("```"):
            fence, language, start = [], line[3:].strip(), number
        elif line.startswith("#"):
            title = line.lstrip("# ")
        elif match := re.match(r"<!--\s*(continues|exits|ci)[: ]*(.*?)\s*-->$", line.strip()):
            markers[match.group(1)] = match.group(2)
        elif line.strip() and markers:
            raise ReadmeError(f"line {number}: the marker {markers} is not right above a block")
    if fence is not None:
        raise ReadmeError(f"line {start}: the block is never closed")


def sections_of(path: pathlib.Path) -> list[Section]:
    """Read a README: the sections that hold blocks, each output beside what prints it."""
    sections: list[Section] = []
    for title, block in blocks_of(path.read_text(encoding="utf-8")):
        where = f"{path.name}:{block.line}"
        if "continues" in block.markers:
            if not sections:
                raise ReadmeError(f"{where}: there is no section before that it could continue")
            if title != sections[-1].title:
                sections[-1].title += f" / {title}"
        elif not sections or sections[-1].title.split(" / ")[-1] != title:
            sections.append(Section(path, title, []))
        section = sections[-1]
        if block.language in PROGRAM | COMMAND or block.file:
            section.blocks.append(block)
        elif block.language in OUTPUT:
            ran = [b for b in section.blocks if not b.file]
            if not ran or ran[-1].shown is not None:
                raise ReadmeError(f"{where}: this output belongs to no block above it")
            ran[-1].shown = block
        else:
            raise ReadmeError(
                f"{where}: a block of {block.language!r} neither runs nor shows output. "
                f"Known: {', '.join(sorted(PROGRAM | COMMAND | OUTPUT | DATA))}"
            )
    return sections


def readmes(root: pathlib.Path = ROOT) -> list[pathlib.Path]:
    """Find every README, and the documents beside them that somebody wrote.

    The pages in docs/flows are generated, and test_own_flows.py holds them to what they show.
    """
    documents = ["README.md", "CONTRIBUTING.md", "docs/*.md"]
    folders = ["packages", "integrations", "tests", "examples", "docs"]
    patterns = documents + [f"{folder}/*/README.md" for folder in folders]
    return sorted({path for pattern in patterns for path in root.glob(pattern)})


# Running


def run(section: Section, folder: pathlib.Path, python: str = sys.executable) -> None:
    """Run one section in an empty folder, and compare; ReadmeError says what differs."""
    used = "\n".join(b.text for b in section.blocks)
    for block in section.blocks:
        if block.file:
            module = block.file.removesuffix(".py").replace("/", ".")
            elsewhere = used.replace(block.text, "")
            if not any(re.search(rf"\b{re.escape(n)}\b", elsewhere) for n in (block.file, module)):
                raise ReadmeError(f"{section.at(block)}: nothing uses the file {block.file}")
            target = folder / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text + "\n", encoding="utf-8")
    for block in section.blocks:
        if block.language == "console" and not block.text.startswith("$ "):
            raise ReadmeError(f"{section.at(block)}: a console block starts with '$ '")
    for chain in _chains(section):
        _run_chain(section, chain, folder, python)


def _chains(section: Section) -> list[list[Block]]:
    """Split where a program is announced to end: nothing can go on in the same interpreter."""
    chains: list[list[Block]] = [[]]
    for block in section.blocks:
        if block.file or _is_checked_elsewhere(section, block):
            continue
        chains[-1].append(block)
        if block.exits:
            chains.append([])
    return [chain for chain in chains if chain]


def _run_chain(section: Section, chain: Sequence[Block], folder: pathlib.Path, python: str) -> None:
    """Run blocks as one program: Python as it stands, commands through the shell in between."""
    separator = f"-- next block {os.urandom(8).hex()} --"
    program: list[str] = []
    for block in chain:
        for command, _ in _steps(block):
            program += [command, f"if __name__ == '__main__': print({separator!r}, flush=True)"]
    script = folder / "readme_example.py"
    script.write_text("\n".join(program) + "\n", encoding="utf-8")
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(pathlib.Path(python).parent), os.environ.get("PATH", "")]),
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),  # as in the top folder of a checkout: python -m examples.bom_sync
        "PYTHONUNBUFFERED": "1",
    }
    done = subprocess.run(
        [python, script.name],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT,
        encoding="utf-8",
        check=False,
    )
    if done.returncode != chain[-1].exits:
        raise ReadmeError(
            f"{section.at(chain[0])}: exit status {done.returncode}, not {chain[-1].exits}. "
            f"Output:\n{done.stdout.replace(separator, '')}"
        )
    outputs = iter(done.stdout.split(separator + "\n"))
    for block in chain:
        for _, expected in _steps(block):
            output = next(outputs, "")
            if expected is not None:
                difference = compare(expected[1], output, expected[0])
                if difference:
                    raise ReadmeError(f"{section.at(block)}: {difference}")


def _steps(block: Block) -> list[tuple[str, tuple[str, str] | None]]:
    """Turn a block into pieces of a Python program, each with the output (language, text) shown."""
    shown = (block.shown.language, block.shown.text) if block.shown else None
    if block.language == "python":
        prints = re.findall(r"# prints (.*)$", block.text, re.MULTILINE)
        return [(block.text, shown or (("text", "\n".join(prints)) if prints else None))]
    if block.language == "bash":
        return [(_shell(block.text), shown)]
    steps: list[tuple[str, tuple[str, str] | None]] = []
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        # A command goes on while its lines end in a backslash.
        lines = part.split("\n")
        size = next(i for i, line in enumerate(lines, 1) if not line.endswith("\\"))
        steps.append((_shell("\n".join(lines[:size])), ("text", "\n".join(lines[size:]))))
    if block.shown:
        steps[-1] = (steps[-1][0], shown)
    return steps


def _shell(command: str) -> str:
    """Write a Python statement that runs a shell command, and ends the program where it fails."""
    status = f"__import__('subprocess').run(['bash', '-ec', {command!r}]).returncode"
    return f"if __name__ == '__main__' and (_status := {status}): raise SystemExit(_status)"


# Comparing

# In this order: a longer form before what could be a part of it.
KINDS = {
    "timestamp": r"(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d+)?(?:\+00:00|Z)?",
    "traceparent": r"\b00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\b",
    "correlation ID": r"\b[0-9a-f]{32}\b",
    "span ID": r"\b[0-9a-f]{16}\b",
    "address": r"\b0x[0-9a-f]{6,}\b",
    "duration": r"\b\d+(?:\.\d+)? ?(?:ns|us|µs|ms|s)\b",
}


def normalise(text: str) -> str:
    """Replace what differs from run to run by its kind and its number of first appearance.

    Two equal IDs stay equal and two different ones different, which is most of what an example
    wants to show. Timestamps and durations only keep their kind: two may fall together.
    """
    seen: dict[str, str] = {}

    def replace(match: re.Match[str]) -> str:
        kind = str(match.lastgroup).replace("_", " ")
        if kind in {"timestamp", "duration"}:
            return f"<{kind}>"
        number = sum(name.startswith(f"<{kind}") for name in seen.values()) + 1
        return seen.setdefault(match.group(), f"<{kind} {number}>")

    pattern = "|".join(f"(?P<{k.replace(' ', '_')}>{v})" for k, v in KINDS.items())
    return re.sub(pattern, replace, text)


def compare(shown: str, output: str, language: str = "text") -> str | None:
    """Say how an output differs from what is shown, or give None.

    JSON is compared as data with the first document in the output; the string "..." in it matches
    any value. In any other language ``...`` matches anything within its line, and any number of
    lines where it stands alone.
    """
    if language == "json":
        if _same_json(json.loads(normalise(shown)), _first_json(normalise(output))):
            return None
    else:
        lines = [re.escape(line.rstrip()) for line in normalise(shown.rstrip()).split("\n")]
        pattern = "".join(
            r"(?:.*\n)*?" if line == r"\.\.\." else line.replace(r"\.\.\.", ".*") + r"[ \t]*\n"
            for line in lines
        )
        if re.fullmatch(pattern, normalise(output.rstrip()) + "\n"):
            return None
    return f"The output is not what is shown.\n--- shown\n{shown}\n--- output\n{output}"


def _first_json(text: str) -> object:
    for match in re.finditer(r"^[\[{]", text, re.MULTILINE):
        try:
            return json.JSONDecoder().raw_decode(text, match.start())[0]
        except ValueError:
            continue
    return None


def _same_json(shown: object, real: object) -> bool:
    if shown == "...":
        return True
    if isinstance(shown, dict) and isinstance(real, dict):
        return list(shown) == list(real) and all(_same_json(shown[k], real[k]) for k in shown)
    if isinstance(shown, list) and isinstance(real, list):
        return len(shown) == len(real) and all(map(_same_json, shown, real))
    return type(shown) is type(real) and shown == real


# Blocks that do not run here


def _is_checked_elsewhere(section: Section, block: Block) -> bool:
    """Tell whether a block is not for running here, and check it in the way that is left."""
    if "ci" in block.markers:
        command = f"readme_command {block.markers['ci']}"
        if command not in (ROOT / ".ci" / "run").read_text(encoding="utf-8"):
            raise ReadmeError(f"{section.at(block)}: .ci/run has no {command!r}")
        if any(shown and shown[1] for _, shown in _steps(block)):
            raise ReadmeError(f"{section.at(block)}: .ci/run does not compare the output shown")
        return True
    lines = [line for line in block.text.splitlines() if line.strip()]
    if block.language in COMMAND and all(re.match(r"(\$ )?pip install ", line) for line in lines):
        for line in lines:
            for requirement in shlex.split(line.removeprefix("$ "), comments=True)[2:]:
                problem = _unpublished(requirement)
                if problem:
                    raise ReadmeError(f"{section.at(block)}: {problem}")
        return True
    return False


def _unpublished(requirement: str) -> str | None:
    """Say why a requirement is not one of ours, or give None."""
    match = re.fullmatch(r"([\w-]+)(?:\[([\w,-]+)\])?", requirement)
    ours = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("*/*/pyproject.toml"))
    if not match or f'\nname = "{match.group(1)}"\n' not in ours:
        return f"{requirement!r} is not a distribution of this repository"
    known = importlib.metadata.metadata(match.group(1)).get_all("Provides-Extra") or []
    missing = [extra for extra in (match.group(2) or "").split(",") if extra and extra not in known]
    return f"{match.group(1)} has no extra {missing[0]!r}; it has {known}" if missing else None


def main(arguments: Sequence[str]) -> int:
    """Check the given READMEs (all of them without arguments); the exit status is the verdict."""
    failed = 0
    for path in [pathlib.Path(a) for a in arguments] or readmes():
        for section in sections_of(path):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    run(section, pathlib.Path(folder))
                    print(f"ok      {path} # {section.title}")
                except ReadmeError as error:
                    failed += 1
                    print(f"FAILED  {path} # {section.title}\n{error}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
