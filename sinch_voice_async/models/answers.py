"""The documents that may answer each event, for annotations: SVAML to type checkers, and its mark at run time."""

from typing import TYPE_CHECKING

__all__ = ["AceSvaml", "DiceSvaml", "IceSvaml", "PieSvaml", "Svaml"]

if TYPE_CHECKING:
    from sinch_voice_async.models.svaml.document import AceSvaml, DiceSvaml, IceSvaml, PieSvaml, Svaml
else:
    from sinch_voice_async.models.fields import Inline

    AceSvaml = DiceSvaml = IceSvaml = PieSvaml = Svaml = Inline
