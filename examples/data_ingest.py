"""Ingest price lists in stages, good ones and a bad one, and export the crumbs of each run.

Run it::

    python examples/data_ingest.py [FOLDER]

Each run is a context, and so is each stage. Its crumbs are exported to FOLDER/<pipeline>.json; the
default is a new temporary folder.
"""

import csv
import io
import sqlite3
import sys
import tempfile
from pathlib import Path

from statecrumbs import clear, crumb, snapshot
from statecrumbs.context import context
from statecrumbs.export import export_json
from statecrumbs.formatter import format_json

PRICE_LISTS = {
    # One row has no price: it is skipped.
    "ingest-42": "sku,price\nkettle,25.00\nlamp,40.00\nteapot,n/a\ntray,12.50\nvase,18.00\n",
    # One article appears twice: the whole list is refused.
    "ingest-43": "sku,price\nbowl,7.50\ncup,4.20\ncup,4.80\n",
}


@context(stage="extract")
def extract(text: str) -> list[dict[str, str]]:
    """Read the rows of a CSV `text`."""
    rows = list(csv.DictReader(io.StringIO(text)))
    crumb("extract_completed", records=len(rows))
    return rows


@context(stage="transform")
def transform(rows: list[dict[str, str]]) -> list[tuple[str, int]]:
    """Turn prices into cents; skip rows whose price is not a number."""
    articles = []
    for row in rows:
        try:
            articles.append((row["sku"], round(float(row["price"]) * 100)))
        except ValueError as error:
            crumb("row_rejected", row=row, error=error)
    crumb("transform_completed", records=len(articles))
    return articles


@context(stage="load")
def load(database: sqlite3.Connection, articles: list[tuple[str, int]]) -> None:
    """Store all of `articles`, or none of them."""
    with database:
        for article in articles:
            crumb("storing", article=article)
            database.execute("INSERT INTO article VALUES (?, ?)", article)
    crumb("load_completed", records=len(articles))


def ingest(database: sqlite3.Connection, pipeline_id: str, text: str) -> bool:
    """Run all stages for one price list; return whether it was loaded."""
    with context(pipeline_id=pipeline_id):
        crumb("pipeline_started", characters=len(text))
        try:
            load(database, transform(extract(text)))
        except sqlite3.Error as error:
            crumb("pipeline_failed", error=error)
            return False
        crumb("pipeline_completed")
        return True


def main(folder: Path) -> None:
    """Ingest every price list, and write a file of crumbs for each into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE article (sku TEXT PRIMARY KEY, cents INTEGER NOT NULL)")
    for pipeline_id, text in PRICE_LISTS.items():
        clear()
        is_loaded = ingest(database, pipeline_id, text)
        path = folder / f"{pipeline_id}.json"
        export_json(path)
        crumbs = snapshot()
        outcome = "loaded" if is_loaded else "FAILED"
        print(f"{pipeline_id}  {outcome}  {len(crumbs):2} crumbs in {path}")
        if not is_loaded:
            print(f"the last two of them:\n{format_json(crumbs[-2:])}")
    (articles,) = database.execute("SELECT count(*) FROM article").fetchone()
    print(f"{articles} articles are stored")
    database.close()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="data_ingest-")))
