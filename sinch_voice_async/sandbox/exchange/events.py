"""Events: what they say, the URLs they are sent to, and what happens with the answer.

What a callout names for an event is a URL, or SVAML in its place; if it names nothing, the application's own URLs are
used. An event is left out if the callout has not enabled it, and all but ICE are left out if the other end is an app.
Without an answer ICE ends the call with an error message, ACE connects it, and a notification is lost. The documents do
not say what happens after a prompt input: here the call goes on. An answer without a body counts as none. SVAML that is
illegal is told by the notification ``callingerror`` and ends the call. Source: Callback API, Callback Events; Calling
API, Custom Callout.
"""

import json
from collections.abc import Mapping

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.exchange.callbacks import Callback, Reply
from sinch_voice_async.sandbox.exchange.calls import RATE, Call, Party
from sinch_voice_async.sandbox.exchange.documents import check_svaml
from sinch_voice_async.sandbox.exchange.runner import CallRunner, DisconnectError
from sinch_voice_async.sandbox.requests import Fields, RefusalError, read_object, size_of_body

__all__ = [
    "failure",
    "illegal",
    "is_called_back",
    "party",
    "request_svaml",
    "send_event",
    "take_reply",
    "without_credentials",
]

BYTES_OF_AN_EVENT = 3_000
EVENTS = ("ice", "ace", "pie", "dice", "notify")
ILLEGAL_SVAML = 40001
ENABLED_BY = {"ace": "enableAce", "dice": "enableDice", "pie": "enablePie"}


def is_called_back(call: Call, account: Account) -> bool:
    """Return whether any event of a call has a URL to go to."""
    return any(_urls_for(call, event, account) for event in EVENTS)


def _urls_for(call: Call, event: str, account: Account) -> tuple[str, ...]:
    """Return the URLs of an event: none, one, or the application's primary and fallback URL."""
    if not _is_on(call, event):
        return ()
    own = _named(call, event)
    if own:
        return () if own.startswith("{") else (own,)
    urls = account.callback_urls
    return tuple(url for url in (urls.primary, urls.fallback) if url) if urls.primary else ()


def _inline(call: Call, event: str) -> Fields | None:
    """Return the SVAML that a custom callout has for an event in place of a URL."""
    own = _named(call, event) if _is_on(call, event) else ""
    return Fields(json.loads(own), event) if own.startswith("{") else None


def _is_on(call: Call, event: str) -> bool:
    """Return whether an event of this call is sent."""
    if event in ENABLED_BY and call.listener.kind == "username" and not call.is_inbound:
        return False
    if call.callout is None or event not in ENABLED_BY:
        return True
    fields = call.callout.fields
    # The documents of the custom callout do not know these flags, and one of its samples sets them.
    is_custom = call.callout.method == "customCallout"
    return fields.flag(ENABLED_BY[event]) or (is_custom and fields.value(ENABLED_BY[event]) is None)


def _document(call: Call, event: str, at: float, account: Account, **members: object) -> dict[str, object]:
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
        **_MEMBERS.get(event, _no_members)(call),
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
    assert call.ended is not None  # DiCE comes after the end
    return {
        "reason": call.ended.reason,
        "result": call.ended.result,
        "debit": {"currencyId": "USD", "amount": call.debit},
        "userRate": {"currencyId": "USD", "amount": RATE},
        "to": party(call.to),
        "duration": call.duration,
        "from": call.cli,
        **({"callHeaders": call.call_headers} if call.call_headers else {}),
    }


def _no_members(_call: Call) -> Mapping[str, object]:
    return {}


def party(one: Party) -> Mapping[str, str]:
    """Return one end of a call as the platform writes it."""
    return {"type": one.kind, "endpoint": one.endpoint}


_MEMBERS = {"ice": _incoming, "dice": _disconnected}


