"""A step that `enable()` knows of; and a frame in a black box's table, against a crumb of it."""

import tempfile

from frameworks.pairs import least, show, statement

from penstock import entrypoint, flow, step
from statecrumbs import crumb, disable, enable

CALL = "work()"


@flow("bench")
@step(after="start")
def work():
    pass


@flow("bench")
@entrypoint
def start():
    with tempfile.TemporaryDirectory() as folder:
        plain, before = [], []
        for _ in range(5):  # in turn
            disable()
            plain += least(statement(CALL, work=work))
            enable(on_crash="none")
            before += least(statement(CALL, work=work))
        enable(black_box=folder)
        note = 'crumb("query_finished", rows=10, table="users")'
        with_box, noted = least(statement(CALL, work=work), statement(note, crumb=crumb))
        enable(black_box=None)
    show(enabled=[min(before), min(plain)], frame=[with_box - min(before), noted])


start()
