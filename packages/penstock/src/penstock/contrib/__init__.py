"""Where flows meet a framework: `asgi` and `wsgi` need none; the others forward to their packages.

asgi, wsgi   middleware that makes each request one operation
django       penstock-django      pip install "penstock[django]"
celery       penstock-celery      pip install "penstock[celery]"
structlog    penstock-structlog   pip install "penstock[structlog]"
"""

__all__: list[str] = []
