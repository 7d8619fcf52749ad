"""Types of the options of `enable`, checked by mypy and pyright, never run."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import statecrumbs

if TYPE_CHECKING:
    from statecrumbs._crumb import Crumb

    def deliver(crumbs: list[Crumb]) -> None: ...

    statecrumbs.enable()
    statecrumbs.enable(max_crumbs=100, max_trail=7, include_timestamp=False, include_thread=False)
    statecrumbs.enable(on_crash="file", output_file=Path("crash-{pid}.json"))
    statecrumbs.enable(on_crash=deliver)
    statecrumbs.enable(on_crash=lambda crumbs: print(len(crumbs)))
    statecrumbs.enable(redact=["iban"], black_box="boxes", dump_signal=signal.SIGUSR1)
    statecrumbs.enable(redact=False, black_box=None, dump_signal=None)

    statecrumbs.enable(max_crumb=100)  # type: ignore[call-arg]
    statecrumbs.enable(
        max_crumbs="100",  # type: ignore[arg-type]
    )
    statecrumbs.enable(
        on_crash="stdout",  # type: ignore[arg-type]
    )
