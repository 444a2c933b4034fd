"""Call the customer of an order in a Celery task, at most once, however often the task runs.

``celery --app one_call_celery worker --pool prefork`` works; ``python one_call_celery.py 1001`` sends a task and prints
what became of the call. SINCH_APPLICATION_KEY, SINCH_APPLICATION_SECRET and REDIS_URL come from the environment, and
CAMPAIGN_JOURNAL is a PostgreSQL database if several machines work. Needs celery[redis].
"""

import asyncio
import os
import sys
import time
from typing import Any

from celery import Celery
from celery.signals import worker_process_shutdown

from sinch_voice_async import (
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    SinchVoiceError,
    TtsCallout,
    VoiceClient,
)
from sinch_voice_async.dialer import Campaign, Contact, ContactState

# The database of a shop. A task has the order as its argument, so that no broker and no log sees a telephone number.
ORDERS = {"1001": Contact("+46700000001", fields={"name": "Ann"}), "1002": Contact("+46700000002")}

REDIS = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
app = Celery("orders", broker=REDIS, backend=REDIS)
app.conf.update(
    # A worker that is killed loses no task: another one repeats it, and the journal knows what was dialled.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
)
campaign = Campaign("orders", journal=os.environ.get("CAMPAIGN_JOURNAL", "orders.sqlite"), calls_per_second=5)
client = VoiceClient()  # it opens its connections in the process that uses it


def callout(contact: Contact) -> TtsCallout:
    """Return what a customer hears."""
    return TtsCallout(destination=contact.number, text=f"Hi {contact.fields.get('name', '')}, your order is ready.")


@app.task(
    name="orders.call",
    bind=True,
    max_retries=None,
    autoretry_for=(SinchVoiceError,),  # nothing was sent: the contact is in ``todo``
    dont_autoretry_for=(InvalidRequestError, ConfigurationError, AuthenticationError),  # a repetition cannot help
    retry_backoff=True,
)
def call(self: Any, order: str) -> str:
    """Dial once, and return the state: ``accepted``, ``rejected``, ``skipped`` or ``unknown``."""
    outcome = asyncio.run(campaign.dial(ORDERS[order], client, callout))
    if outcome.state is ContactState.TODO:  # the rules do not allow it now
        raise self.retry(countdown=max(1.0, outcome.due - time.time()))
    return str(outcome.state)


@worker_process_shutdown.connect
def close(**_: object) -> None:
    """Close the connections of this process."""
    asyncio.run(client.aclose())


if __name__ == "__main__":
    for result in [call.delay(order) for order in sys.argv[1:]]:
        print(result.get(timeout=60))
