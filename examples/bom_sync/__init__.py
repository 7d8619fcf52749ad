"""Store bills of materials that arrive as messages as parts in a database.

Run it from the top folder with ``python -m examples.bom_sync``.

    flow       the flow: three steps for each message. Start here.
    messages   the messages: an update of each bill of materials, and bad ones
    bom        the bill of materials of the running environment, made by a real tool
    api        the HTTP API that serves it, in a separate process
    client     starts the API, and sends requests to it
    store      the parts, in SQLite
    logs       one log format for both processes, with the flow ID first
    report     the printed results
    __main__   the job: start the API, process every message, print the results
"""
