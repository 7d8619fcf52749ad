"""The options of middleware for requests, checked."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from corectx import CORRELATION_HEADER, new_correlation_id
from corectx.lowlevel import as_id, log_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypedDict
    from uuid import UUID

    class RequestKeywords(TypedDict, total=False):
        """The options of `RequestOptions`, for a `**options` that type checkers know."""

        trust_inbound: bool
        header: str | None
        response_header: str | None
        expose_header: bool
        generate_id: Callable[[], str | UUID] | None
        validate_id: Callable[[str], bool] | None
        transform_id: Callable[[str], str | UUID | None] | None
        ignore_paths: Iterable[str | re.Pattern[str]]


_logger = logging.getLogger("penstock")

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

# The default of `response_header`, which means the name in `header`; None means no header.
_SAME: Any = object()


class RequestOptions:
    """The options of middleware. Raises `ValueError` or `TypeError` for a wrong one.

    trust_inbound (False)
        Continue with the ID that the client sent, in `header` or in the header of `corectx.inject`.
        Turn it on only behind a proxy of your own. A tracing backend decides itself about
        ``traceparent``. If a trace is active, its ID is the correlation ID, and the ID of the
        client becomes the value `inbound_id`.
    header ("X-Correlation-ID")
        The name of the inbound header, or None for none.
    response_header (the same as `header`)
        The name of the header in the response, or None for none.
    expose_header (False)
        Let scripts of other origins read the header of the response (CORS).
    generate_id
        A function that returns a new ID, a text or a UUID.
    validate_id
        A function that returns whether an inbound ID may be used. Every ID must also match
        ``[A-Za-z0-9._-]{1,128}``.
    transform_id
        A function that turns the text of the inbound header into an ID, called first.
    ignore_paths (none)
        Regular expressions, matched from the start of the path. A matching request has no frame.
    """

    __slots__ = (
        "expose_header",
        "generate_id",
        "header",
        "ignore_paths",
        "makes_ids",
        "response_header",
        "response_lists",
        "transform_id",
        "trust_inbound",
        "validate_id",
    )

    def __init__(
        self,
        *,
        trust_inbound: bool = False,
        header: str | None = CORRELATION_HEADER,
        response_header: str | None = _SAME,
        expose_header: bool = False,
        generate_id: Callable[[], str | UUID] | None = None,
        validate_id: Callable[[str], bool] | None = None,
        transform_id: Callable[[str], str | UUID | None] | None = None,
        ignore_paths: Iterable[str | re.Pattern[str]] = (),
    ) -> None:
        self.trust_inbound: bool = trust_inbound
        self.header: str | None = _checked_header("header", header)
        self.response_header: str | None = _checked_header(
            "response_header", header if response_header is _SAME else response_header
        )
        self.expose_header: bool = expose_header
        # The function of corectx is the default.
        self.generate_id: Callable[[], str | UUID] | None = _checked_function(
            "generate_id", None if generate_id is new_correlation_id else generate_id
        )
        self.validate_id: Callable[[str], bool] | None = _checked_function(
            "validate_id", validate_id
        )
        self.transform_id: Callable[[str], str | UUID | None] | None = _checked_function(
            "transform_id", transform_id
        )
        self.ignore_paths: tuple[re.Pattern[str], ...] = _checked_paths(ignore_paths)
        # The headers of the response that get an item more, for `add_headers`.
        self.response_lists: tuple[tuple[str, str], ...] = ()
        if expose_header and self.response_header is not None:
            self.response_lists = (("Access-Control-Expose-Headers", self.response_header),)
        # Whether each request gets an ID of corectx, unless a tracing backend has one.
        self.makes_ids: bool = not trust_inbound and self.generate_id is None

    def spelled(self, option: str) -> str:
        """Return `option` as the user writes it, for messages."""
        return f"{option}="

    def ignores(self, path: str) -> bool:
        """Tell whether a request for `path` has no frame."""
        return any(each.match(path) for each in self.ignore_paths)

    def new_id(self) -> str | None:
        """Return an ID of `generate_id`, or None for one of corectx."""
        if self.generate_id is None:
            return None
        try:
            made = as_id(self.generate_id())
        except Exception:
            _logger.exception("%s failed; an ID was made instead.", self.spelled("generate_id"))
            return None
        if made is None:
            _logger.error(
                "%s returned no valid ID; one was made instead.", self.spelled("generate_id")
            )
        return made

    def inbound_id(self, text: str | None) -> str | None:
        """Return the ID in the inbound header `text`, or None, which is logged."""
        if text is None:
            return None
        try:
            found = as_id(text if self.transform_id is None else self.transform_id(text))
            if found is not None and (self.validate_id is None or self.validate_id(found)):
                return found
        except Exception as error:
            log_once(
                ("inbound", type(error)),
                f"{self.spelled('transform_id')} or {self.spelled('validate_id')} raised "
                f"{type(error).__name__}; the ID of the request was replaced.",
                error,
            )
        else:
            _logger.warning("Replaced the header %s of a request: it is no ID.", self.header)
        return None


def _checked_header(option: str, header: Any) -> str | None:
    if header is not None and not (isinstance(header, str) and header and set(header) <= _TOKEN):
        raise ValueError(f"{option}= is the name of an HTTP header or None, but got {header!r}.")
    return header


def _checked_function(option: str, function: Any) -> Any:
    if function is not None and not callable(function):
        raise TypeError(f"{option}= is a function, but got {function!r}.")
    return function


def _checked_paths(paths: Any) -> tuple[re.Pattern[str], ...]:
    if isinstance(paths, (str, re.Pattern)):
        raise TypeError(f"ignore_paths= takes a list. Did you mean [{paths!r}]?")
    try:
        return tuple(re.compile(each) for each in paths)
    except (re.error, TypeError) as error:
        raise ValueError(
            f"ignore_paths= has an entry that is no regular expression: {error}."
        ) from None
