"""Post bills of materials (BOMs) to a web process, have a worker import them, tell what came of it.

One of them is refused, and one makes a task crash.
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
    from collections.abc import Iterable

INTERRUPTED = 130  # what shells say of a program that Ctrl-C ended
PATIENCE = 45  # seconds that the worker may take for all imports


def main() -> None:
    """Do what the command line says."""
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
    """Return the options that were given, with a folder that is there."""
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
    """Do the job, and show what came of it."""
    print("bom_service: bills of materials are posted, and a worker imports them\n")
    progress("into", str(folder))
    django.setup()
    call_command("migrate", verbosity=0)
    with Process("web", folder) as web, Process("worker", folder) as worker:
        port = int(web.wait_until_ready())
        worker.wait_until_ready()
        progress("web", f"a process of its own, on port {port}")
        progress("work", f"a process of its own, with the broker {broker.partition(':')[0]}")
        flow_ids = {path.stem: post(path, port) for path in make_documents(folder / "documents")}
        wait_for_imports(flow_ids.values())
    # Both have ended, and so all is written.
    tell_imports(flow_ids.values())
    report.tell_places(folder, "service", flow_ids["service"])
    report.tell_dump(folder / "worker.dump.json")
    declare()
    report.tell_map(folder)
    report.tell_verdict(folder)
    report.tell_files(folder)


def post(document: Path, port: int) -> str:
    """Post a document; return the ID of the request, which is in the response's header."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("POST", f"/boms/{document.stem}/", document.read_bytes())
        response = connection.getresponse()
        answer = json.load(response)
        said = answer.get("error", "")
        progress("post", f"{document.stem:11}  {response.status} {response.reason}  {said}".strip())
        return response.headers["X-Correlation-ID"]


def wait_for_imports(flow_ids: Iterable[str]) -> None:
    """Wait until the worker is through with the imports, whatever came of each."""
    from examples.bom_service.models import Import

    final = (Import.State.DONE, Import.State.FAILED)
    deadline = time.monotonic() + PATIENCE
    pending = Import.objects.filter(flow_id__in=flow_ids).exclude(state__in=final)
    while pending.all().exists():
        if time.monotonic() > deadline:
            sys.exit(f"The worker was not through with all imports after {PATIENCE} seconds.")
        time.sleep(0.05)


def tell_imports(flow_ids: Iterable[str]) -> None:
    """Say what became of each import."""
    from examples.bom_service.models import Import

    for bom in Import.objects.filter(flow_id__in=flow_ids).order_by("pk"):
        progress("work", f"{bom.name:11}  {bom.state}, parts: {bom.parts.count()}")


if __name__ == "__main__":
    main()
