"""The commands of ``manage.py``."""

__all__: list[str] = []
