"""What an exception knows about the request that failed: whether it was sent, and whether an answer had begun.

Exception classes prove nothing: "the server hung up" is the same class whether or not a telephone rang. The one proof
is the flag that a connection sets just before the first byte of the request is written, and that flag travels here,
on the httpx exception. An exception without it comes from somebody else's transport and says nothing.
"""

from typing import TypeVar

E = TypeVar("E", bound=BaseException)


def mark(error: E, *, request_sent: bool, status: int | None = None) -> E:
    """Write on ``error`` whether a byte of the request was written, and the status if an answer had begun."""
    error.request_sent = request_sent  # type: ignore[attr-defined]  # an attribute of ours on somebody's exception
    error.answered_status = status  # type: ignore[attr-defined]  # the same
    return error


def request_sent(error: BaseException) -> bool | None:
    """Return whether a byte of the request was written; None where there is no evidence."""
    sent: bool | None = getattr(error, "request_sent", None)
    return sent


def answered_status(error: BaseException) -> int | None:
    """Return the status of the answer whose head arrived before the failure; None where none did."""
    status: int | None = getattr(error, "answered_status", None)
    return status
