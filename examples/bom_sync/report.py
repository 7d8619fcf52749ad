"""Print the progress of the job, and its results."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from penstock import generate_dag

if TYPE_CHECKING:
    from pathlib import Path

WIDTH = 80  # columns

# The fields of a crumb, and of the record of the crash, that are not the program's data.
SYSTEM_FIELDS = {"event", "ts", "thread", "frame", "exception", "dropped", "process"}
SYSTEM_FIELDS |= {"received", "in_flight", "running", "checksum"}


def progress(label: str, text: str) -> None:
    """Print a line of progress."""
    print(f"  {label:4}  {text}", flush=True)


def heading(text: str) -> None:
    """Print a heading."""
    print(f"\n{text}\n", flush=True)


def tell_counts(messages: int, synced: int, parts: int) -> None:
    """Print the number of synced and skipped messages."""
    skipped = messages - synced
    print(f"\n{messages} messages: {synced} synced, {skipped} skipped; {parts} parts are stored")


def tell_flow(folder: Path, flow_id: str) -> None:
    """Print the log lines of both processes with `flow_id`, in the order of time."""
    heading("Log lines of one message, from both processes:")
    print(f"  $ grep -h {flow_id} *.log | sort\n")
    logs = [(folder / name).read_text("utf-8") for name in ("sync.log", "api.log")]
    lines = [line for log in logs for line in log.splitlines() if line.startswith(flow_id)]
    for line in sorted(lines):
        print(line.removeprefix(flow_id))


def tell_map(folder: Path) -> None:
    """Print the declared flow, and write it into `folder` as Mermaid."""
    heading("The map, drawn from the code:")
    for line in generate_dag("bom_sync", format="text").splitlines():
        print(f"  {line}".rstrip())
    generate_dag("bom_sync", format="mermaid", output=folder / "map.mmd")


def tell_dump(path: Path) -> None:
    """Print the failed step and the failed flow's crumbs from a crash dump."""
    crumbs = json.loads(path.read_text("utf-8"))
    crash = crumbs[-1]
    frame, exception = crash["frame"], crash["exception"]
    heading("Crumbs of the failed flow:")
    for crumb in crumbs:
        if crumb.get("frame", {}).get("correlation_id") == frame["correlation_id"]:
            print(crumb_line(crumb))
    print()
    print(f"  failed step  {frame['name']}")
    print(f"  exception    {exception['type']}: {exception['message']}")
    print(f"  flow ID      {frame['correlation_id']}")
    print(f"  dump         {path}, {len(crumbs)} records")


def crumb_line(crumb: dict[str, Any]) -> str:
    """Return one line about `crumb`: its step, its event, and its data, cut to the width."""
    data = " ".join(f"{key}={crumb[key]}" for key in crumb if key not in SYSTEM_FIELDS)
    line = f"  {crumb['frame']['name']:20}  {crumb['event']:15}  {data}".rstrip()
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}..."


def tell_files(folder: Path) -> None:
    """Print the files."""
    heading(f"Everything is in {folder}")
    for inside in (".", "crash"):
        names = sorted(path.name for path in (folder / inside).iterdir() if path.is_file())
        print(f"  {inside:5}  {'  '.join(names)}")
