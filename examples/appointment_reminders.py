"""Remind people of their appointments, and let them confirm or move them by pressing a key.

``APPOINTMENTS`` stands for a table of yours. The application rings each person with a menu, answers the platform's
callbacks on the same port, and writes down what each one pressed. Run it with ``python
examples/appointment_reminders.py https://me.example``, where that address leads to port 8080 of this machine; key and
secret are taken from the environment.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import uvicorn
from attrs import define

from sinch_voice_async import SinchVoiceError, VoiceClient, svaml
from sinch_voice_async.webhooks import CallTracker, DisconnectedCall, PromptInput, WebhookApp

CLI = "+46700000000"
LOCALE = "en-GB"


@define
class Appointment:
    """Who comes when, and what is known of it."""

    number: str
    when: str
    state: str = "not rung"


APPOINTMENTS = [
    Appointment("+46700000001", "tomorrow at nine"),
    Appointment("+46700000002", "tomorrow at half past nine"),
]


def question(appointment: Appointment) -> svaml.AceSvaml:
    """What is said once somebody has answered."""
    prompt = svaml.tts(f"You have an appointment {appointment.when}. Press 1 to confirm, or 2 to move it.")
    options = [svaml.MenuOption("1", svaml.return_("confirmed")), svaml.MenuOption("2", svaml.return_("to be moved"))]
    menu = svaml.Menu("main", main_prompt=prompt, repeat_prompt=prompt, repeats=2, options=options)
    return svaml.Svaml(action=svaml.RunMenu([menu], locale=LOCALE))


class Reminders:
    """Rings people, and takes their answers."""

    def __init__(self, client: VoiceClient, callback_url: str) -> None:
        self.client = client
        self.callback_url = callback_url
        self.tracker = CallTracker()
        self.app = WebhookApp(tracker=self.tracker)
        self.app.pie(self.thank)

    async def thank(self, event: PromptInput) -> svaml.PieSvaml:
        """Say goodbye; what was pressed is read from the tracker."""
        text = "Thank you. Goodbye." if event.menu_result.type == "return" else "We will ring again. Goodbye."
        return svaml.Svaml(instructions=[svaml.Say(text, locale=LOCALE)], action=svaml.Hangup())

    async def remind(self, appointment: Appointment, *, patience: float = 300.0) -> None:
        """Ring one person, and follow the call to its end, for at most ``patience`` seconds."""
        url = self.callback_url
        try:
            receipt = await self.client.callouts.custom(
                appointment.number, cli=CLI, ace=question(appointment), pie=url, dice=url
            )
        except SinchVoiceError as error:
            appointment.state = f"{error.outcome}: {error}"
            return
        appointment.state = "rung"
        with anyio.move_on_after(patience):
            async with self.tracker.follow(receipt.call_id) as events:
                async for event in events:
                    if isinstance(event, PromptInput) and event.menu_result.type == "return":
                        appointment.state = event.menu_result.value or "rung"
                    elif isinstance(event, DisconnectedCall) and event.result != "ANSWERED":
                        appointment.state = f"not reached: {event.result}"

    async def remind_all(self, appointments: list[Appointment]) -> None:
        """Ring everybody at once."""
        async with anyio.create_task_group() as tasks:
            for appointment in appointments:
                tasks.start_soon(self.remind, appointment)


@asynccontextmanager
async def served(app: WebhookApp) -> AsyncIterator[None]:
    """Serve the callbacks beside whatever else this program does."""
    server = uvicorn.Server(uvicorn.Config(app, port=8080, log_level="warning"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve)
        yield
        server.should_exit = True


async def main(callback_url: str) -> None:
    """Ring everybody, and print what became of it."""
    async with VoiceClient() as client:
        reminders = Reminders(client, callback_url)
        async with served(reminders.app):
            await reminders.remind_all(APPOINTMENTS)
    for appointment in APPOINTMENTS:
        print(f"{appointment.when}: {appointment.state}")


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
