"""What the platform tells an application, and where it sends it.

Documents: Callback API, one section for each event; Calling API, "Custom Callout". What a callout names for an event is
a URL, or SVAML in its place; where it names nothing, the application's own URLs are used. An event is not sent where
the callout has not enabled it, and none but ICE where the other end is an app or a browser.
"""

import json
from collections.abc import Mapping

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.exchange.calls import RATE, Call
from sinch_voice_async.sandbox.exchange.parties import Party
from sinch_voice_async.sandbox.fields import Fields

__all__ = ["inline", "party", "sample", "urls_for"]

ENABLED_BY = {"ace": "enableAce", "dice": "enableDice", "pie": "enablePie"}


def urls_for(call: Call, event: str, account: Account) -> tuple[str, ...]:
    """Return where an event of a call goes: nowhere, to one URL, or to the application's primary and fallback URL."""
    if not is_on(call, event):
        return ()
    own = _named(call, event)
    if own:
        return () if own.startswith("{") else (own,)
    urls = account.callback_urls
    return tuple(url for url in (urls.primary, urls.fallback) if url) if urls.primary else ()


def inline(call: Call, event: str) -> Fields | None:
    """Return the SVAML that a custom callout gave for an event, in place of a URL."""
    own = _named(call, event) if is_on(call, event) else ""
    return Fields(json.loads(own), event) if own.startswith("{") else None


def is_on(call: Call, event: str) -> bool:
    """Whether an event of this call is sent at all."""
    if event in ENABLED_BY and call.listener.kind == "username" and not call.is_inbound:
        return False
    if call.callout is None or event not in ENABLED_BY:
        return True
    fields = call.callout.fields
    # The documents of the custom callout do not know these flags, and one of its samples sets them.
    is_custom = call.callout.method == "customCallout"
    return fields.flag(ENABLED_BY[event]) or (is_custom and fields.value(ENABLED_BY[event]) is None)


def sample(call: Call, event: str, at: float, account: Account, **members: object) -> dict[str, object]:
    """Return the JSON of an event."""
    notify = event == "notify"
    return {
        "event": event,
        "callid": call.call_id,
        **({} if notify else {"timestamp": call.clock.date(at).strftime("%Y-%m-%dT%H:%M:%SZ")}),
        "version": 1,
        "custom": call.custom,
        "applicationKey": account.application_key,
        **({"cookies": [{"key": key, "value": value} for key, value in call.cookies.items()]} if call.cookies else {}),
        **_MEMBERS.get(event, _nothing)(call),
        **members,
    }


def _named(call: Call, event: str) -> str:
    if call.callout is None or call.callout.method != "customCallout" or event == "notify":
        return ""
    return (call.callout.fields.text(event) or "").strip()


def _incoming(call: Call) -> Mapping[str, object]:
    return {
        "userRate": {"currencyId": "USD", "amount": RATE},
        "cli": call.cli,
        "to": party(call.to),
        "domain": call.domain,
        "originationType": "MXP" if call.domain == "mxp" else "PSTN" if call.is_inbound else "SERVER",
        "duration": 0,
        "rdnis": "",
        **({"callHeaders": call.call_headers} if call.call_headers else {}),
    }


def _disconnected(call: Call) -> Mapping[str, object]:
    return {
        "reason": call.reason,
        "result": call.result,
        "debit": {"currencyId": "USD", "amount": call.debit},
        "userRate": {"currencyId": "USD", "amount": RATE},
        "to": party(call.to),
        "duration": call.duration,
        "from": call.cli,
        **({"callHeaders": call.call_headers} if call.call_headers else {}),
    }


def _nothing(_call: Call) -> Mapping[str, object]:
    return {}


def party(one: Party) -> Mapping[str, str]:
    """Return one end of a call as the platform writes it."""
    return {"type": one.kind, "endpoint": one.endpoint}


_MEMBERS = {"ice": _incoming, "dice": _disconnected}
