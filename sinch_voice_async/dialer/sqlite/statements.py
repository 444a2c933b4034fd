"""The text of the statements: SQL stands in files of its own, each statement under its name."""

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final

__all__ = ["SCHEMA", "STATEMENTS", "named_statements"]


def named_statements(text: str) -> Mapping[str, str]:
    """Return the statements of a file, by the names in ``-- name: ...`` before each."""
    parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)[1:]
    return MappingProxyType({name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)})


_FOLDER = files("sinch_voice_async.dialer.sqlite")
SCHEMA: Final = _FOLDER.joinpath("schema.sql").read_text(encoding="utf-8")
STATEMENTS: Final = named_statements(_FOLDER.joinpath("statements.sql").read_text(encoding="utf-8"))
