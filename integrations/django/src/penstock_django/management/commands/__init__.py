"""The commands of ``manage.py``.

penstock   ``manage.py penstock``: the penstock command, with the project's flows
"""

__all__: list[str] = []
