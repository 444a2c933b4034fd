"""The sign of life of a worker, and what becomes of the claims of those who give none.

Rules:

- It beats in a thread of its own: an event loop that is busy for a while is not gone.
- Every beat looks for claims whose claimer is gone, and calls them unknown; it never dials, and hands nothing out.
- A database that is away stops the beat and nothing else; the beat goes on when it is back.
"""

import logging
import threading
import time
from typing import Any

import psycopg
from attrs import define, field

from sinch_voice_async.dialer.cluster.database import Connection, connect
from sinch_voice_async.dialer.cluster.statements import STATEMENTS

__all__ = ["Heartbeat"]

_log = logging.getLogger("sinch_voice_async")


@define(eq=False)
class Heartbeat:
    """Says every ``interval`` seconds that a worker is there. ``parameters`` are those of its statements."""

    url: str
    interval: float
    parameters: dict[str, Any]
    _stop: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to beat."""
        self._thread = threading.Thread(target=self._beat_on, name="sinch-voice-heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop beating, and let go of the connection."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _beat_on(self) -> None:
        connection: Connection | None = None
        while not self._stop.wait(self.interval):
            try:
                if connection is None or connection.closed:
                    connection = connect(self.url)
                self._beat(connection)
            except psycopg.Error as problem:
                _log.warning("the heart of a worker missed a beat: %s", type(problem).__name__)
        if connection is not None:
            connection.close()

    def _beat(self, connection: Connection) -> None:
        connection.execute(STATEMENTS["join"], self.parameters)
        gone = connection.execute(STATEMENTS["recover"], self.parameters | {"at": time.time()}).rowcount
        if gone:
            _log.warning("callouts of workers that are gone, of unknown outcome now: %d", gone)
