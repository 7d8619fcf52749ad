"""Measure the cost that observing adds to a step, in ns. Print JSON."""

import json
import tempfile
import time

import penstock
from penstock import entrypoint, flow, step

LOOPS = 200  # so few that most are not interrupted
TURNS = 300


@flow("bench")
@entrypoint
def start():
    began = time.perf_counter_ns()
    for _ in range(LOOPS):
        work()
    return (time.perf_counter_ns() - began) / LOOPS


@flow("bench")
@step(after="start")
def work():
    pass


plain, observed = [], []
with tempfile.TemporaryDirectory() as folder:
    for _ in range(TURNS):
        plain += [start() for _ in range(5)]
        with penstock.observe(folder):
            observed += [start() for _ in range(5)]
print(json.dumps({"ns": min(observed) - min(plain)}))
