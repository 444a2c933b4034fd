"""SQL stands in files of its own, each statement under its name."""

import re
from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["named_statements"]


def named_statements(text: str) -> Mapping[str, str]:
    """Return the statements of a file, by the names in ``-- name: ...`` before each."""
    parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)[1:]
    return MappingProxyType({name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)})
