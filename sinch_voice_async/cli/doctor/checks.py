"""What one step of the examination found."""

from typing import Literal

import attrs

__all__ = ["Check", "failed", "passed", "skipped", "warning"]


@attrs.frozen
class Check:
    """One step: what was looked at, how it is, what was found, and what to do where it is not well."""

    name: str
    status: Literal["ok", "warning", "failed", "skipped"]
    found: str
    advice: str = ""


def passed(name: str, found: str) -> Check:
    """A step that is well."""
    return Check(name, "ok", found)


def warning(name: str, found: str, advice: str) -> Check:
    """A step that works and deserves a look."""
    return Check(name, "warning", found, advice)


def failed(name: str, found: str, advice: str) -> Check:
    """A step that keeps requests from working."""
    return Check(name, "failed", found, advice)


def skipped(name: str, why: str) -> Check:
    """A step that says nothing after what went before."""
    return Check(name, "skipped", why)
