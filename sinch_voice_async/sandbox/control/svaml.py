"""The control API's SVAML: a JSON Schema, a check that finds every fault with its path, and the menus as a graph.

Source: SVAML, "Instructions" and "Actions"; Callback API, what each event may be answered with.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sinch_voice_async.sandbox.control.table import Control, member, text
from sinch_voice_async.sandbox.exchange.callbacks import Answer, Answers
from sinch_voice_async.sandbox.exchange.documents import ACTIONS, INSTRUCTIONS, check_svaml
from sinch_voice_async.sandbox.requests import Fields, RefusalError, path_member

__all__ = ["AnswerControls", "SvamlControls", "faults_of", "menus_of", "schema"]

Schema = Mapping[str, object]
EVENTS = ("ice", "ace", "pie", "dice", "call")
ANSWERED = ("ice", "ace", "pie")
MOST_FAULTS = 200
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
TARGET = re.compile(r"(menu|return)\(([^()]*)\)", re.IGNORECASE)


def _whole(about: str, least: int = 0, most: int | None = None) -> Schema:
    limits = {"minimum": least} if most is None else {"minimum": least, "maximum": most}
    return {"type": "integer", "description": about, **limits}


def _about(description: str, **schema: object) -> Schema:
    return {"type": "string", "description": description, **schema}


def _object(*required: str, **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


LOCALE = _about("the language of the text, as in en-US")
LONGEST = _whole("seconds after which the call ends", 0, 14_400)
HEADERS: Schema = {"type": "array", "items": _object("key", "value", key=TEXT, value=TEXT)}
RECORDING = _object(
    destinationUrl=_about("where the file is stored: s3://, azure:// or gs://"),
    credentials=_about("what the storage asks for"),
    format=_about("the format of the file; mp3 by default"),
    notificationEvents={**FLAG, "description": "whether a notification tells when the file is there"},
    transcriptionOptions=_object(enabled=FLAG, locale=LOCALE),
)
DESTINATION = _object("endpoint", type=TEXT, endpoint=_about("who is called"))
SOCKET = _object("endpoint", type=TEXT, endpoint=_about("a ws or wss URL", pattern="^wss?://"))
OPTION = _object(
    "dtmf",
    "action",
    dtmf={"type": ["string", "integer"], "description": "the key"},
    action=_about("menu(id) or return(value)", pattern=r"^(menu|return)\("),
)
MENU = _object(
    "id",
    id=_about("the name of the menu; one must be main"),
    mainPrompt=_about("what it says: #tts[...], #ssml[...], #href[...] or a file"),
    repeatPrompt=_about("what it says when it repeats"),
    repeats=_whole("how many times it repeats", 0, 100),
    maxDigits=_whole("how many keys it collects", 1, 100),
    timeoutMills=_whole("milliseconds without a key until it gives up; 5000 by default"),
    maxTimeoutMills=_whole("milliseconds for speech; 20000 by default"),
    options={"type": "array", "items": OPTION},
)
AMD: dict[str, Schema] = {"enabled": {"type": ["boolean", "string"]}, "async": {"type": ["boolean", "string"]}}
SUPPRESS: Schema = {**FLAG, "description": "whether ACE and DiCE are not sent"}
MUSIC = _about("what a person on hold hears: ring, music1, music2 or music3")
RECORD: dict[str, Schema] = {"record": {**FLAG, "description": "whether it is recorded"}, "recordingOptions": RECORDING}
STEPS: dict[str, tuple[str, tuple[str, ...], dict[str, Schema]]] = {
    "playFiles": ("Plays prompts and files.", ("ids",), {"ids": {"type": "array", "minItems": 1}, "locale": LOCALE}),
    "say": ("Speaks a text.", ("text",), {"text": _about("what is spoken"), "locale": LOCALE}),
    "sendDtmf": ("Plays key tones.", ("value",), {"value": _about("0-9, # and w for a pause", pattern="^[0-9#w]+$")}),
    "setCookie": ("Sets a cookie that later events carry.", ("key", "value"), {"key": TEXT, "value": TEXT}),
    "answer": ("Answers the call before it is connected.", (), {}),
    "startRecording": ("Records the call from now on.", (), {"options": RECORDING, "recordingOptions": RECORDING}),
    "stopRecording": ("Ends the recording.", (), {}),
    "reportCallStatus": ("Reports a status with DiCE.", (), {"value": TEXT, "details": TEXT}),
    "hangup": ("Ends the call.", (), {}),
    "continue": ("Goes on with the call.", (), {**RECORD}),
    "connectPstn": (
        "Connects the call with a phone number.",
        (),
        {
            "number": _about("E.164; the dialled number by default"),
            "locale": LOCALE,
            "maxDuration": LONGEST,
            "dialTimeout": _whole("seconds of ringing"),
            "cli": _about("the number that is shown; private hides it"),
            "suppressCallbacks": SUPPRESS,
            "dtmf": _about("tones that are played after the answer", pattern="^[0-9#w]*$"),
            "indications": _about("the country of the ringing tone"),
            "amd": _object(**AMD),
            **RECORD,
        },
    ),
    "connectMxp": (
        "Connects the call with an app.",
        (),
        {"destination": DESTINATION, "callHeaders": HEADERS, "suppressCallbacks": SUPPRESS, **RECORD},
    ),
    "connectConf": (
        "Puts the call into a conference.",
        ("conferenceId",),
        {
            "conferenceId": _about("the name of the conference", maxLength=64),
            "conferenceDtmfOptions": _object(
                mode=_about("what keys do", enum=["ignore", "forward", "detect"]),
                maxDigits=_whole("how many keys are one input", 1),
                timeoutMills=_whole("milliseconds between keys"),
            ),
            "moh": MUSIC,
            "suppressCallbacks": SUPPRESS,
            **RECORD,
        },
    ),
    "connectSip": (
        "Connects the call with a SIP address.",
        ("destination",),
        {
            "destination": DESTINATION,
            "maxDuration": LONGEST,
            "cli": TEXT,
            "transport": _about("UDP, TCP or TLS"),
            "suppressCallbacks": SUPPRESS,
            "callHeaders": HEADERS,
            "moh": MUSIC,
            **RECORD,
        },
    ),
    "connectStream": (
        "Connects the call with a WebSocket that hears and speaks.",
        ("destination",),
        {
            "destination": SOCKET,
            "streamingOptions": _object(version=_whole("1", 1), sampleRate=_whole("Hz", 8_000, 48_000)),
            "maxDuration": LONGEST,
            "callHeaders": HEADERS,
        },
    ),
    "runMenu": (
        "Asks for keys.",
        ("menus",),
        {
            "barge": {**FLAG, "description": "whether a key ends the prompt"},
            "locale": LOCALE,
            "mainMenu": _about("which menu comes first; main by default"),
            "enableVoice": FLAG,
            "menus": {"type": "array", "minItems": 1, "items": MENU},
        },
    ),
    "park": (
        "Keeps the call waiting.",
        (),
        {
            "locale": LOCALE,
            "introPrompt": TEXT,
            "holdPrompt": TEXT,
            "maxDuration": _whole("seconds until the call ends", 0, 600),
        },
    ),
}  # fmt: skip
"""What each instruction and action does, what it needs, and its members."""


@cache
def schema() -> dict[str, object]:
    """Return the JSON Schema of SVAML; ``x-events`` says which events a step may answer."""

    def step(name: str, events: str) -> dict[str, object]:
        about, required, members = STEPS[name]
        shape = _object("name", *required, name={"const": name}, **members)
        return {**shape, "description": about, "x-events": events.split()}

    by_name = {name.lower(): name for name in STEPS}
    instructions = [step(by_name[name], events) for name, events in INSTRUCTIONS.items()]
    actions = [step(by_name[name], events) for name, events in ACTIONS.items() if name not in INSTRUCTIONS]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "SVAML",
        "type": "object",
        "properties": {
            "instructions": {"type": "array", "items": {"oneOf": instructions}},
            "action": {"oneOf": actions},
        },
    }


@dataclass(frozen=True, slots=True)
class SvamlFault:
    """One thing that is wrong at a ``path``; a ``warning`` is accepted and does nothing."""

    path: str
    message: str
    severity: str = "error"

    def described(self) -> dict[str, str]:
        """Return it as JSON has it."""
        return {"path": self.path, "message": self.message, "severity": self.severity}


def faults_of(document: object, event: str) -> list[SvamlFault]:
    """Return everything that is wrong with SVAML as the answer to an event, in the order of the document."""
    found = list(_document_faults(document, event))[:MOST_FAULTS]
    if any(fault.severity == "error" for fault in found) or not isinstance(document, dict):
        return found
    try:
        check_svaml(Fields(document), event)
    except RefusalError as refusal:
        # What the exchange refuses is never called right, whatever the walk has missed.
        path = refusal.message.partition("'")[2].partition("'")[0]
        return [*found, SvamlFault(path, refusal.message)]
    return found


def _document_faults(document: object, event: str) -> Iterator[SvamlFault]:
    if not isinstance(document, dict):
        yield SvamlFault("", "SVAML is a JSON object")
        return
    members = {name.lower(): value for name, value in document.items()}
    for name in document:
        if name.lower() not in {"instructions", "action"}:
            yield SvamlFault(name, f"{name} is not a member of SVAML", "warning")
    instructions = members.get("instructions")
    if isinstance(instructions, list):
        for place, step in enumerate(instructions):
            yield from _step_faults(step, f"instructions[{place}]", INSTRUCTIONS, event)
    elif instructions is not None:
        yield SvamlFault("instructions", "must be a list")
    if members.get("action") is not None:
        yield from _step_faults(members["action"], "action", ACTIONS, event)
    elif instructions is None:
        yield SvamlFault("action", "is missing: SVAML needs an action or instructions")


def _step_faults(step: object, path: str, table: Mapping[str, str], event: str) -> Iterator[SvamlFault]:
    if not isinstance(step, dict):
        yield SvamlFault(path, "must be an object")
        return
    name = next((value for key, value in step.items() if key.lower() == "name"), None)
    if not isinstance(name, str) or not name:
        yield SvamlFault(f"{path}.name", "is missing")
        return
    if name.lower() not in table:
        yield SvamlFault(f"{path}.name", f"{name} is not known: {', '.join(_names(table))}")
        return
    if event not in table[name.lower()].split():
        where = "a managed call" if event == "call" else event.upper()
        yield SvamlFault(f"{path}.name", f"{name} is not allowed in {where}")
    _, required, members = next(entry for known, entry in STEPS.items() if known.lower() == name.lower())
    yield from _object_faults(step, path, {"name": TEXT, **members}, ("name", *required))
    if name.lower() == "runmenu":
        yield from _menu_faults(step, path)


def _names(table: Mapping[str, str]) -> list[str]:
    return [name for name in STEPS if name.lower() in table]


def _value_faults(value: object, path: str, rule: Mapping[str, object]) -> Iterator[SvamlFault]:
    kinds = rule.get("type", ())
    names = [kinds] if isinstance(kinds, str) else list(kinds)  # type: ignore[call-overload]  # a list of texts
    if not any(_is(value, kind) for kind in names):
        yield SvamlFault(path, f"must be {' or '.join(KINDS[kind] for kind in names)}")
    elif isinstance(value, dict):
        yield from _object_faults(value, path, rule["properties"], rule["required"])  # type: ignore[arg-type]  # of the table above
    elif isinstance(value, list):
        yield from _list_faults(value, path, rule)
    else:
        yield from _limit_faults(value, path, rule)


def _object_faults(
    value: Mapping[str, object], path: str, members: Mapping[str, Schema], required: tuple[str, ...]
) -> Iterator[SvamlFault]:
    known = {name.lower(): (name, rule) for name, rule in members.items()}
    present = {name.lower() for name, each in value.items() if each is not None}
    for name in required:
        if name.lower() not in present:
            yield SvamlFault(f"{path}.{name}", "is missing")
    for name, each in value.items():
        if name.lower() not in known:
            yield SvamlFault(f"{path}.{name}", f"is not known here: {', '.join(sorted(members))}", "warning")
        elif each is not None:
            yield from _value_faults(each, f"{path}.{name}", known[name.lower()][1])


def _list_faults(value: list[object], path: str, rule: Schema) -> Iterator[SvamlFault]:
    if not value and rule.get("minItems"):
        yield SvamlFault(path, "must not be empty")
    items = rule.get("items")
    for place, each in enumerate(value if isinstance(items, dict) else []):
        yield from _value_faults(each, f"{path}[{place}]", items)  # type: ignore[arg-type]  # checked above


def _limit_faults(value: object, path: str, rule: Schema) -> Iterator[SvamlFault]:
    least, most = rule.get("minimum"), rule.get("maximum")
    if isinstance(value, int) and isinstance(least, int):
        if value < least or (isinstance(most, int) and value > most):
            yield SvamlFault(path, f"must be {least} or more" if most is None else f"must be from {least} to {most}")
    elif isinstance(value, str):
        yield from _text_faults(value, path, rule)


def _text_faults(value: str, path: str, rule: Schema) -> Iterator[SvamlFault]:
    longest, pattern, enum = rule.get("maxLength"), rule.get("pattern"), rule.get("enum")
    if isinstance(longest, int) and len(value) > longest:
        yield SvamlFault(path, f"is {len(value)} characters long; the limit is {longest}")
    if isinstance(enum, list) and value.lower() not in enum:
        yield SvamlFault(path, f"must be one of {', '.join(enum)}")
    if isinstance(pattern, str) and not re.search(pattern, value, re.IGNORECASE):
        yield SvamlFault(path, f"must be {rule['description']}")


def _menu_faults(step: Mapping[str, object], path: str) -> Iterator[SvamlFault]:
    menus = [(place, menu) for place, menu in enumerate(_menus(step)) if isinstance(menu, dict)]
    ids = [str(menu["id"]) for _, menu in menus if isinstance(menu.get("id"), str)]
    if menus and "main" not in ids:
        yield SvamlFault(f"{path}.menus", "one menu must have the id main")
    for place, menu in menus:
        if ids.count(str(menu.get("id"))) > 1:
            yield SvamlFault(f"{path}.menus[{place}].id", f"two menus have the id {menu.get('id')}")
        for number, option in enumerate(_options(menu)):
            target = TARGET.fullmatch(str(option.get("action", "")))
            if target and target[1].lower() == "menu" and target[2] not in ids:
                yield SvamlFault(f"{path}.menus[{place}].options[{number}].action", f"leads to no menu: {target[2]}")


def _menus(step: Mapping[str, object]) -> list[object]:
    menus = next((value for name, value in step.items() if name.lower() == "menus"), None)
    return menus if isinstance(menus, list) else []


def _options(menu: Mapping[str, object]) -> list[Mapping[str, object]]:
    options = menu.get("options")
    return [option for option in options if isinstance(option, dict)] if isinstance(options, list) else []


KINDS = {
    "string": "a text",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


def _is(value: object, kind: str) -> bool:
    if kind in {"integer", "boolean"}:
        return isinstance(value, bool) is (kind == "boolean") and isinstance(value, int)
    return isinstance(value, {"string": str, "array": list, "object": dict}[kind])


def menus_of(document: object) -> dict[str, list[dict[str, str]]]:
    """Return the menus of a document as a graph: where each key leads."""
    action = document.get("action") if isinstance(document, dict) else None
    nodes: list[dict[str, str]] = []
    edges: list[dict[str, str]] = []
    menus = [menu for menu in _menus(action)[:100] if isinstance(menu, dict)] if isinstance(action, dict) else []
    for menu in menus:
        name = str(menu.get("id", ""))
        nodes.append({"id": name, "kind": "menu", "text": str(menu.get("mainPrompt", ""))[:200]})
        for option in _options(menu)[:20]:
            target = TARGET.fullmatch(str(option.get("action", "")))
            if target is None:
                continue
            is_menu = target[1].lower() == "menu"
            end = target[2] if is_menu else f"return({target[2]})"
            if not is_menu and end not in {node["id"] for node in nodes}:
                nodes.append({"id": end, "kind": "return", "text": target[2]})
            edges.append({"from": name, "to": end, "key": str(option.get("dtmf", ""))})
    return {"nodes": nodes, "edges": edges}


class SvamlControls:
    """Checks SVAML and gives its schema."""

    def controls(self) -> list[Control]:
        """Return the endpoints."""
        checked = {
            "svaml": member("the document: an object, or its JSON text", ["object", "string"], required=True),
            "event": text("what it answers: ice, ace, pie, dice or call; ice by default", enum=list(EVENTS)),
        }
        example = {"svaml": {"action": {"name": "hangup"}}, "event": "ice"}
        return [
            Control("GET", "/svaml/schema", self.schema),
            Control("POST", "/svaml/check", self.check, checked, example=example),
        ]

    async def schema(self, _request: Request, _fields: Fields) -> Response:
        """Return the JSON Schema of SVAML."""
        return JSONResponse(schema())

    async def check(self, _request: Request, fields: Fields) -> Response:
        """Find everything that is wrong with SVAML, and where its menus lead."""
        event = fields.choice("event", EVENTS) or "ice"
        document = fields.value("svaml")
        if document is None:
            fields.missing("svaml")
        if isinstance(document, str):
            try:
                document = json.loads(document)
            except json.JSONDecodeError as error:
                fault = SvamlFault("", f"not JSON: {error.msg} in line {error.lineno}").described()
                place = {"line": error.lineno, "column": error.colno}
                return JSONResponse({"faults": [{**fault, **place}], "menus": menus_of(None)})
            except (ValueError, RecursionError):
                return JSONResponse({"faults": [_UNREADABLE.described()], "menus": menus_of(None)})
        faults = [fault.described() for fault in faults_of(document, event)]
        # Written in ASCII: what arrives may hold half a surrogate pair.
        return Response(json.dumps({"faults": faults, "menus": menus_of(document)}), media_type="application/json")


_UNREADABLE = SvamlFault("", "not JSON that can be read: a number is too long, or the nesting too deep")


class AnswerControls:
    """Answers events for the application, with SVAML from the page."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def controls(self) -> list[Control]:
        """Return the endpoints."""
        answer = {
            "svaml": member("the answer", "object", required=True),
            "when": text("always, or noAnswer: if the application does not answer", enum=["always", "noAnswer"]),
            "times": member("how many calls it answers; without it, all", ["integer", "null"], minimum=1),
        }
        one, example = "/answers/{event}", {"svaml": {"action": {"name": "hangup"}}, "when": "noAnswer"}
        return [
            Control("GET", "/answers", self.list),
            Control("GET", one, self.get),
            Control("PUT", one, self.put, answer, example=example),
            Control("DELETE", one, self.remove, status=204),
        ]

    async def list(self, _request: Request, _fields: Fields) -> Response:
        """List the events that are answered for the application."""
        return JSONResponse({"answers": {event: _described(answer) for event, answer in self._answers}})

    async def get(self, request: Request, _fields: Fields) -> Response:
        """Tell what answers an event for the application; null if nothing does."""
        return JSONResponse({"answer": _described(self._answers.get(self._event(request)))})

    async def put(self, request: Request, fields: Fields) -> Response:
        """Answer ice, ace or pie for the application."""
        event, document = self._event(request), fields.required_child("svaml")
        when = fields.choice("when", ("always", "noanswer"))
        errors = [fault for fault in faults_of(document.members, event) if fault.severity == "error"]
        if errors:
            fields.illegal(f"svaml.{errors[0].path}", errors[0].message)
        times = fields.whole("times", least=1, most=10**9)
        answer = Answer(dict(document.members), "always" if when == "always" else "noAnswer", times)
        self._answers.set(event, answer)
        return JSONResponse({"answer": _described(answer)})

    async def remove(self, request: Request, _fields: Fields) -> Response:
        """Leave an event to the application again."""
        self._answers.remove(self._event(request))
        return Response(status_code=204)

    def _event(self, request: Request) -> str:
        event = path_member(request, "event").lower()
        if event not in ANSWERED:
            raise RefusalError(40400, f"No such event: {', '.join(ANSWERED)} can be answered")
        return event


def _described(answer: Answer | None) -> dict[str, object] | None:
    return None if answer is None else {"svaml": answer.svaml, "when": answer.when, "times": answer.times}