async def request_svaml(runner: CallRunner, event: str, **members: object) -> Fields | None:
    """Send an event, and return the SVAML that answers it. None: it is not answered."""
    if event == "ace" and runner.is_suppressed:
        return None
    document = _inline(runner.call, event)
    if document is not None:
        runner.log("note", f"{event} is answered by the callout itself")
        return document
    answers = runner.context.answers
    from_page = answers.take(event, when="always")
    urls = () if from_page else _urls_for(runner.call, event, runner.context.account)
    if urls:
        _post(runner, event, urls, members, is_question=True)
        reply: Reply = await runner.answer()
        if not reply.error and reply.body.strip():
            return _read(runner, event, reply.body)
    elif event == "ice" and not from_page:
        runner.log("note", "no callback URL is set: no application answers this call")
    from_page = from_page or answers.take(event, when="noAnswer")
    if from_page is None:
        return None
    svaml = without_credentials(json.loads(from_page))
    runner.log("note", f"{event} is answered by the page, for the application", {"svaml": svaml})
    return _read(runner, event, from_page)


def send_event(runner: CallRunner, event: str, **members: object) -> None:
    """Send an event whose answer changes nothing."""
    is_left_out = event == "dice" and runner.is_suppressed
    urls = () if is_left_out else _urls_for(runner.call, event, runner.context.account)
    if urls:
        _post(runner, event, urls, members, is_question=False)


def take_reply(runner: CallRunner, callback: Callback, reply: Reply, *, is_last: bool) -> None:
    """Note what came back of a callback. The last reply answers the call that waits for it."""
    runner.log("answer", callback.name, _described(reply))
    runner.context.calls.grow(runner.call, 2 * size_of_body(reply.body))
    if callback.is_question and is_last:
        runner.signal("answer", reply)


def failure(runner: CallRunner, reason: str) -> DisconnectError:
    """Return what ends a call that went wrong."""
    return DisconnectError("FAILED" if runner.call.answered is None else "ANSWERED", reason)


def illegal(runner: CallRunner, refusal: RefusalError) -> DisconnectError:
    """Tell the application why its SVAML is illegal, and return what ends the call."""
    runner.log("note", "illegal SVAML", {"error": refusal.message})
    send_event(runner, "notify", type="callingerror", errorCode=ILLEGAL_SVAML, errorMsg=refusal.message)
    return failure(runner, "INVALIDSVAMLACTION")


def _post(
    runner: CallRunner, event: str, urls: tuple[str, ...], members: dict[str, object], *, is_question: bool
) -> None:
    call = runner.call
    content = _document(call, event, runner.now, runner.context.account, **members)
    runner.log("callback", event, {"url": urls[0], "event": content})
    runner.context.calls.grow(call, BYTES_OF_AN_EVENT)
    headers = call.callback_headers
    runner.post(Callback(call_id=call.call_id, urls=urls, event=content, headers=headers, is_question=is_question))


def _read(runner: CallRunner, event: str, body: bytes) -> Fields:
    try:
        return check_svaml(read_object(body), event)
    except RefusalError as refusal:
        raise illegal(runner, refusal) from None


def _described(reply: Reply) -> dict[str, object]:
    """Return what the timeline keeps of a reply. A refusal has the signature and its timestamp, to be compared."""
    sent = {"requestId": reply.request_id, "url": reply.url, "status": reply.status}
    if reply.error:
        return {**sent, "error": reply.error, "signed": dict(reply.signed)}
    try:
        body = json.loads(reply.body) if reply.body.strip() else None
    except (ValueError, RecursionError):
        body = reply.body.decode(errors="replace")
    return {**sent, "contentType": reply.content_type, "body": without_credentials(body)}


def without_credentials(value: object) -> object:
    """Return JSON without the credentials of recordings. JSON that is nested too deeply becomes a text."""
    try:
        return _without_credentials(value)
    except RecursionError:
        return "(nested too deeply)"


def _without_credentials(value: object) -> object:
    if isinstance(value, dict):
        return {
            name: "***" if name.lower() == "credentials" else _without_credentials(member)
            for name, member in value.items()
        }
    return [_without_credentials(member) for member in value] if isinstance(value, list) else value
