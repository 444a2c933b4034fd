"""Asking the application what to do, and telling it what happened.

Documents: Callback API. Where nobody answers, ICE ends the call with an error message, ACE connects it, and a
notification is lost; what then becomes of a prompt input is not documented: here the call goes on. An answer without a
body counts as none. SVAML that is illegal there is told by the notification ``callingerror`` and ends the call.
"""

import json
from collections.abc import Mapping
from functools import partial

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.exchange.callbacks import Parcel, Reply
from sinch_voice_async.sandbox.exchange.calls import RATE, Call, Party
from sinch_voice_async.sandbox.exchange.runner import DisconnectError, Line
from sinch_voice_async.sandbox.exchange.svaml import check_svaml
from sinch_voice_async.sandbox.fields import Fields, read_object
from sinch_voice_async.sandbox.refusals import RefusalError
from sinch_voice_async.sandbox.sizes import size_of_body

__all__ = ["ask", "failure", "hidden", "illegal", "inline", "party", "sample", "tell", "urls_for"]


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


def _no_members(_call: Call) -> Mapping[str, object]:
    return {}


def party(one: Party) -> Mapping[str, str]:
    """Return one end of a call as the platform writes it."""
    return {"type": one.kind, "endpoint": one.endpoint}


_MEMBERS = {"ice": _incoming, "dice": _disconnected}


BYTES_OF_AN_EVENT = 3_000
ILLEGAL_SVAML = 40001


async def ask(line: Line, event: str, **members: object) -> Fields | None:
    """Return the application's SVAML for an event, None where it gives none."""
    if event == "ace" and line.is_suppressed:
        return None
    document = inline(line.call, event)
    if document is not None:
        line.log("note", f"{event} is answered by the callout itself")
        return document
    answers = line.services.answers
    from_page = answers.take(event, when="always")
    urls = () if from_page else urls_for(line.call, event, line.services.account)
    if urls:
        _post(line, event, urls, members, is_question=True)
        reply: Reply = await line.answer()
        if not reply.error and reply.body.strip():
            return _document(line, event, reply.body)
    elif event == "ice" and not from_page:
        line.log("note", "no callback URL is set: no application answers this call")
    from_page = from_page or answers.take(event, when="noAnswer")
    if from_page is None:
        return None
    line.log("note", f"{event} is answered by the page, for the application", {"svaml": hidden(json.loads(from_page))})
    return _document(line, event, from_page)


def tell(line: Line, event: str, **members: object) -> None:
    """Send an event whose answer changes nothing."""
    urls = () if event == "dice" and line.is_suppressed else urls_for(line.call, event, line.services.account)
    if urls:
        _post(line, event, urls, members, is_question=False)


def failure(line: Line, reason: str) -> DisconnectError:
    """Return what ends a call that went wrong."""
    return DisconnectError("FAILED" if line.call.answered is None else "ANSWERED", reason)


def illegal(line: Line, refusal: RefusalError) -> DisconnectError:
    """Tell the application, and whoever reads the timeline, why its SVAML is illegal; return what ends the call."""
    line.log("note", "illegal SVAML", {"error": refusal.message})
    tell(line, "notify", type="callingerror", errorCode=ILLEGAL_SVAML, errorMsg=refusal.message)
    return failure(line, "INVALIDSVAMLACTION")


def _post(line: Line, event: str, urls: tuple[str, ...], members: dict[str, object], *, is_question: bool) -> None:
    content = sample(line.call, event, line.now, line.services.account, **members)
    line.log("callback", event, {"url": urls[0], "event": content})
    line.services.calls.grow(line.call, BYTES_OF_AN_EVENT)
    done = partial(_arrived, line, event, is_question=is_question)
    parcel = Parcel(urls, content, line.call.callback_headers, done, line.call.call_id)
    line.services.courier.post(line.mailbox, parcel)


def _arrived(line: Line, event: str, reply: Reply, *, is_last: bool, is_question: bool) -> None:
    line.log("answer", event, _described(reply))
    line.services.calls.grow(line.call, 2 * size_of_body(reply.body))
    if is_question and is_last:
        line.signal("answer", reply)


def _document(line: Line, event: str, body: bytes) -> Fields:
    try:
        return check_svaml(read_object(body), event)
    except RefusalError as refusal:
        raise illegal(line, refusal) from None


def _described(reply: Reply) -> dict[str, object]:
    """Return what the timeline keeps of an answer: with a refusal also what was signed, to compare it."""
    sent = {"requestId": reply.request_id, "url": reply.url, "status": reply.status}
    if reply.error:
        return {**sent, "error": reply.error, "signed": dict(reply.signed)}
    try:
        body = json.loads(reply.body) if reply.body.strip() else None
    except (ValueError, RecursionError):
        body = reply.body.decode(errors="replace")
    return {**sent, "contentType": reply.content_type, "body": hidden(body)}


def hidden(value: object) -> object:
    """Return JSON without the credentials of recordings; what is nested too deeply to look through is not shown."""
    try:
        return _hidden(value)
    except RecursionError:
        return "(nested too deeply)"


def _hidden(value: object) -> object:
    if isinstance(value, dict):
        return {name: "***" if name.lower() == "credentials" else _hidden(member) for name, member in value.items()}
    return [_hidden(member) for member in value] if isinstance(value, list) else value
