"""The API of the platform, a class for each subject: callouts, calls, conferences, configuration, and recordings.

The platform has a host of its own for the configuration, numbers and callback URLs; the sandbox has one host for
everything. Recordings are downloaded whole or in part, in constant memory and with injected faults.

Source: Calling API, Callouts; Calling API, Get Call Result; Calling API, Conferences; Calling API, Configuration
Management Methods; Calling API, Recordings; RFC 9110, 14 Range Requests.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import NamedTuple

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from sinch_voice_async.sandbox.account import Account, OwnNumber, OwnNumbers, look_up
from sinch_voice_async.sandbox.exchange.calls import RATE, Call, Calls, Conferences, Participant, Party, Seat
from sinch_voice_async.sandbox.exchange.documents import MUSIC, Callout, callback_headers, check_svaml, read_callout
from sinch_voice_async.sandbox.exchange.events import party
from sinch_voice_async.sandbox.exchange.exchange import Exchange
from sinch_voice_async.sandbox.exchange.recordings import PATH, Content, Recording, Recordings, Stored
from sinch_voice_async.sandbox.faults import Faults
from sinch_voice_async.sandbox.requests import Codes, Endpoint, Fields, RefusalError, body_of, found, note, path_member
from sinch_voice_async.sandbox.server import drop, pause

__all__ = [
    "CallRoutes",
    "CalloutRoutes",
    "ConferenceRoutes",
    "ConfigurationRoutes",
    "RecordingRoutes",
    "Span",
    "download",
    "requested_span",
]


class CalloutRoutes:
    """Places callouts, unless the account or a limit forbids it."""

    def __init__(self, account: Account, exchange: Exchange, faults: Faults) -> None:
        self._account = account
        self._exchange = exchange
        self._faults = faults

    def endpoints(self) -> list[Endpoint]:
        """Return the routes; older documents and samples write the path with a trailing slash."""
        paths = ("/calling/v1/callouts", "/calling/v1/callouts/")
        return [Endpoint("POST", path, self.place) for path in paths]

    async def place(self, request: Request) -> Response:
        """Validate the callout, ring the telephone, and answer with the call's id."""
        callout = read_callout(await body_of(request), max_text_length=self._account.max_text_length)
        headers = callback_headers(request.headers.items())
        self._check_allowed(callout)
        call = self._exchange.place(callout, headers)
        note(request, f"{callout.method} -> call {call.call_id}")
        return JSONResponse({"callId": call.call_id})

    def _check_allowed(self, callout: Callout) -> None:
        if self._account.out_of_credit:
            raise RefusalError(40200, "Not enough credit")
        if callout.kind == "number" and self._account.forbids(callout.endpoint):
            raise RefusalError(40300, "Resource destination is forbidden")
        self._faults.admit_callout()


MANAGE = Codes(illegal=40003, missing=40003)
"""The documents name only this error for malformed SVAML in a PATCH."""


class CallRoutes:
    """Answers for the calls of an exchange.

    ``show_caller`` adds ``from`` to a call. The platform's samples of callouts leave it out, and an old client library
    of the vendor cannot read it.
    """

    def __init__(self, calls: Calls, *, show_caller: bool) -> None:
        self._calls = calls
        self._show_caller = show_caller

    def endpoints(self) -> list[Endpoint]:
        """Return the routes."""
        path = "/calling/v1/calls/id/{callId}"
        return [
            Endpoint("GET", path, self.get),
            Endpoint("PATCH", path, self.update),
            Endpoint("PATCH", f"{path}/leg/{{callLeg}}", self.update_leg),
        ]

    async def get(self, request: Request) -> Response:
        """Answer with the state or the result of a call."""
        call = self._find(request)
        note(request, f"{call.status} {call.result} {call.reason}")
        return JSONResponse(self._described(call))

    async def update(self, request: Request) -> Response:
        """Act on SVAML for an ongoing call; 204."""
        await self._manage(request, "caller")
        return Response(status_code=204)

    async def update_leg(self, request: Request) -> Response:
        """Act on SVAML for one leg of an ongoing call; 200."""
        leg = path_member(request, "callLeg")
        if leg not in {"caller", "callee", "both"}:
            raise RefusalError(40003, "Invalid request: the leg must be caller, callee or both")
        await self._manage(request, leg)
        return Response(status_code=200)

    async def _manage(self, request: Request, leg: str) -> None:
        call = self._find(request)
        svaml = check_svaml(await body_of(request, MANAGE), "call")
        if call.is_final:
            raise RefusalError(40400, "Call not found")
        if call.to.kind == "username":
            raise RefusalError(40003, "Invalid request: only calls from or to PSTN or SIP can be managed")
        call.handle.manage(svaml, leg)

    def _find(self, request: Request) -> Call:
        return found(self._calls.get(path_member(request, "callId")), "Call")

    def _described(self, call: Call) -> dict[str, object]:
        caller = call.caller or Party("number", call.cli)
        shown = self._show_caller and caller.endpoint
        return {
            **({"from": party(caller)} if shown else {}),
            "to": party(call.to),
            "domain": call.domain,
            "callId": call.call_id,
            "duration": call.duration,
            "status": call.status,
            "result": call.result,
            "reason": call.reason,
            "timestamp": _whole_seconds(call.clock.date(call.placed_at)),
            "custom": call.custom,
            "userRate": {"currencyId": "USD", "amount": RATE},
            "debit": {"currencyId": "USD", "amount": call.debit},
        }


