"""Where flows meet a framework: `asgi` and `wsgi` need none; the others forward to their packages.

asgi, wsgi   middleware that makes each request one operation
http         a request as a frame: what all middleware shares
django       penstock-django      pip install "penstock[django]"
celery       penstock-celery      pip install "penstock[celery]"
structlog    penstock-structlog   pip install "penstock[structlog]"
sphinx       diagrams in the pages of Sphinx
mkdocs       diagrams in the pages of MkDocs
"""

__all__: list[str] = []
