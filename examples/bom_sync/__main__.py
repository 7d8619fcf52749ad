"""Run the flow `bom_sync` for updates of bills of materials (BOMs), and print the results.

The BOMs are those of the running environment. Then the job runs again, with --crash, to show the
dump of a program that dies.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import corectx
import statecrumbs
from examples.bom_sync import report
from examples.bom_sync.bom import prepare_bom
from examples.bom_sync.client import running_api
from examples.bom_sync.flow import api, db, handle_kafka_message
from examples.bom_sync.logs import log_to, show_warnings
from examples.bom_sync.messages import Message, updates_of

INTERRUPTED = 130  # the exit status that shells use for Ctrl-C


def main() -> None:
    """Run the job with the options of the command line."""
    options = parse_arguments()
    folder: Path = options.output
    try:
        if options.crash:
            sync(folder, options)
        else:
            tell_everything(folder, options)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def tell_everything(folder: Path, options: argparse.Namespace) -> None:
    """Do the job and print the results; then do it again in another process that dies."""
    print("bom_sync: updates of bills of materials become parts in a database\n")
    flow_id = sync(folder, options)
    report.tell_flow(folder, flow_id)
    report.tell_map(folder)
    report.tell_dump(crash(folder))
    report.tell_files(folder)


def parse_arguments() -> argparse.Namespace:
    """Return the options of the command line, and make the folder."""
    parser = argparse.ArgumentParser("python -m examples.bom_sync", description=__doc__)
    option = parser.add_argument
    option("--crash", action="store_true", help="process an unexpected message, and die")
    option("--output", type=Path, metavar="DIR", help="a folder for everything (default: new)")
    option("--bom", type=Path, metavar="FILE", help="a CycloneDX document (default: made now)")
    option("--port", type=int, default=0, help="where the API listens (default: any free port)")
    options = parser.parse_args()
    options.output = options.output or Path(tempfile.mkdtemp(prefix="bom_sync-"))
    options.output.mkdir(parents=True, exist_ok=True)
    return options


def sync(folder: Path, options: argparse.Namespace) -> str:
    """Do the job: the BOM, the API, each message. Return the flow ID of the largest update."""
    statecrumbs.enable(on_crash="file", output_file=folder / "dump.json")
    log_to(folder / "sync.log", "sync")
    show_warnings()

    report.progress("into", str(folder))
    bom = prepare_bom(folder / "bom.json", options.bom, has_unforeseen=options.crash)
    report.progress("BOM", f"{len(bom['components'])} components")
    with running_api(folder / "bom.json", folder / "api.log", options.port) as api.port:
        report.progress("API", f"a separate process, on port {api.port}")
        db.open(folder / "parts.sqlite")
        with closing(db):
            messages = list(updates_of(bom))
            synced = consume(messages)
            report.tell_counts(len(messages), synced, db.count())
            return db.largest_update()


def consume(messages: list[Message]) -> int:
    """Run the flow for every message; return the number of synced ones."""
    synced = 0
    quarters = {len(messages) * number // 4 for number in (1, 2, 3, 4)}
    for number, msg in enumerate(messages, 1):
        # Continue the operation that the headers name: the flow joins it.
        token = corectx.attach(corectx.extract(msg.headers))
        try:
            synced += handle_kafka_message(msg)
        finally:
            corectx.detach(token)
        if number in quarters:
            report.progress("sync", f"{number} of {len(messages)} messages")
    return synced


def crash(folder: Path) -> Path:
    """Do the job in another process that dies; return the path of its dump."""
    crashed = folder / "crash"
    crashed.mkdir(exist_ok=True)
    dump = crashed / "dump.json"
    dump.unlink(missing_ok=True)
    report.heading("Once more, with an unexpected message:")
    print("  $ python -m examples.bom_sync --crash", flush=True)
    job = [sys.executable, "-m", "examples.bom_sync", "--crash"]
    where = [f"--bom={folder / 'bom.json'}", f"--output={crashed}"]
    with (crashed / "stderr.txt").open("w") as stderr:
        done = subprocess.run([*job, *where], stderr=stderr, check=False)
    if not dump.exists():
        sys.exit(f"It wrote no dump; its exit code is {done.returncode}; see {stderr.name}")
    report.progress("exit", f"code {done.returncode}, traceback in {stderr.name}")
    return dump


if __name__ == "__main__":
    main()
