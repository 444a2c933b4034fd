"""A recording while it runs."""

from dataclasses import dataclass

from sinch_voice_async.sandbox.fields import Fields

__all__ = ["Tape"]


@dataclass(frozen=True, slots=True)
class Tape:
    """Runs ``since`` this exchange second; ``options`` are those of SVAML."""

    since: float
    options: Fields

    @property
    def is_transcribed(self) -> bool:
        """Whether what is said is to be written down."""
        options = self.options.child("transcriptionOptions")
        return options is not None and options.flag("enabled")

    @property
    def place(self) -> str:
        """Where the file is to be stored, as SVAML says it; the older documents' own name is understood."""
        return self.options.text("destinationUrl") or self.options.text("destination") or ""
