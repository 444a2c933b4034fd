"""A browser to test the page in: headless Chromium, driven over the pipe of its DevTools protocol.

The pipe needs no WebSocket, no driver program and no port: messages are JSON, each ended by a zero byte. What a person
does is done as a person does it: by real mouse and key events, not by calling the page's own functions.
"""

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Self

__all__ = ["Chromium", "chromium_program"]

PATIENCE = 300.0
KEYS = {
    "Enter": ("Enter", "\r", 13),
    "Tab": ("Tab", "", 9),
    "Escape": ("Escape", "", 27),
    "ArrowDown": ("ArrowDown", "", 40),
}


def chromium_program() -> str | None:
    """Return where a Chromium is, None where this machine has none."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


class Chromium:
    """One browser with one page; a context manager."""

    def __init__(self, program: str, profile: Path, *arguments: str) -> None:
        self.complaints: list[str] = []
        """Exceptions, console errors and violations of the security policy on the page."""
        self._numbers = itertools.count(1)
        self._targets: dict[str, str] = {}
        self._received = bytearray()
        read_commands, self._commands = os.pipe()
        self._answers, write_answers = os.pipe()
        options = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            # A tab behind another tells it what the sandbox sends; on a busy machine it would hardly get to it.
            "--disable-renderer-backgrounding",
            "--remote-debugging-pipe",
            "--window-size=1400,900",
            f"--user-data-dir={profile}",
            *arguments,
            "about:blank",
        ]
        # Chromium reads commands from its descriptor 3 and writes answers to 4.
        script = f'exec "$0" "$@" 3<&{read_commands} 4>&{write_answers}'
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", script, program, *options],
            pass_fds=(read_commands, write_answers),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_commands)
        os.close(write_answers)
        self._session = ""
        targets = self._send("Target.getTargets")["targetInfos"]
        target = next(each["targetId"] for each in targets if each["type"] == "page")
        self._first = self._session = self._send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._send(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the browser and everything that it started."""
        os.close(self._commands)
        self._process.terminate()
        self._process.wait(PATIENCE)
        os.close(self._answers)

    def tab(self) -> str:
        """Open another tab beside this one, work in it from now on, and return the session of the one before."""
        before, self._session = self._session, ""
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._send(f"{domain}.enable")
        self._targets[self._session] = target
        return before

    @property
    def session(self) -> str:
        """The session of the tab that is worked in."""
        return self._session

    def switch(self, session: str) -> None:
        """Work in another tab."""
        self._session = session

    def close_tab(self, session: str) -> None:
        """Close a tab that :meth:`tab` opened."""
        before, self._session = self._session, ""
        self._send("Target.closeTarget", targetId=self._targets.pop(session))
        self._session = before

    def close_tabs(self) -> None:
        """Close every tab that :meth:`tab` opened, and work in the first."""
        self._session = ""
        while self._targets:
            self._send("Target.closeTarget", targetId=self._targets.popitem()[1])
        self._session = self._first

    def open(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        self._send("Page.navigate", url=url)
        self.wait_for(f"document.readyState === 'complete' && location.href.startsWith({json.dumps(url)})")

    def before_load(self, script: str) -> None:
        """Run a script in every page that is opened from now on, before the page's own."""
        self._send("Page.addScriptToEvaluateOnNewDocument", source=script)

    def evaluate(self, expression: str) -> Any:
        """Return the JSON value of a JavaScript expression, awaited where it is a promise."""
        answer = self._send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true."""
        # Awaited first: a promise is always true.
        asked = f"Promise.resolve({expression}).then(Boolean)"
        deadline = time.monotonic() + PATIENCE
        while not self._holds(asked):
            assert time.monotonic() < deadline, f"never came true: {expression}\n{self.text('body')}"
            time.sleep(0.02)

    def _holds(self, asked: str) -> bool:
        answer = self._ask("Runtime.evaluate", expression=asked, returnByValue=True, awaitPromise=True)
        # A page that is just being replaced by another answers with an error of the protocol: it is asked again.
        result = answer.get("result", {})
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return bool(result.get("result", {}).get("value"))

    def text(self, selector: str) -> str:
        """Return the text that an element shows."""
        text: str = self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")
        return text

    def click(self, selector: str) -> None:
        """Click in the middle of an element with the mouse."""
        found = json.dumps(selector)
        self.wait_for(f"document.querySelector({found}) && !document.querySelector({found}).disabled")
        where = (
            f"(() => {{ const it = document.querySelector({found}); it.scrollIntoView({{block: 'nearest'}});"
            " const box = it.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        # What has just been drawn may still move.
        before, box = None, self.evaluate(where)
        while before != box:
            time.sleep(0.03)
            before, box = box, self.evaluate(where)
        for kind in ("mousePressed", "mouseReleased"):
            self._send("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def press(self, key: str, *, ctrl: bool = False) -> None:
        """Press and release one key, wherever the focus is."""
        name, text, code = KEYS.get(key, (key, key, ord(key[0])))
        held = {"modifiers": 2} if ctrl else {"text": text}
        self._send("Input.dispatchKeyEvent", type="keyDown", key=name, windowsVirtualKeyCode=code, **held)
        self._send("Input.dispatchKeyEvent", type="keyUp", key=name, windowsVirtualKeyCode=code)

    def choose(self, selector: str, value: str) -> None:
        """Choose an option of a list, as a browser reports it."""
        found, wanted = json.dumps(selector), json.dumps(value)
        self.wait_for(f"document.querySelector({found})")
        self.evaluate(
            f"{{ const it = document.querySelector({found}); it.value = {wanted};"
            " it.dispatchEvent(new Event('change', {bubbles: true})); }"
        )

    def picture(self) -> bytes:
        """Return what the page looks like, as PNG."""
        return base64.b64decode(self._send("Page.captureScreenshot", format="png")["data"])

    def fill(self, selector: str, text: str) -> None:
        """Replace what stands in a field."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).select()")
        self._send("Input.insertText", text=text)

    def appear(self, *, dark: bool = False, width: int = 1400, height: int = 900) -> None:
        """Have the page seen in a dark or light environment, on a screen of this size."""
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._send("Emulation.setEmulatedMedia", features=features)
        self._send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 700
        )

    def _send(self, method: str, **parameters: object) -> dict[str, Any]:
        answer = self._ask(method, **parameters)
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: dict[str, Any] = answer["result"]
        return result

    def _ask(self, method: str, **parameters: object) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            self._note(answer)
            if answer.get("id") == number:
                return answer

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._answers], [], [], PATIENCE)
            piece = os.read(self._answers, 1 << 20) if ready else b""
            assert piece, "Chromium has gone silent"
            self._received += piece
        message, _, rest = bytes(self._received).partition(b"\0")
        self._received = bytearray(rest)
        answer: dict[str, Any] = json.loads(message)
        return answer

    def _note(self, message: dict[str, Any]) -> None:
        parameters = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        if message.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.complaints.append(parameters["entry"]["text"])
