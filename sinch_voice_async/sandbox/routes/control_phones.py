"""The control API's telephones: who is where, and what they do when it rings."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sinch_voice_async.sandbox.exchange.people import People, Person
from sinch_voice_async.sandbox.fields import Fields
from sinch_voice_async.sandbox.routes.control_table import Control, given, number
from sinch_voice_async.sandbox.routes.endpoint import path_member

__all__ = ["PhoneControls", "described"]

PERSON = {
    "answersAfter": "seconds of ringing; null: never answers",
    "hangsUpAfter": "seconds after answering; null: stays until the call is ended from the other side",
    "refuses": "busy or declined; null: neither",
    "presses": 'what they press, one text for each time that a menu asks: ["1", "4711#"]',
    "machine": "whether an answering machine picks up",
    "beepsAfter": "seconds after answering at which an answering machine beeps",
    "manual": "whether it rings until somebody picks it up, here or on the page",
}
KEYS = frozenset("0123456789*#")


class PhoneControls:
    """Puts people at numbers. What is left out is as with the person who is everywhere else."""

    def __init__(self, people: People) -> None:
        self._people = people

    def controls(self) -> list[Control]:
        """Return the endpoints."""
        one = "/phones/{number}"
        return [
            Control("GET", "/phones", self.list),
            Control("PUT", "/phones", self.default, PERSON),
            Control("GET", one, self.get),
            Control("PUT", one, self.put, PERSON),
            Control("DELETE", one, self.forget),
        ]

    async def list(self, _request: Request, _fields: Fields) -> Response:
        """List who was scripted, and who is everywhere else."""
        return JSONResponse({"default": _described(self._people.default), "phones": described(self._people)})

    async def default(self, _request: Request, fields: Fields) -> Response:
        """Say who is wherever nobody was scripted."""
        self._people.default = _person(fields, Person())
        return JSONResponse(_described(self._people.default))

    async def get(self, request: Request, _fields: Fields) -> Response:
        """Tell who is at a number, user name or SIP address."""
        return JSONResponse(_described(self._people.at(path_member(request, "number"))))

    async def put(self, request: Request, fields: Fields) -> Response:
        """Say who is at a number, user name or SIP address, and what they do when it rings."""
        person = _person(fields, self._people.default)
        self._people.meet(path_member(request, "number"), person)
        return JSONResponse(_described(person))

    async def forget(self, request: Request, _fields: Fields) -> Response:
        """Leave a number to the person who is everywhere else."""
        self._people.forget(path_member(request, "number"))
        return Response(status_code=204)


def described(people: People) -> list[dict[str, object]]:
    """Return who was scripted as JSON has it."""
    return [{"number": number, **_described(person)} for number, person in people]


def _described(person: Person) -> dict[str, object]:
    return {
        "answersAfter": person.answers_after,
        "hangsUpAfter": person.hangs_up_after,
        "refuses": person.refuses,
        "presses": list(person.keys),
        "machine": person.is_machine,
        "beepsAfter": person.beeps_after,
        "manual": person.is_manual,
    }


def _person(fields: Fields, like: Person) -> Person:
    keys, manual = _keys(fields), fields.flag("manual")
    # Whoever has keys to press, or waits for a human, does not hang up before.
    hangs_up_after = None if keys or manual else like.hangs_up_after
    refuses = fields.choice("refuses", ("busy", "declined"))
    return replace(
        like,
        answers_after=_seconds(fields, "answersAfter", like.answers_after),
        hangs_up_after=_seconds(fields, "hangsUpAfter", hangs_up_after),
        refuses="busy" if refuses == "busy" else "declined" if refuses == "declined" else None,
        keys=keys,
        is_machine=fields.flag("machine"),
        beeps_after=number(fields, "beepsAfter") or like.beeps_after,
        is_manual=manual,
    )


def _keys(fields: Fields) -> tuple[str, ...]:
    keys = tuple(fields.texts("presses"))
    if not all(text and KEYS.issuperset(text) for text in keys):
        fields.illegal("presses", "must be texts of 0-9, * and #")
    return keys


def _seconds(fields: Fields, name: str, otherwise: float | None) -> float | None:
    return number(fields, name) if given(fields, name) else otherwise
