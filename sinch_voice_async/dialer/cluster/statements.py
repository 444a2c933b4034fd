"""The text of the statements."""

from importlib.resources import files
from typing import Final

from sinch_voice_async.dialer.sql.statements import named_statements

__all__ = ["SCHEMA", "STATEMENTS"]

_FOLDER = files("sinch_voice_async.dialer.cluster")
# As bytes, which no type checker takes for text that somebody has put together.
SCHEMA: Final = _FOLDER.joinpath("schema.sql").read_bytes()
STATEMENTS: Final = {
    name: statement.encode()
    for name, statement in named_statements(_FOLDER.joinpath("statements.sql").read_text(encoding="utf-8")).items()
}
