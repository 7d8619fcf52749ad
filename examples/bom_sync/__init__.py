"""Bills of materials arrive as messages, and become parts in a database.

Run it from the top folder with ``python -m examples.bom_sync``.

    flow       what is done with a message: the flow, in three steps. Begin here.
    messages   the messages: an update of each bill of materials, and bad ones
    bom        the bill of materials of the running environment, made by a real tool
    api        the HTTP API that has it, a process of its own
    client     starts the API, and asks it
    store      the parts, in SQLite
    logs       one log format for both processes, with the flow ID in front
    report     what is printed
    __main__   the job: start the API, take every message, tell what came of it
"""
