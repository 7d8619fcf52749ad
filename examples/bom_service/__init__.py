"""Take bills of materials over HTTP and import them in a worker. The main example.

Run it from the top folder with ``python -m examples.bom_service``.

    views          the web process's part of the flow: takes a document. Start here.
    tasks          the worker's part: stores the parts in the document
    observability  logs, spans, crash dumps: set up for both processes
    models         imports and their parts, in SQLite
    settings       Django's settings
    celery         the Celery app
    broker         a broker without a server: files in a folder
    web, worker    the two processes
    processes      starts and stops them
    documents      the posted documents: made by a real tool, and bad ones
    report         the printed results
    __main__       the job: start both processes, post every document, print the results
"""
