"""The signature of a function, made when somebody first asks: that takes longer than a decorator.

This module is imported at the first function that is decorated, because it needs `inspect`.
"""

from __future__ import annotations

from inspect import Signature, signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FunctionType
    from typing import Any


def evaluated(function: Any) -> Signature:
    """Return the signature of `function` itself, with its annotations as objects, not as text.

    `inspect.signature` does not evaluate the text in a ``__signature__``, even with its `eval_str`.
    If a name in an annotation is unknown, all annotations stay as they are. Raises what `signature`
    raises for a function that has none.
    """
    try:
        return signature(function, follow_wrapped=False, eval_str=True)
    except Exception:  # an annotation is any expression
        return signature(function, follow_wrapped=False)


class LateSignature(Signature):
    """Stand for `evaluated(function)`.

    `inspect` takes any instance of a subclass, and reads the two attributes that are properties
    here.
    """

    __slots__ = ("_made", "function")
    function: FunctionType
    _made: Any
    if TYPE_CHECKING:

        def __init__(self) -> None: ...
    else:
        __init__ = object.__init__  # its maker sets `function`, in half the time

    def _signature(self) -> Any:
        try:
            return self._made
        except AttributeError:
            made = evaluated(self.function)
        if not any(isinstance(each, str) for each in _annotations(made)):
            self._made = made  # otherwise a name may still be defined, further down
        return made

    @property
    def _parameters(self) -> Any:
        return self._signature()._parameters  # noqa: SLF001 - of the same class

    @property
    def _return_annotation(self) -> Any:
        return self._signature()._return_annotation  # noqa: SLF001 - of the same class

    def replace(self, **changes: Any) -> Any:
        """Return a signature that differs in the `changes`."""
        return self._signature().replace(**changes)

    __replace__ = replace  # of `copy.replace`, since Python 3.13

    def __reduce__(self) -> Any:
        return self._signature().__reduce__()

    def __repr__(self) -> str:
        return repr(self._signature())


def _annotations(of: Signature) -> list[object]:
    return [of.return_annotation, *(each.annotation for each in of.parameters.values())]
