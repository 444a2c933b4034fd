"""Call the customer of an order in a background task of FastAPI, at most once.

``POST /orders/1001/call`` writes the contact into the journal, answers, and then dials. If it is repeated, it dials
nothing. The next start dials the contacts whose tasks a former process lost. Run it as one process, with
SINCH_APPLICATION_KEY and SINCH_APPLICATION_SECRET set. Needs fastapi and uvicorn.
"""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import uvicorn
from fastapi import BackgroundTasks, FastAPI, HTTPException

from sinch_voice_async import SinchVoiceError, TtsCallout, VoiceClient
from sinch_voice_async.dialer import Campaign, Contact, ContactState

# The database of a shop.
ORDERS = {"1001": Contact("+46700000001", fields={"name": "Ann"}), "1002": Contact("+46700000002")}

campaign = Campaign("orders", journal=os.environ.get("CAMPAIGN_JOURNAL", "orders.sqlite"), calls_per_second=5)
client = VoiceClient()


def callout(contact: Contact) -> TtsCallout:
    """Return what a customer hears."""
    return TtsCallout(destination=contact.number, text=f"Hi {contact.fields.get('name', '')}, your order is ready.")


async def dial(contact: Contact) -> None:
    """Dial a contact; one that could not be called stays in the journal as ``todo``."""
    try:
        await campaign.dial(contact, client, callout)
    except SinchVoiceError as error:
        logging.getLogger(__name__).warning("not called now: %s", type(error).__name__)


async def dial_what_is_left() -> None:
    """Dial the contacts whose tasks a former process lost."""
    async for left in campaign.outcomes({ContactState.TODO}):
        await dial(left.contact)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Keep one client and one open journal for all requests."""
    async with client, campaign, anyio.create_task_group() as tasks:
        tasks.start_soon(dial_what_is_left)
        yield
        tasks.cancel_scope.cancel()


app = FastAPI(lifespan=lifespan)


@app.post("/orders/{order}/call", status_code=202)
async def call(order: str, tasks: BackgroundTasks) -> dict[str, Any]:
    """Accept a call: once it is in the journal, it is not forgotten."""
    if order not in ORDERS:
        raise HTTPException(404)
    is_new = await campaign.enqueue([ORDERS[order]]) == 1
    tasks.add_task(dial, ORDERS[order])
    return {"order": order, "is_new": is_new}


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
