"""Which event loop runs the current task, and the pump for it; each is loaded when it is first needed.

Importing asyncio takes a third as long as importing all of this package, and is in vain on trio.
"""

import sys
from typing import TYPE_CHECKING

from sinch_voice_async._transport.connections.pump import Pump

if TYPE_CHECKING:
    from sinch_voice_async._transport.connections.asyncio_protocol import Loop
else:
    Loop = object

__all__ = ["Loop", "pump_for", "running_loop"]


def running_loop() -> Loop | None:
    """Return the loop that runs the current asyncio task; None on trio, also where trio is a guest of asyncio."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        loop: Loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return None if asyncio.current_task(loop) is None else loop


def pump_for(loop: Loop | None) -> Pump:
    """Return what moves the bytes on an asyncio loop, or without one."""
    if loop is None:
        from sinch_voice_async._transport.connections.anyio_pump import AnyioPump  # noqa: PLC0415 - see above

        return AnyioPump()
    from sinch_voice_async._transport.connections.asyncio_pump import AsyncioPump  # noqa: PLC0415 - see above

    return AsyncioPump(loop)
