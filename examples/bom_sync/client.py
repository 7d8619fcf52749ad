"""The client of the API: starts it in a separate process, and sends requests to it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import quote

import corectx
from examples.bom_sync.messages import BadUpdate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from examples.bom_sync.store import Part

PATIENCE = 30  # seconds that the API may take to start, and to answer


class BomApi:
    """Sends requests to the API on `port`."""

    port: int

    def get_bom(self, bom_id: str) -> list[Part]:
        """Return the parts of the BOM `bom_id`; raise `BadUpdate` if the API does not know it."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            # Send the correlation ID, so that the log of the API has it too.
            headers: dict[str, str] = corectx.inject({}, http=True)
            connection.request("GET", f"/boms/{quote(bom_id, safe='')}", headers=headers)
            response = connection.getresponse()
            if response.status == HTTPStatus.NOT_FOUND:
                raise BadUpdate(f"the API knows no {bom_id}")
            parts: list[Part] = json.load(response)["parts"]
            return parts


@contextmanager
def running_api(bom: Path, log_file: Path, port: int) -> Iterator[int]:
    """Start the API with the document `bom`, yield the port it listens on, and stop it."""
    with subprocess.Popen(
        [sys.executable, "-m", "examples.bom_sync.api", bom, log_file, str(port)],
        stdin=subprocess.PIPE,  # closed at the end of the block, or when this process is killed
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C reaches only the parent; the API ends with it
    ) as process:
        patience = threading.Timer(PATIENCE, process.kill)
        patience.start()
        try:
            line = process.stdout.readline() if process.stdout else ""
        finally:
            patience.cancel()
        if not line:
            sys.exit(f"The API ended with exit code {process.wait()} before it was ready.")
        yield int(line)
