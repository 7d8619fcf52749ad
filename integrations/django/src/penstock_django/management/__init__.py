"""The folder where Django looks for commands.

commands/   the commands of ``manage.py``
"""

__all__: list[str] = []
