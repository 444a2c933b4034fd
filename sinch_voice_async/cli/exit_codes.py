"""What the exit code of a command says; documented in the reference, and as stable as the names of the API."""

import enum

__all__ = ["ExitCode"]


class ExitCode(enum.IntEnum):
    """One number for each thing that a script would do differently."""

    OK = 0
    FAILED = 1
    """A check found a fault, or something failed that no other code fits: a file, a garbled answer."""
    USAGE = 2
    """The arguments or the settings are wrong; nothing was sent."""
    REJECTED = 3
    """The platform refused."""
    NOT_FOUND = 4
    """There is no such call, conference or recording."""
    AUTHENTICATION = 5
    """The key, the secret or the timestamp was refused."""
    UNSENT = 6
    """The platform could not be reached, and nothing was sent: safe to repeat."""
    UNKNOWN = 7
    """Sent, and no good answer came: the telephone may have rung. Do not repeat it blindly."""
    INTERRUPTED = 130
    """Ctrl-C."""
