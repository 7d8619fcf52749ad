"""The parts, in SQLite."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# A component of a CycloneDX document.
Part: TypeAlias = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS part (
    ref      TEXT PRIMARY KEY,
    name     TEXT NOT NULL,
    version  TEXT NOT NULL,
    flow_id  TEXT NOT NULL  -- of the message that stored it last
)
"""

UPSERT = """
INSERT INTO part VALUES (?, ?, ?, ?)
ON CONFLICT (ref) DO UPDATE SET
    name = excluded.name, version = excluded.version, flow_id = excluded.flow_id
"""

LARGEST_UPDATE = """
SELECT flow_id FROM part GROUP BY flow_id ORDER BY count(*) DESC, min(ref) LIMIT 1
"""


class PartStore:
    """The parts in the SQLite file that `open` was given."""

    _database: sqlite3.Connection

    def open(self, path: Path) -> None:
        """Open the file `path`, or make it."""
        self._database = sqlite3.connect(path)
        self._database.execute(SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def bulk_upsert(self, parts: Iterable[Part], flow_id: str | None) -> None:
        """Store all of `parts`, or none of them; replace those that are there."""
        rows = [(each["bom-ref"], each["name"], each.get("version"), flow_id) for each in parts]
        with self._database:
            self._database.executemany(UPSERT, rows)

    def count(self) -> int:
        """Return the number of parts."""
        count: int = self._database.execute("SELECT count(*) FROM part").fetchone()[0]
        return count

    def largest_update(self) -> str:
        """Return the flow ID of the message that stored the most parts."""
        flow_id: str = self._database.execute(LARGEST_UPDATE).fetchone()[0]
        return flow_id
