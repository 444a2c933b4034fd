"""A voice agent that can be interrupted. It runs against the sandbox: without a network, a model or a key.

Run it with ``python examples/voice_agent.py``: a simulated caller asks, interrupts the answer, asks again and hangs up,
and a transcript is printed. For real calls, serve what :func:`build` returns at a public address, and put a model in
the place of :class:`ScriptedModel`.
"""

import time
from collections.abc import AsyncIterator
from typing import Any

import anyio

from sinch_voice_async import svaml
from sinch_voice_async.sandbox import Espeak, HangUp, Interrupt, Sandbox, Wait
from sinch_voice_async.streams import CallStream, Pcm, StreamApp, StreamClosed
from sinch_voice_async.testing import serve_app
from sinch_voice_async.webhooks import IncomingCall, WebhookApp

RATE = 16_000
LOUD_DB = -40.0
SECONDS_OF_A_CHARACTER = 0.06
FRAMES_OF_SPEECH = 3
FRAMES_OF_SILENCE = 25


class ScriptedModel:
    """Stands for a model that speaks: it says its sentences in turn, each as a tone of the sentence's length."""

    def __init__(self) -> None:
        self.sentences = [
            "Your balance is forty two kronor, and the last payment was on the third of May.",
            "Of course. The payment was one hundred kronor.",
            "Goodbye.",
        ]

    async def answer(self, text: str) -> AsyncIterator[bytes]:
        """Speak a text, in pieces as a model makes them."""
        sound = Pcm.tone(300, SECONDS_OF_A_CHARACTER * len(text), RATE)
        for start in range(0, len(sound), 4_001):
            yield sound[start : start + 4_001]


class Agent:
    """One conversation. The caller's speech is told from silence by its level."""

    def __init__(self, stream: CallStream, model: ScriptedModel, transcript: list[tuple[float, str, str]]) -> None:
        self.stream = stream
        self.model = model
        self.transcript = transcript
        self.began = time.monotonic()
        self.saying = ""
        self.heard_before = 0.0

    def note(self, who: str, text: str) -> None:
        """Write a line of the transcript."""
        self.transcript.append((time.monotonic() - self.began, who, text))

    async def run(self) -> None:
        """Answer each question, and fall silent when the caller speaks."""
        loud = quiet = 0
        async with anyio.create_task_group() as tasks:
            async for frame in self.stream:
                is_loud = Pcm.level_db(frame) > LOUD_DB
                loud, quiet = (loud + 1, 0) if is_loud else (loud, quiet + 1)
                if is_loud and loud == FRAMES_OF_SPEECH and self.saying:
                    await self.fall_silent()
                if loud >= FRAMES_OF_SPEECH and quiet == FRAMES_OF_SILENCE and self.model.sentences:
                    loud = 0
                    tasks.start_soon(self.speak, self.model.sentences.pop(0))
            tasks.cancel_scope.cancel()

    async def speak(self, text: str) -> None:
        """Say a sentence; what the caller hears of it is what was said."""
        self.saying, self.heard_before = text, self.stream.position.played
        self.note("agent", text)
        try:
            if await self.stream.send_audio(self.model.answer(text)) and await self.stream.drain():
                self.saying = ""
        except StreamClosed:
            self.saying = ""

    async def fall_silent(self) -> None:
        """Stop, and let the model know how far it was heard."""
        text, self.saying = self.saying, ""
        await self.stream.clear()
        heard = round((self.stream.position.played - self.heard_before) / SECONDS_OF_A_CHARACTER)
        self.note("caller", f"interrupts after {text[:heard]!r}")


def build(transcript: list[tuple[float, str, str]], *credentials: str) -> tuple[Any, StreamApp]:
    """Return the application, for callbacks and streams, and the part that needs to know its address."""
    callbacks, streams = WebhookApp(*credentials), StreamApp(*credentials, sample_rate=RATE)

    @callbacks.ice
    async def incoming(event: IncomingCall) -> svaml.IceSvaml:
        return svaml.Svaml(action=streams.connect(event))

    @streams.on_call
    async def talk(stream: CallStream) -> None:
        await Agent(stream, ScriptedModel(), transcript).run()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await (streams if scope["type"] == "websocket" else callbacks)(scope, receive, send)

    return app, streams


async def rehearse() -> list[tuple[float, str, str]]:
    """Have a simulated caller talk with the agent, and return the transcript."""
    transcript: list[tuple[float, str, str]] = []
    key, secret = "example-key", "ZXhhbXBsZSBzZWNyZXQ="
    app, streams = build(transcript, key, secret)
    with serve_app(app) as url:
        streams.url = url.replace("http", "ws")
        async with Sandbox(key, secret, callback_url=url).serve() as sandbox:
            sandbox.phone("+46700000001").says(
                Espeak("What is my balance?"),
                Interrupt(after=1.0, says=Espeak("How much was the payment?")),
                Wait.until_silence(),
                HangUp(),
            )
            call = await sandbox.dial_in("+46700000001", "+46800000000")
            await call.until_final(60)
    return transcript


if __name__ == "__main__":
    for at, who, text in anyio.run(rehearse):
        print(f"{at:5.1f} s  {who:<6}  {text}")
