"""Run the stresses, each in a process of its own, on the interpreter that runs this.

python -m tests.stress                          all of them, a second each
python -m tests.stress --seconds 60 crumbs      one of them, for a minute

It needs no package but the three of the core. Prints a line for each stress, and exits with 1 if
one of them found something, 2 if it was called wrongly.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import sysconfig

from tests.stress.stresses import STRESSES

PATIENCE = 120  # seconds beyond those of the stress itself; then it hangs


def run(name: str, seconds: float) -> tuple[bool, str]:
    """Run the stress `name` in a process of its own; return whether it is clean, and its report."""
    command = [sys.executable, "-X", "faulthandler", "-m", __spec__.parent]
    command += ["--here", "--seconds", str(seconds), name]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=seconds + PATIENCE
        )
    except subprocess.TimeoutExpired:
        return False, f"hangs: nothing after {seconds + PATIENCE:g} s"
    return done.returncode == 0, (done.stdout + done.stderr).strip()


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress")
    parser.add_argument("--seconds", type=float, default=1, help="for each stress (default: 1)")
    parser.add_argument("--here", action="store_true", help="in this process")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(STRESSES))
    given = parser.parse_args()
    for name in given.names:
        if name not in STRESSES:
            parser.error(f"no stress {name!r}; there are {', '.join(STRESSES)}")
    if given.here:
        sys.setswitchinterval(0.0005)  # so that with a GIL too each thread has its turn soon
        for name in given.names:
            print(STRESSES[name](given.seconds))
        return 0
    build = "free-threaded" if sysconfig.get_config_var("Py_GIL_DISABLED") else "with a GIL"
    print(f"Python {platform.python_version()}, {build}")
    clean = True
    for name in given.names or STRESSES:
        is_clean, report = run(name, given.seconds)
        clean = clean and is_clean
        print(f"{'ok' if is_clean else 'FAILED':8}{name:14}{report}", flush=True)
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