def _whole_seconds(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class ConferenceRoutes:
    """Answers for the conferences of an exchange."""

    def __init__(self, conferences: Conferences) -> None:
        self._conferences = conferences

    def endpoints(self) -> list[Endpoint]:
        """Return the routes."""
        conference = "/calling/v1/conferences/id/{conferenceId}"
        participant = f"{conference}/{{callId}}"
        return [
            Endpoint("GET", conference, self.get),
            Endpoint("DELETE", conference, self.kick_all),
            Endpoint("PATCH", participant, self.command),
            Endpoint("DELETE", participant, self.kick),
        ]

    async def get(self, request: Request) -> Response:
        """Answer with the participants."""
        participants = self._conferences.participants(path_member(request, "conferenceId"))
        return JSONResponse({"participants": [_seated(*each) for each in participants]})

    async def command(self, request: Request) -> Response:
        """Mute, unmute, hold or resume one participant; 200."""
        call, seat = self._participant(request)
        call.handle.note(f"conference: {_obey(seat, await body_of(request))}")
        return Response(status_code=200)

    async def kick(self, request: Request) -> Response:
        """End one participant's call; 200."""
        call, _ = self._participant(request)
        call.hang_up()
        return Response(status_code=200)

    async def kick_all(self, request: Request) -> Response:
        """End every participant's call; 204."""
        participants = self._conferences.participants(path_member(request, "conferenceId"))
        for call, _ in participants:
            call.hang_up()
        note(request, f"{len(participants)} kicked")
        return Response(status_code=204)

    def _participant(self, request: Request) -> Participant:
        return self._conferences.participant(path_member(request, "conferenceId"), path_member(request, "callId"))


def _obey(seat: Seat, fields: Fields) -> str:
    command = fields.choice("command", ("mute", "unmute", "onhold", "resume")) or fields.missing("command")
    moh = fields.choice("moh", MUSIC)
    if command in {"mute", "unmute"}:
        seat.muted = command == "mute"
    else:
        seat.on_hold = command == "onhold"
        seat.moh = moh if seat.on_hold else None
    return command


def _seated(call: Call, seat: Seat) -> dict[str, object]:
    return {
        "cli": call.listener.endpoint,
        "id": call.call_id,
        "duration": int(call.seconds_since(seat.joined_at)),
        "muted": seat.muted,
        "onhold": seat.on_hold,
    }


class ConfigurationRoutes:
    """Answers for the numbers and callback URLs of a customer."""

    def __init__(self, account: Account, numbers: OwnNumbers) -> None:
        self._account = account
        self._numbers = numbers

    def endpoints(self) -> list[Endpoint]:
        """Return the routes; older documents write the path of numbers with a trailing slash."""
        callbacks = "/v1/configuration/callbacks/applications/{applicationkey}"
        numbers = [
            endpoint
            for path in ("/v1/configuration/numbers", "/v1/configuration/numbers/")
            for endpoint in (
                Endpoint("GET", path, self.list_numbers),
                Endpoint("POST", path, self.assign),
                Endpoint("DELETE", path, self.unassign),
            )
        ]
        return [
            *numbers,
            Endpoint("GET", callbacks, self.get_callbacks),
            Endpoint("POST", callbacks, self.update_callbacks),
            Endpoint("GET", "/v1/calling/query/number/{number}", self.query),
        ]

    async def list_numbers(self, _request: Request) -> Response:
        """Answer with every number of the customer."""
        return JSONResponse({"numbers": [_number(number) for number in self._numbers]})

    async def assign(self, request: Request) -> Response:
        """Assign 1 to 100 numbers to an application; 204."""
        fields = await body_of(request)
        numbers = fields.texts("numbers") or fields.missing("numbers")
        if len(numbers) > 100:
            fields.illegal("numbers", "must not be more than 100")
        self._numbers.assign(numbers, self._application(fields), fields.choice("capability", ("voice", "sms")))
        return Response(status_code=204)

    async def unassign(self, request: Request) -> Response:
        """Unassign one number from an application; 204."""
        fields = await body_of(request)
        number = fields.required_text("number")
        fields.choice("capability", ("voice", "sms"))
        self._numbers.unassign(number, self._application(fields))
        return Response(status_code=204)

    async def get_callbacks(self, request: Request) -> Response:
        """Answer with an application's callback URLs."""
        self._known(path_member(request, "applicationkey"))
        urls = self._account.callback_urls
        return JSONResponse(
            {"url": {"primary": urls.primary, **({"fallback": urls.fallback} if urls.fallback else {})}}
        )

    async def update_callbacks(self, request: Request) -> Response:
        """Change an application's callback URLs; 204. A URL that is left out stays as it is."""
        self._known(path_member(request, "applicationkey"))
        urls = (await body_of(request)).required_child("url")
        given = {name: urls.text(name) for name in ("primary", "fallback")}
        for name, url in given.items():
            if url and not url.lower().startswith(("http://", "https://")):
                urls.illegal(name, "must be an http or https URL")
        current = self._account.callback_urls
        current.primary = current.primary if given["primary"] is None else given["primary"]
        current.fallback = current.fallback if given["fallback"] is None else given["fallback"]
        return Response(status_code=204)

    async def query(self, request: Request) -> Response:
        """Answer a query of a number. The platform calls it deprecated."""
        found = look_up(path_member(request, "number"))
        number = {
            "countryId": found.country_id,
            "numberType": found.number_type,
            "normalizedNumber": found.normalized_number,
            "restricted": self._account.forbids(found.normalized_number),
            "rate": {"currencyId": "USD", "amount": RATE},
        }
        return JSONResponse({"number": number})

    def _application(self, fields: Fields) -> str:
        """Return the application that the body names, or the one whose key signed the request."""
        return self._known(fields.text("applicationkey") or self._account.application_key)

    def _known(self, application_key: str) -> str:
        if not self._account.owns(application_key):
            raise RefusalError(40003, "Invalid Application Key")
        return application_key


def _number(own: OwnNumber) -> dict[str, str]:
    owner = {} if own.application_key is None else {"applicationkey": own.application_key}
    return {"number": own.number, **owner, "capability": own.capability}


PIECE = 262_144
MARKS = {
    b"RIFF": "audio/wav",
    b"ID3": "audio/mpeg",
    b"\xff\xfb": "audio/mpeg",
    b"OggS": "audio/ogg",
    b"{": "application/json",
}
ONE_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*")


class Span(NamedTuple):
    """Bytes from ``start`` up to ``stop``. ``status`` is 200, 206, or 416 if the file has none of them."""

    start: int
    stop: int
    status: int


def requested_span(headers: Mapping[str, str], *, size: int, validators: tuple[str, str]) -> Span:
    """Return the part that was asked for, or the whole file if that is not one range or is of another version.

    ``validators`` are the file's entity tag and modification date, either of which ``If-Range`` may name.
    """
    whole = Span(0, size, 200)
    match = ONE_RANGE.fullmatch(headers.get("range", ""))
    if match is None or headers.get("if-range", validators[0]) not in validators:
        return whole
    first, last = match.groups()
    if not first and not last:
        return whole
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(int(last) + 1 if last else size, size)
        if last and int(last) < start:
            return whole
    return Span(start, stop, 206) if start < stop else Span(0, 0, 416)


def download(recording: Recording, headers: Mapping[str, str], *, accept_ranges: bool) -> Response:
    """Return the answer to a request with these headers: 200, 206 or 416."""
    modified = format_datetime(recording.modified_on, usegmt=True)
    validators = (recording.etag, modified)
    asked = headers if accept_ranges else {}
    span = requested_span(asked, size=recording.size, validators=validators)
    described = {"etag": recording.etag, "last-modified": modified}
    if accept_ranges:
        described["accept-ranges"] = "bytes"
    if span.status == 416:
        return Response(status_code=416, headers={**described, "content-range": f"bytes */{recording.size}"})
    if span.status == 206:
        described["content-range"] = f"bytes {span.start}-{span.stop - 1}/{recording.size}"
    return _RecordingStream(recording, span, described)


class _RecordingStream(Response):
    """Sends a span of a recording piece by piece."""

    def __init__(self, recording: Recording, span: Span, described: Mapping[str, str]) -> None:
        self._recording = recording
        self._content = recording.served()
        self._position, self._stop, status = span
        headers = {**described, "content-length": str(self._stop - self._position)}
        super().__init__(status_code=status, headers=headers, media_type=_media_type(recording))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        while (trouble := self._recording.next_trouble(self._position, self._stop)) is not None:
            await self._send_until(trouble.at, send)
            if trouble.then_changes:
                self._recording.change()
            if trouble.seconds is None:
                await drop(scope, receive, flush=True)
                return
            await pause(receive, trouble.seconds)
        await self._send_until(self._stop, send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_until(self, stop: int, send: Send) -> None:
        while self._position < stop:
            end = min(self._position + PIECE, stop)
            body = await _read(self._content, self._position, end)
            await send({"type": "http.response.body", "body": body, "more_body": True})
            self._position = end


async def _read(content: Content, start: int, stop: int) -> bytes:
    if content.is_slow:
        # A speech program runs for seconds. The event loop serves other requests meanwhile.
        return await anyio.to_thread.run_sync(content.read, start, stop)
    return content.read(start, stop)


def _media_type(recording: Recording) -> str:
    """Return the type of the content, not of the name: the sandbox stores WAV under the platform's ``.mp3``."""
    if not isinstance(recording.content, Stored):
        return "audio/wav"
    start = recording.content.read(0, min(4, recording.size))
    return next((kind for mark, kind in MARKS.items() if start.startswith(mark)), "application/octet-stream")


DEFAULT_PAGE_SIZE = 100
"""The documents name none: it is the sandbox's own."""


class RecordingRoutes:
    """Answers for the recordings."""

    def __init__(self, recordings: Recordings) -> None:
        self._recordings = recordings

    def endpoints(self) -> list[Endpoint]:
        """Return the routes."""
        return [
            Endpoint("GET", PATH, self.list),
            Endpoint("GET", f"{PATH}/", self.refuse_no_key),
            Endpoint("DELETE", f"{PATH}/", self.refuse_no_key),
            Endpoint("GET", f"{PATH}/{{key}}", self.download),
            Endpoint("DELETE", f"{PATH}/{{key}}", self.delete),
        ]

    async def list(self, request: Request) -> Response:
        """Answer with one page: a bare array, empty past the last page."""
        page = _positive(request, "page", 1, "'pageNumber' must be greater than 0")
        page_size = _positive(request, "pageSize", DEFAULT_PAGE_SIZE, "'pageSize' must be a positive integer")
        start, end = _moment(request, "from"), _moment(request, "to")
        if start is not None and end is not None and end <= start:
            raise RefusalError(40001, "'to' must be greater than 'from'")
        found = self._recordings.page(start=start, end=end, page=page, page_size=page_size)
        note(request, f"page {page}: {len(found)} of {len(self._recordings)}")
        return JSONResponse([self._described(recording) for recording in found])

    async def refuse_no_key(self, _request: Request) -> Response:
        """Answer 40002."""
        raise RefusalError(40002, "No key specified")

    async def download(self, request: Request) -> Response:
        """Answer with the file or the part that was asked for."""
        return download(self._find(request), request.headers, accept_ranges=self._recordings.accept_ranges)

    async def delete(self, request: Request) -> Response:
        """Delete the file; 204."""
        self._recordings.remove(self._find(request).key)
        return Response(status_code=204)

    def _find(self, request: Request) -> Recording:
        return found(self._recordings.get(path_member(request, "key")), "Recording")

    def _described(self, recording: Recording) -> dict[str, object]:
        return {
            "key": recording.key,
            "url": self._recordings.url_of(recording.key),
            "createdOn": _iso(recording.created_on),
            "expiresOn": _iso(recording.expires_on),
            "headers": dict(recording.headers),
        }


def _positive(request: Request, name: str, default: int, problem: str) -> int:
    text = request.query_params.get(name, str(default))
    # Longer texts are numbers as well, and beyond any page.
    if not (text.isascii() and text.isdecimal() and len(text) < 19) or int(text) < 1:
        raise RefusalError(40001, problem)
    return int(text)


def _moment(request: Request, name: str) -> datetime | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        # A plus sign that was not percent-encoded arrives as a space.
        moment = datetime.fromisoformat(text.strip().replace(" ", "+"))
    except ValueError:
        raise RefusalError(40001, f"'{name}' is not a timestamp") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
