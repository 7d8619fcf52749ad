"""Post bills of materials (BOMs) to a web process, import them in a worker, print the results.

The service refuses one of them, and a task crashes on another one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import django
from django.core.management import call_command

from examples.bom_service import report
from examples.bom_service.documents import make_documents
from examples.bom_service.flows import declare
from examples.bom_service.processes import Process
from examples.bom_sync.report import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

INTERRUPTED = 130  # the exit status that shells use for Ctrl-C
PATIENCE = 45  # seconds that the worker may take for all imports


def main() -> None:
    """Run the job with the options of the command line."""
    options = parse_arguments()
    folder: Path = options.output.resolve()
    os.environ["DJANGO_SETTINGS_MODULE"] = "examples.bom_service.settings"
    os.environ["BOM_SERVICE_FOLDER"] = str(folder)
    os.environ["BOM_SERVICE_BROKER"] = options.broker
    try:
        tell_everything(folder, options.broker)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def parse_arguments() -> argparse.Namespace:
    """Return the options of the command line, and make the folder."""
    parser = argparse.ArgumentParser("python -m examples.bom_service", description=__doc__)
    option = parser.add_argument
    option("--output", type=Path, metavar="DIR", help="a folder for everything (default: new)")
    option(
        "--broker",
        metavar="URL",
        default="filesystem://",
        help="redis://... or amqp://... (default: files in the folder)",
    )
    options = parser.parse_args()
    options.output = options.output or Path(tempfile.mkdtemp(prefix="bom_service-"))
    options.output.mkdir(parents=True, exist_ok=True)
    return options


def tell_everything(folder: Path, broker: str) -> None:
    """Do the job, and print the results."""
    print("bom_service: a web process takes bills of materials, a worker imports them\n")
    progress("into", str(folder))
    django.setup()
    call_command("migrate", verbosity=0)
    with Process("web", folder) as web, Process("worker", folder) as worker:
        port = int(web.wait_until_ready())
        worker.wait_until_ready()
        progress("web", f"a separate process, on port {port}")
        progress("work", f"a separate process, with the broker {broker.partition(':')[0]}")
        flow_ids = {path.stem: post(path, port) for path in make_documents(folder / "documents")}
        wait_for_imports(flow_ids.values())
        wait_until((folder / "worker.dump.json").exists)  # written after the import has failed
        report.write_page(folder, flow_ids["unpinned"])  # a black box goes with its process
    # Both processes have ended, so their files are complete.
    tell_imports(flow_ids.values())
    report.tell_places(folder, "service", flow_ids["service"])
    report.tell_dump(folder / "worker.dump.json")
    declare()
    report.tell_map(folder)
    report.tell_verdict(folder)
    report.tell_pages(folder)
    report.tell_files(folder)


def post(document: Path, port: int) -> str:
    """Post a document, and return the request's ID from the response header."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("POST", f"/boms/{document.stem}/", document.read_bytes())
        response = connection.getresponse()
        answer = json.load(response)
        said = answer.get("error", "")
        progress("post", f"{document.stem:11}  {response.status} {response.reason}  {said}".strip())
        return response.headers["X-Correlation-ID"]


def wait_for_imports(flow_ids: Iterable[str]) -> None:
    """Wait until every import has succeeded or failed."""
    from examples.bom_service.models import Import

    final = (Import.State.DONE, Import.State.FAILED)
    pending = Import.objects.filter(flow_id__in=flow_ids).exclude(state__in=final)
    wait_until(lambda: not pending.all().exists())


def wait_until(is_done: Callable[[], bool]) -> None:
    """Wait for the worker, but not for ever."""
    deadline = time.monotonic() + PATIENCE
    while not is_done():
        if time.monotonic() > deadline:
            sys.exit(f"The worker did not finish all imports within {PATIENCE} seconds.")
        time.sleep(0.05)


def tell_imports(flow_ids: Iterable[str]) -> None:
    """Print the outcome of each import."""
    from examples.bom_service.models import Import

    for bom in Import.objects.filter(flow_id__in=flow_ids).order_by("pk"):
        progress("work", f"{bom.name:11}  {bom.state}, parts: {bom.parts.count()}")


if __name__ == "__main__":
    main()
