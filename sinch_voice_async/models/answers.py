"""What may answer each event, for annotations: SVAML to the type checkers, and only its mark to the running program."""

from typing import TYPE_CHECKING

__all__ = ["AceSvaml", "DiceSvaml", "IceSvaml", "PieSvaml", "Svaml"]

if TYPE_CHECKING:
    from sinch_voice_async.models.svaml.document import AceSvaml, DiceSvaml, IceSvaml, PieSvaml, Svaml
else:
    from sinch_voice_async.models.inline import Inline

    AceSvaml = DiceSvaml = IceSvaml = PieSvaml = Svaml = Inline
