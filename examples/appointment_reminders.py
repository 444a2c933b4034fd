"""Remind patients of their appointments, and let them confirm or move them by pressing a key.

``APPOINTMENTS`` is in place of your own table. The application calls each patient with a menu, answers the callbacks of
the platform, and notes the pressed keys. Run it with ``python examples/appointment_reminders.py https://me.example``;
that address must lead to port 8080 of this machine. Key and secret come from the environment.
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
    """An appointment, and the state of its reminder."""

    number: str
    when: str
    state: str = "not called"


APPOINTMENTS = [
    Appointment("+46700000001", "tomorrow at nine"),
    Appointment("+46700000002", "tomorrow at half past nine"),
]


def question(appointment: Appointment) -> svaml.AceSvaml:
    """Return what the patient hears after answering."""
    prompt = svaml.tts(f"You have an appointment {appointment.when}. Press 1 to confirm, or 2 to move it.")
    options = [svaml.MenuOption("1", svaml.return_("confirmed")), svaml.MenuOption("2", svaml.return_("to be moved"))]
    menu = svaml.Menu("main", main_prompt=prompt, repeat_prompt=prompt, repeats=2, options=options)
    return svaml.Svaml(action=svaml.RunMenu([menu], locale=LOCALE))


class Reminders:
    """Calls patients and notes their answers."""

    def __init__(self, client: VoiceClient, callback_url: str) -> None:
        self.client = client
        self.callback_url = callback_url
        self.tracker = CallTracker()
        self.app = WebhookApp(tracker=self.tracker)
        self.app.pie(self.thank)

    async def thank(self, event: PromptInput) -> svaml.PieSvaml:
        """Say goodbye; the tracker has the pressed key."""
        text = "Thank you. Goodbye." if event.menu_result.type == "return" else "We will call again. Goodbye."
        return svaml.Svaml(instructions=[svaml.Say(text, locale=LOCALE)], action=svaml.Hangup())

    async def remind(self, appointment: Appointment, *, timeout: float = 300.0) -> None:
        """Call one patient, and follow the call to its end, for at most ``timeout`` seconds."""
        url = self.callback_url
        try:
            receipt = await self.client.callouts.custom(
                appointment.number, cli=CLI, ace=question(appointment), pie=url, dice=url
            )
        except SinchVoiceError as error:
            appointment.state = f"{error.outcome}: {error}"
            return
        appointment.state = "called"
        with anyio.move_on_after(timeout):
            async with self.tracker.follow(receipt.call_id) as events:
                async for event in events:
                    if isinstance(event, PromptInput) and event.menu_result.type == "return":
                        appointment.state = event.menu_result.value or "called"
                    elif isinstance(event, DisconnectedCall) and event.result != "ANSWERED":
                        appointment.state = f"not reached: {event.result}"

    async def remind_all(self, appointments: list[Appointment]) -> None:
        """Call all patients at once."""
        async with anyio.create_task_group() as tasks:
            for appointment in appointments:
                tasks.start_soon(self.remind, appointment)


@asynccontextmanager
async def served(app: WebhookApp) -> AsyncIterator[None]:
    """Serve the callbacks while the block runs."""
    server = uvicorn.Server(uvicorn.Config(app, port=8080, log_level="warning"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve)
        yield
        server.should_exit = True


async def main(callback_url: str) -> None:
    """Call all patients, and print the results."""
    async with VoiceClient() as client:
        reminders = Reminders(client, callback_url)
        async with served(reminders.app):
            await reminders.remind_all(APPOINTMENTS)
    for appointment in APPOINTMENTS:
        print(f"{appointment.when}: {appointment.state}")


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
