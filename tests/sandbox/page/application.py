"""A voice application of nobody's making: it notes each event, and answers what a test has written down for it."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Application"]

PATIENCE = 300.0


class Application:
    """``answers`` maps an event's name to SVAML; ``events`` is what has arrived."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.events: list[dict[str, Any]] = []

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve it in a thread, and give its URL."""
        application = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["content-length"])))
                application.events.append(event)
                svaml = application.answers.get(event["event"])
                body = b"" if svaml is None else json.dumps(svaml).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/voice"
            finally:
                server.shutdown()
                thread.join()

    def event(self, name: str) -> dict[str, Any]:
        """Return the first event of this name, once it has arrived."""
        deadline = time.monotonic() + PATIENCE
        while not (found := [event for event in list(self.events) if event["event"] == name]):
            assert time.monotonic() < deadline, f"no {name} came: {self.events}"
            time.sleep(0.01)
        return found[0]
