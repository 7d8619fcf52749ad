"""Run ``python -m statecrumbs``: the command ``statecrumbs``."""

from __future__ import annotations

import sys

from statecrumbs.cli import main

if __name__ == "__main__":
    sys.exit(main())
