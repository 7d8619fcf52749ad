"""Bills of materials are posted over HTTP, and imported by a worker. The main example.

Run it from the top folder with ``python -m examples.bom_service``.

    views          the web process's part of the flow: takes a document. Begin here.
    tasks          the worker's part: stores what is in it
    observability  logs, spans, crash dumps: what both processes have, in one place
    models         imports, and the parts of each, in SQLite
    settings       Django's settings
    celery         the Celery app
    broker         the broker that needs no server: files in a folder
    web, worker    the two processes
    processes      starts and stops them
    documents      what is posted: documents made by a real tool, and bad ones
    report         what is printed
    __main__       the job: start both processes, post every document, tell what came of it
"""
