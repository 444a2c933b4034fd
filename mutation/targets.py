"""What is mutated, and which tests have to notice: the quick ones first, since the first that fails ends the run."""

from pathlib import Path

import attrs

__all__ = ["PACKAGE", "ROOT", "TARGETS", "Target"]

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "sinch_voice_async"


@attrs.frozen
class Target:
    """A promise of the library, the modules that keep it, and the tests that hold them to it."""

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]

    @property
    def paths(self) -> list[Path]:
        """Where the modules are."""
        return [PACKAGE / module for module in self.modules]


TARGETS = (
    Target("signing", ("_wire/signing.py",), ("tests/wire/test_signing.py",)),
    Target("retry", ("_transport/retry.py",), ("tests/transport/test_retry.py",)),
    Target("inbound", ("webhooks/inbound.py",), ("tests/webhooks/test_inbound.py",)),
    Target(
        "codec",
        (
            "_wire/codec.py",
            "_wire/json.py",
            "_wire/registry.py",
            "_wire/rest_codec.py",
            "_wire/documents.py",
        ),
        (
            "tests/wire/test_codec.py",
            "tests/wire/test_event_codec.py",
            "tests/wire/test_svaml_codec.py",
            "tests/wire/test_timestamps.py",
            "tests/wire/test_json_text.py",
            "tests/wire/test_samples.py",
            "tests/wire/test_laws.py",
        ),
    ),
)
