"""Call the customers in a CSV file, learn from the callbacks how each call ended, and redial busy lines.

``python examples/campaign.py`` rehearses it with 40 invented customers, on a sandbox in which 60 % answer, 20 % are
busy, 15 % do not answer and 5 % are machines. The run is stopped in the middle and resumed, and dials no number twice.
``python examples/campaign.py customers.csv`` calls the customers in a file with the columns ``number`` and ``name``,
for the application whose key and secret are in the environment. Its callback URL must lead to ``application``.
"""

import sys
import tempfile
from pathlib import Path

import anyio

from sinch_voice_async import TtsCallout, VoiceClient
from sinch_voice_async.dialer import Campaign, Contact, RedialRules, Report, read_csv
from sinch_voice_async.sandbox import Sandbox
from sinch_voice_async.testing import serve_app
from sinch_voice_async.webhooks import AnsweredCall, DisconnectedCall, WebhookApp


def glasses(journal: Path, *, calls_per_second: float = 5, delay: float = 1800) -> Campaign:
    """Return the campaign; the program that dials and the program that answers callbacks each make one."""
    redial = RedialRules(attempts=3, delay=delay, redial_declined=True)  # a busy line may be reported as declined
    return Campaign(
        "glasses", journal=journal, calls_per_second=calls_per_second, in_flight=50, follow="callbacks", redial=redial
    )


def callout(contact: Contact) -> TtsCallout:
    """Return the callout for one customer."""
    text = f"Hi {contact['name']}, your glasses are ready."
    return TtsCallout(destination=contact.number, text=text, cli="+46700000000", enable_ace=True)


def application(campaign: Campaign, key: str | None = None, secret: str | None = None) -> WebhookApp:
    """Return the application that passes each callback to the campaign."""
    app = WebhookApp(key, secret)

    @app.ace
    async def answered(event: AnsweredCall) -> None:
        await campaign.settle(event)

    @app.dice
    async def ended(event: DisconnectedCall) -> None:
        await campaign.settle(event)

    return app


async def call(campaign: Campaign, client: VoiceClient, customers: Path, *, stop_after: int | None = None) -> Report:
    """Call all customers, or stop after ``stop_after`` calls have ended."""
    ended = 0
    async with campaign.run(client, read_csv(customers), callout) as outcomes:
        async for outcome in outcomes:
            ended += 1
            print(f"{outcome.contact['name']:12} {outcome.attempt} {outcome.state} {outcome.result or outcome.note}")
            if ended == stop_after:
                break
    return await campaign.report()


async def rehearse(folder: Path, customers: int = 40) -> Report:
    """Call invented customers, stop in the middle, and resume."""
    rows = [f"+46700000{place:03},Customer {place}" for place in range(customers)]
    (folder / "customers.csv").write_text("\n".join(["number,name", *rows]))
    journal, credentials = folder / "glasses.sqlite", ("example-key", "ZXhhbXBsZSBzZWNyZXQ=")
    campaign = glasses(journal, calls_per_second=200, delay=0)
    with serve_app(application(glasses(journal), *credentials)) as url:
        sandbox = Sandbox(*credentials, callback_url=url, speed=1000)
        sandbox.population(answer=0.60, busy=0.20, no_answer=0.15, machine=0.05)
        async with sandbox.serve(), VoiceClient(**sandbox.client_options()) as client:
            print(await call(campaign, client, folder / "customers.csv", stop_after=customers // 2))
            return await call(campaign, client, folder / "customers.csv")


async def main() -> None:
    """Rehearse, or call the customers in the given file."""
    if len(sys.argv) > 1:
        customers = Path(sys.argv[1])
        async with VoiceClient() as client:
            print(await call(glasses(customers.with_suffix(".sqlite")), client, customers))
    else:
        with tempfile.TemporaryDirectory() as folder:
            print(await rehearse(Path(folder)))


if __name__ == "__main__":
    anyio.run(main)
