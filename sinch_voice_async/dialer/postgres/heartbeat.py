"""The sign of life of a worker, and what becomes of the claims of workers that give none.

Rules:

- It beats in a thread of its own: a worker whose event loop is busy for a while is not gone.
- Every beat marks claims of workers that are gone ``unknown``. It never dials.
- A database that is away stops the beat and nothing else; the beat goes on when the database is back.
"""

import logging
import threading
import time
from typing import Any

from attrs import define, field

from sinch_voice_async.dialer.postgres.database import STATEMENTS, Address, Connection, connect, driver

__all__ = ["Heartbeat"]

logger = logging.getLogger("sinch_voice_async")


@define(eq=False)
class Heartbeat:
    """Tells the database every ``interval`` seconds that a worker is there; ``parameters`` belong to its statements."""

    address: Address
    interval: float
    parameters: dict[str, Any]
    _stop: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._beat_on, name="sinch-voice-heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop, and close the connection."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _beat_on(self) -> None:
        connection: Connection | None = None
        while not self._stop.wait(self.interval):
            try:
                if connection is None or connection.closed:
                    connection = connect(self.address)
                self._beat(connection)
            except driver().Error as error:
                logger.warning("the heartbeat of a worker failed: %s", type(error).__name__)
        if connection is not None:
            connection.close()

    def _beat(self, connection: Connection) -> None:
        connection.execute(STATEMENTS["join"], self.parameters)
        gone = connection.execute(STATEMENTS["recover"], self.parameters | {"at": time.time()}).rowcount
        if gone:
            logger.warning("callouts of workers that are gone are unknown now: %d", gone)
