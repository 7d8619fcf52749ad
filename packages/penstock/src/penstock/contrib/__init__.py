"""Integrations of frameworks. Some modules only forward to a package; their paths are published.

asgi, wsgi   middleware that makes each request one operation
http         a request as a frame; all middleware shares it
_options     the options of all middleware
django       penstock-django      pip install "penstock[django]"
celery       penstock-celery      pip install "penstock[celery]"
structlog    penstock-structlog   pip install "penstock[structlog]"
sphinx       diagrams in the pages of Sphinx
mkdocs       diagrams in the pages of MkDocs
"""

__all__: list[str] = []
