"""Call the customer of an order in a task of procrastinate, at most once, however often the task runs.

``python one_call_procrastinate.py schema`` once, then ``... worker``; ``... 1001`` defers a job. Jobs and the journal
are in one PostgreSQL, DATABASE_URL. SINCH_APPLICATION_KEY and SINCH_APPLICATION_SECRET come from the environment.
Needs procrastinate.
"""

import asyncio
import os
import sys
from datetime import UTC, datetime

from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.jobs import Job

from sinch_voice_async import AuthenticationError, SinchVoiceError, TtsCallout, VoiceClient
from sinch_voice_async.dialer import Campaign, Contact, ContactState

# The database of a shop. A job has the order as its argument: procrastinate logs arguments, which must not be numbers.
ORDERS = {"1001": Contact("+46700000001", fields={"name": "Ann"}), "1002": Contact("+46700000002")}

DATABASE = os.environ.get("DATABASE_URL", "postgresql://localhost/orders")
app = App(connector=PsycopgConnector(conninfo=DATABASE))
campaign = Campaign("orders", journal=DATABASE, calls_per_second=5)


def callout(contact: Contact) -> TtsCallout:
    """Return what a customer hears."""
    return TtsCallout(destination=contact.number, text=f"Hi {contact.fields.get('name', '')}, your order is ready.")


class WhileUnsent(BaseRetryStrategy):
    """Repeat a job if nothing was sent and a repetition can help; the journal decides whether to dial."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Return when to repeat the job, None to let it fail."""
        if not isinstance(exception, SinchVoiceError) or isinstance(exception, (ValueError, AuthenticationError)):
            return None  # a wrong number, wrong settings, or wrong credentials
        return RetryDecision(retry_in={"seconds": min(2**job.attempts, 600)})


@app.task(name="orders.call", queue="calls", retry=WhileUnsent(), pass_context=True)
async def call(context: JobContext, order: str) -> str:
    """Dial once, and return the state; if the rules do not allow it now, defer the job until they do."""
    outcome = await campaign.dial(ORDERS[order], context.additional_context["client"], callout)
    if outcome.state is ContactState.TODO:
        await call.configure(schedule_at=datetime.fromtimestamp(outcome.due, UTC)).defer_async(order=order)
    return str(outcome.state)


async def main(*arguments: str) -> None:
    """Apply the schema, work, or defer jobs."""
    async with app.open_async():
        if arguments == ("schema",):
            await app.schema_manager.apply_schema_async()
        elif arguments == ("worker",):
            async with VoiceClient() as client, campaign:
                options = {"concurrency": 20, "shutdown_graceful_timeout": 30, "delete_jobs": "successful"}
                await app.run_worker_async(queues=["calls"], additional_context={"client": client}, **options)
        else:
            for order in arguments:
                await call.defer_async(order=order)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
