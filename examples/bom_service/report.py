"""Print the places that have a request's ID, the crash dump, and the map; write its pages."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from operator import itemgetter
from pathlib import Path
from textwrap import fill
from typing import Any

from examples.bom_sync.report import SYSTEM_FIELDS, WIDTH, heading
from penstock import generate_dag
from penstock.cli import main as penstock_command
from statecrumbs.cli import main as statecrumbs_command


def tell_places(folder: Path, name: str, flow_id: str) -> None:
    """Print the places that have one request's ID: response header, logs, spans."""
    heading(f"Every place with the ID of the request for {name}:")
    print(f"  $ grep {flow_id} *.log *.spans\n")
    tell_place("header", ["X-Correlation-ID"])
    for process in ("web", "worker"):
        records = lines_of(folder / f"{process}.log", flow_id)
        tell_place(f"{process}.log", [each["event"] for each in records])
    for process in ("web", "worker"):
        spans = lines_of(folder / f"{process}.spans", flow_id)
        spans.sort(key=itemgetter("start_time"))
        tell_place(f"{process}.spans", [each["name"] for each in spans])


def lines_of(path: Path, flow_id: str) -> list[dict[str, Any]]:
    """Return the JSON lines of `path` that contain `flow_id`."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if flow_id in line]


def tell_place(place: str, found: list[str]) -> None:
    """Print the items found in one place, one a line."""
    for number, each in enumerate(found):
        print(clipped(f"  {'' if number else place:12}  {each}"))


def tell_dump(path: Path) -> None:
    """Print the failed flow's crumbs of both processes from the worker's crash dump."""
    crumbs = json.loads(path.read_text("utf-8"))
    crash = crumbs[-1]
    frame, exception = crash["frame"], crash["exception"]
    heading("Crumbs of the failed flow, from both processes:")
    for crumb in crumbs:
        if crumb.get("frame", {}).get("correlation_id") == frame["correlation_id"]:
            print(crumb_line(crumb))
    print()
    print(f"  failed step  {frame['name']}")
    print(f"  at           {own_line(exception)}")
    print(f"  exception    {exception['type']}")
    print(clipped(f"               {exception['message']}"))
    print(f"  flow ID      {frame['correlation_id']}")
    print(f"  dump         {path}")


def write_page(folder: Path, flow_id: str) -> None:
    """Write the page of one request: from the worker's dump and the black boxes of both."""
    recorded = [str(folder / "boxes"), str(folder / "worker.dump.json")]
    page = str(folder / "page.html")
    with redirect_stdout(io.StringIO()):
        statecrumbs_command(["report", *recorded, "--id", flow_id, "-o", page])


def tell_pages(folder: Path) -> None:
    """Print where the page of the failed flow is; write the map with the step that failed."""
    dump = folder / "worker.dump.json"
    failed = json.loads(dump.read_text("utf-8"))[-1]["frame"]
    heading("The failed flow as one page, over both processes, and on the map:")
    generate_dag(failed["flow"], output=folder / "map.html", crash=dump)
    print(f"  {folder / 'page.html'}")
    print(f"  {folder / 'map.html'}")


def own_line(exception: dict[str, Any]) -> str:
    """Return the innermost line of the service's own code that `exception` passed through."""
    here = Path(__file__).parent
    *_, last = (each for each in exception["traceback"] if here in Path(each["file"]).parents)
    return f"{here.parent.name}/{here.name}/{Path(last['file']).name}:{last['line']}"


def crumb_line(crumb: dict[str, Any]) -> str:
    """Return one line about `crumb`: its process, its step, its event, its data."""
    fields = {key: crumb[key] for key in crumb if key not in {*SYSTEM_FIELDS, "context", "level"}}
    data = " ".join(f"{key}={value}" for key, value in fields.items())
    # Crumbs that came with the task say where they were recorded.
    process = "web" if "origin" in crumb["frame"] else "worker"
    step = crumb["frame"]["name"]
    return clipped(f"  {process:6}  {step:12}  {crumb['event']:19}  {data}".rstrip())


def tell_map(folder: Path) -> None:
    """Print the declared flow, and write it into `folder` as Mermaid."""
    heading("The map, drawn from the code:")
    for line in generate_dag("bom_import", format="text").splitlines():
        print(f"  {line}".rstrip())
    generate_dag("bom_import", format="mermaid", output=folder / "map.mmd")


def tell_verdict(folder: Path) -> None:
    """Compare the map with the counts of the processes."""
    heading("Counts of real runs, in both processes:")
    told = io.StringIO()
    with redirect_stdout(told):
        penstock_command(["verify", str(folder / "evidence")])
    for line in told.getvalue().splitlines():
        print(f"  {line}".rstrip())


def tell_files(folder: Path) -> None:
    """Print the files."""
    heading(f"Everything is in {folder}")
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    print(fill("  ".join(names), WIDTH, initial_indent="  ", subsequent_indent="  "))


def clipped(line: str) -> str:
    """Return `line`, cut to the width."""
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}..."
