"""The crumbs that somebody asks for: of one ID, of one operation, of the last minutes."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from statecrumbs._black_box import UnreadableError
from statecrumbs._json import is_object
from statecrumbs._lines import correlation_id, escaped, moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, Final

    from statecrumbs._reading._recording import Recording

_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_NAMED: Final = 10  # IDs or names in a message


def since(text: str) -> float:
    """Return the Unix time that ``10m`` before now means, or an ISO 8601 time.

    Raises ValueError. A time without a zone is UTC, as all that we show.
    """
    age = re.fullmatch(r"(\d+(?:\.\d+)?) ?(s|m|min|h|d)", text.strip())
    if age is not None:
        return time.time() - float(age[1]) * _UNITS[age[2]]
    # Before 3.11 a fraction must have three or six digits.
    iso = re.sub(r"\.(\d{1,9})", lambda each: f".{each[1][:6]:0<6}", text.strip())
    try:
        at = datetime.fromisoformat(iso.replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(
            f"{text!r} is neither an age, such as 90s, 10m, 2h or 1d, nor an ISO 8601 time"
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).timestamp()


@dataclass(frozen=True)
class Selection:
    """The crumbs that the user wants. `identity` is the beginning of a correlation ID."""

    identity: str = ""
    operation: str = ""
    since: float = 0

    def __bool__(self) -> bool:
        return bool(self.identity or self.operation or self.since)

    def applied(self, recordings: Sequence[Recording]) -> list[Recording]:
        """Return `recordings` with the wanted crumbs only, without recordings that have none.

        Raises UnreadableError if nothing is left, or `identity` fits several IDs.
        """
        if not self:
            return list(recordings)
        crumbs = [crumb for recording in recordings for crumb in recording.crumbs]
        identities = self._identities(crumbs)
        kept: list[Recording] = []
        for recording in recordings:
            wanted = [crumb for crumb in recording.crumbs if self._wants(crumb, identities)]
            if wanted:
                unselected = len(recording.crumbs) - len(wanted)
                kept.append(replace(recording, crumbs=wanted, unselected=unselected))
        if not kept:
            raise UnreadableError(self._nothing(crumbs))
        return kept

    def of_processes(self, found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the processes of `found` with wanted work in flight, and that work only.

        Raises UnreadableError as `applied` does.
        """
        if not self:
            return list(found)
        works = [[_as_crumb(work) for work in process["in_flight"]] for process in found]
        crumbs = [crumb for each in works for crumb in each]
        identities = self._identities(crumbs)
        kept = [
            {
                **process,
                "in_flight": [crumb["frame"] for crumb in each if self._wants(crumb, identities)],
            }
            for process, each in zip(found, works, strict=True)
        ]
        kept = [process for process in kept if process["in_flight"]]
        if not kept:
            raise UnreadableError(self._nothing(crumbs, "work in flight"))
        return kept

    def wants(self, crumb: dict[str, Any]) -> bool:
        """Return whether `crumb` alone shows that it is wanted."""
        return (
            correlation_id(crumb).startswith(self.identity)
            and (not self.operation or self.operation in _names(crumb))
            and (not self.since or (moment(crumb.get("ts")) or 0) >= self.since)
        )

    def _identities(self, crumbs: Iterable[dict[str, Any]]) -> set[str]:
        """Return the correlation IDs that are asked for."""
        found = set(map(correlation_id, crumbs)) - {""}
        if self.identity:
            fitting = {each for each in found if each.startswith(self.identity)}
            fitting = {self.identity} if self.identity in fitting else fitting
            if len(fitting) > 1:
                listed = _list(sorted(fitting))
                raise UnreadableError(
                    f"{self.identity!r} is the beginning of {len(fitting)} IDs: {listed}."
                )
            found = fitting
        if self.operation:
            found &= {correlation_id(crumb) for crumb in crumbs if self.operation in _names(crumb)}
        return found

    def _wants(self, crumb: dict[str, Any], identities: set[str]) -> bool:
        if self.since and (moment(crumb.get("ts")) or 0) < self.since:
            return False
        if self.identity or self.operation:
            identity = correlation_id(crumb)
            if identity:
                return identity in identities
            return not self.identity and self.operation in _names(crumb)
        return True

    def _nothing(self, crumbs: Sequence[dict[str, Any]], what: str = "crumb") -> str:
        asked: list[str] = []
        known: list[str] = []
        if self.identity:
            asked.append(f"of an ID that begins with {self.identity!r}")
            ids = dict.fromkeys(correlation_id(crumb) for crumb in reversed(crumbs))
            known.append(f"The IDs are {_list(list(filter(None, ids)))}." if any(ids) else "")
        if self.operation:
            asked.append(f"of an operation {self.operation!r}")
            names = dict.fromkeys(name for crumb in reversed(crumbs) for name in _names(crumb))
            known.append(f"The names are {_list(list(names))}." if names else "")
        if self.since:
            begin = datetime.fromtimestamp(self.since, timezone.utc)
            asked.append(f"since {begin.isoformat(timespec='seconds')}")
            last = max((str(crumb["ts"]) for crumb in crumbs if crumb.get("ts")), default="")
            known.append(f"The last one is of {escaped(last)}." if last else "")
        hint = " ".join(filter(None, known))
        return f"There is no {what} {' '.join(asked)} among {len(crumbs)}. {hint}".rstrip()


def _as_crumb(work: dict[str, Any]) -> dict[str, Any]:
    """Return an open frame as a crumb of its begin."""
    return {"frame": work, "ts": work.get("since")}


def _names(crumb: dict[str, Any]) -> list[str]:
    """Return the names by which the operation of `crumb` can be asked for."""
    frame = crumb.get("frame")
    if not is_object(frame):
        return []
    name, flow = str(frame.get("name") or ""), str(frame.get("flow") or "")
    names = [name, flow, f"{flow}:{name}" if flow and name else ""]
    return [each for each in names if each]


def _list(names: Iterable[str]) -> str:
    listed = [escaped(name)[:128] for name in names]
    more = f" and {len(listed) - _NAMED} more" if len(listed) > _NAMED else ""
    return ", ".join(listed[:_NAMED]) + more
