"""Call the customer of an order in a taskiq task, at most once, however often the task runs.

``taskiq worker one_call_taskiq:broker`` works, and ``taskiq scheduler one_call_taskiq:scheduler`` sends what is due
later. ``python one_call_taskiq.py 1001`` sends a task and prints what became of the call. SINCH_APPLICATION_KEY,
SINCH_APPLICATION_SECRET and REDIS_URL come from the environment, and CAMPAIGN_JOURNAL is a PostgreSQL database if
several machines work. Needs taskiq and taskiq-redis.
"""

import asyncio
import os
import sys
from datetime import UTC, datetime
from typing import Annotated

from taskiq import Context, TaskiqDepends, TaskiqEvents, TaskiqScheduler, TaskiqState
from taskiq.middlewares import SmartRetryMiddleware
from taskiq_redis import ListRedisScheduleSource, RedisAsyncResultBackend, RedisStreamBroker

from sinch_voice_async import ConnectError, JournalError, RateLimitedError, ServerError, TtsCallout, VoiceClient
from sinch_voice_async.dialer import Campaign, Contact, ContactState

# The database of a shop. A task has the order as its argument, so that no broker and no log sees a telephone number.
ORDERS = {"1001": Contact("+46700000001", fields={"name": "Ann"}), "1002": Contact("+46700000002")}

REDIS = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
# A stream keeps a task until it is acknowledged, so a worker that is killed loses none.
broker = RedisStreamBroker(REDIS).with_result_backend(RedisAsyncResultBackend(REDIS, result_ex_time=3600))
later = ListRedisScheduleSource(REDIS)
scheduler = TaskiqScheduler(broker, [later])
# If one of these is raised, the contact is in ``todo``, and a repetition can help.
PASSING = (ConnectError, RateLimitedError, ServerError, JournalError)
broker.add_middlewares(SmartRetryMiddleware(types_of_exceptions=PASSING, schedule_source=later))
campaign = Campaign("orders", journal=os.environ.get("CAMPAIGN_JOURNAL", "orders.sqlite"), calls_per_second=5)


def callout(contact: Contact) -> TtsCallout:
    """Return what a customer hears."""
    return TtsCallout(destination=contact.number, text=f"Hi {contact.fields.get('name', '')}, your order is ready.")


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def start(state: TaskiqState) -> None:
    """Open one client and the journal for all tasks of this process."""
    state.client = await VoiceClient().__aenter__()
    await campaign.__aenter__()


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def stop(state: TaskiqState) -> None:
    """Close both."""
    await campaign.__aexit__(None, None, None)
    await state.client.aclose()


@broker.task("orders.call", retry_on_error=True, max_retries=10)
async def call(order: str, context: Annotated[Context, TaskiqDepends()]) -> str:
    """Dial once, and return the state; if the rules do not allow it now, send the task again when they do."""
    outcome = await campaign.dial(ORDERS[order], context.state.client, callout)
    if outcome.state is ContactState.TODO:
        await call.schedule_by_time(later, datetime.fromtimestamp(outcome.due, UTC), order)
    return str(outcome.state)


async def main(*orders: str) -> None:
    """Send a task for each order, and print what became of the calls."""
    await broker.startup()
    for task in [await call.kiq(order) for order in orders]:
        print((await task.wait_result(timeout=60)).return_value)
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
