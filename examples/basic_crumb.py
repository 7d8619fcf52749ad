"""Record a few crumbs, then crash: the dump on stderr shows what happened just before.

Run it::

    python examples/basic_crumb.py

Ends with exit code 1 and the usual traceback, as any crash does.
"""

from statecrumbs import crumb, enable

READINGS = {"cellar": [11.5, 11.7], "kitchen": [20.1, 20.4, 20.2], "attic": []}


def average(room: str, readings: list[float]) -> float:
    """Return the mean of the `readings` of a `room`."""
    crumb("averaging", room=room, readings=readings)
    return sum(readings) / len(readings)


if __name__ == "__main__":
    enable(max_crumbs=5)  # the program records seven

    crumb("start", user="alice", rooms=len(READINGS))
    for room, readings in READINGS.items():
        mean = average(room, readings)
        crumb("averaged", room=room, mean=mean)
        print(f"{room:8} {mean:5.1f} °C")
