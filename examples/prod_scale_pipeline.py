"""Run a large batch job in many threads: 200,000 crumbs are recorded, a few hundred are kept.

Run it::

    python examples/prod_scale_pipeline.py [FOLDER]

The program sets two bounds. `max_crumbs` is the size of the ring of all threads. `max_trail`
is the size of each batch's own trail. One batch fails early. At the end of the job its crumbs have
left the ring, but not its trail, so the dump has all of them.
"""

import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from statecrumbs import crumb, enable, report, snapshot
from statecrumbs.context import context
from statecrumbs.formatter import format_text

BATCHES, RECORDS, THREADS = 100, 1000, 8
ODD_ONE = 7_512


def weigh(record: int) -> float:
    """Return the weight of `record` in kg from the text of the scales."""
    text = "7,5" if record == ODD_ONE else f"{record % 90 + 10}.5"  # a comma
    crumb("weighing", record=record, text=text)
    return float(text)


def run_batch(number: int) -> float:
    """Return the weight of all records of the batch `number` in kg."""
    with context(batch=number):
        crumb("batch_started")
        weight = 0.0
        for record in range(number * RECORDS, (number + 1) * RECORDS):
            weight += weigh(record)
            crumb("weighed", total=weight)
        crumb("batch_completed")
        return weight


def main(folder: Path) -> None:
    """Run every batch, and dump the crumbs of the failed ones into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    dump = folder / "failed_batch.json"
    enable(max_crumbs=200, max_trail=20, on_crash="file", output_file=dump, include_thread=False)

    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        batches = [pool.submit(run_batch, number) for number in range(BATCHES)]
    seconds = time.perf_counter() - began
    print(f"{BATCHES} batches of {RECORDS} records in {THREADS} threads took {seconds:.1f} s")

    for number, batch in enumerate(batches):
        error = batch.exception()
        if error is None:
            continue
        in_ring = sum(each["context"]["batch"] == number for each in snapshot())
        report(error)  # as in a crash: the failed batch's trail, and the ring
        *crumbs, crash = json.loads(dump.read_text("utf-8"))
        trail = [each for each in crumbs if each["context"]["batch"] == number]
        print(f"Batch {number} failed: {crash['exception']['message']}")
        print(f"  crumbs of it   {len(trail) + crash['dropped']}")
        print(f"  in the ring    {in_ring}")
        print(f"  in its trail   {len(trail)}, the last of which are:\n")
        print(format_text(trail[-6:]))
        print(f"\nAll of them are in {dump}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="prod_scale-")))
