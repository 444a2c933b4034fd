"""Call several numbers into one conference, let the first speak alone, then all of them, then end it.

``python examples/conference_bridge.py`` shows it on a sandbox. With numbers as arguments it calls these, for the
application whose key and secret are in the environment.
"""

import sys
from collections.abc import Sequence

import anyio

from sinch_voice_async import Conference, NotFoundError, Region, SinchVoiceError, VoiceClient
from sinch_voice_async.sandbox import Sandbox

CONFERENCE = "weekly-meeting"
CLI = "+46700000000"


async def call_all(client: VoiceClient, numbers: Sequence[str]) -> list[str]:
    """Call all numbers at once, and return the call ids in the order of the numbers."""
    call_ids = [""] * len(numbers)

    async def call(index: int, number: str) -> None:
        try:
            receipt = await client.callouts.conference(
                number, CONFERENCE, cli=CLI, greeting="Welcome to the meeting.", moh_class="music1"
            )
            call_ids[index] = receipt.call_id
        except SinchVoiceError as error:
            print(f"{number[:-4]}…: {error.outcome}, {error}")

    async with anyio.create_task_group() as tasks:
        for index, number in enumerate(numbers):
            tasks.start_soon(call, index, number)
    return [call_id for call_id in call_ids if call_id]


async def wait_for(client: VoiceClient, count: int, *, seconds: float = 60.0, interval: float = 1.0) -> Conference:
    """Return the conference when it has ``count`` participants; raise TimeoutError after ``seconds``."""
    with anyio.fail_after(seconds):
        while True:
            try:
                conference = await client.conferences.get(CONFERENCE)
                if len(conference.participants) >= count:
                    return conference
            except NotFoundError:
                pass  # no call was answered yet
            await anyio.sleep(interval)


async def hold_meeting(client: VoiceClient, numbers: Sequence[str], *, interval: float = 1.0) -> None:
    """Hold the meeting."""
    speaker, *others = await call_all(client, numbers)
    await wait_for(client, 1 + len(others), interval=interval)

    for call_id in others:
        await client.conferences.mute(CONFERENCE, call_id)
    print("One participant speaks, the others listen.")
    show(await client.conferences.get(CONFERENCE), speaker)
    await anyio.sleep(interval)

    for call_id in others:
        await client.conferences.unmute(CONFERENCE, call_id)
    print("All participants may speak.")
    show(await client.conferences.get(CONFERENCE), speaker)
    await anyio.sleep(interval)

    await client.conferences.kick_all(CONFERENCE)
    print("The meeting is over.")


def show(conference: Conference, speaker: str) -> None:
    """Print the participants."""
    for participant in conference.participants:
        role = "speaker" if participant.call_id == speaker else "listener"
        print(f"  {participant.call_id}  {role}{', muted' if participant.muted else ''}, {participant.duration} s")


async def rehearse() -> None:
    """Hold the meeting on a sandbox, with people who stay on the line."""
    sandbox = Sandbox(speed=20)
    numbers = [f"+4670000000{last}" for last in range(1, 5)]
    for number in numbers:
        sandbox.phone(number).answers(after=2).hangs_up(after=None)
    async with sandbox.serve(), VoiceClient(**sandbox.client_options()) as client:
        await hold_meeting(client, numbers, interval=0.2)


async def call_on_platform(numbers: Sequence[str]) -> None:
    """Hold the meeting on the platform. A conference lives in one region, so the client names it."""
    async with VoiceClient(region=Region.EUROPE) as client:
        await hold_meeting(client, numbers)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        anyio.run(call_on_platform, sys.argv[1:])
    else:
        anyio.run(rehearse)
