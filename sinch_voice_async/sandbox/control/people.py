"""The control API's phones: who answers at a number and what they do, and the population of all other numbers."""

import tomllib
from dataclasses import replace
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sinch_voice_async.sandbox import bounds
from sinch_voice_async.sandbox.control.table import Control, Member, flag, given, member, number, seconds, texts
from sinch_voice_async.sandbox.exchange.people import People, Person, Population
from sinch_voice_async.sandbox.exchange.sounds import Espeak, Says, Wait
from sinch_voice_async.sandbox.requests import Fields, RefusalError, path_member

__all__ = ["PhoneControls", "PopulationControls", "described", "is_page", "seed_people"]

PERSON: dict[str, Member] = {
    "answersAfter": member("seconds of ringing; null: never answers", ["number", "null"], minimum=0),
    "hangsUpAfter": member(
        "seconds after answering; null: stays until the other side ends the call", ["number", "null"], minimum=0
    ),
    "refuses": member("busy or declined; null: neither", ["string", "null"], enum=["busy", "declined", None]),
    "presses": texts('what they press, one text for each time that a menu asks: ["1", "4711#"]'),
    "says": texts("what they say on a media stream, one text after the other, each when the server is silent"),
    "machine": flag("whether an answering machine picks up"),
    "beepsAfter": seconds("seconds after answering at which an answering machine beeps"),
    "manual": flag("whether it rings until a person answers it, here or on the page"),
}
LEASE = member(
    "page: the entry ends 3 s after the last page has gone; null: it stays. A browser's own page gets a lease anyway",
    ["string", "null"],
    enum=["page", None],
)
MOST_SEED = 10**9


def is_page(request: Request) -> bool:
    """Whether the sandbox's own page in a browser sends this, and not a program."""
    return request.query_params.get("lease") == "page" or request.headers.get("sec-fetch-site") == "same-origin"


class PhoneControls:
    """Puts people at numbers. What a request leaves out is as with the default person."""

    def __init__(self, people: People) -> None:
        self._people = people

    def controls(self) -> list[Control]:
        """Return the endpoints."""
        one, scripted = "/phones/{number}", {**PERSON, "lease": LEASE}
        example = {"answersAfter": 2, "presses": ["1"]}
        return [
            Control("GET", "/phones", self.list),
            Control("PUT", "/phones", self.default, PERSON, example={"answersAfter": 0, "hangsUpAfter": 3}),
            Control("GET", one, self.get),
            Control("PUT", one, self.put, scripted, example=example),
            Control("PATCH", one, self.change, scripted, example={"refuses": "busy"}),
            Control("DELETE", one, self.forget, status=204),
        ]

    async def list(self, _request: Request, _fields: Fields) -> Response:
        """List the scripted phones, and the default person at every other number."""
        return JSONResponse({"default": _described(self._people.default), "phones": described(self._people)})

    async def default(self, _request: Request, fields: Fields) -> Response:
        """Say who answers at every number that is not scripted."""
        self._people.default = _person(fields, Person())
        return JSONResponse(_described(self._people.default))

    async def get(self, request: Request, _fields: Fields) -> Response:
        """Tell who answers at a number, user name or SIP address."""
        return self._shown(path_member(request, "number"))

    async def put(self, request: Request, fields: Fields) -> Response:
        """Say who answers at a number, user name or SIP address, and what they do when it rings."""
        return self._set(request, _person(fields, self._people.default), fields)

    async def change(self, request: Request, fields: Fields) -> Response:
        """Change some of what the person at a number does; what is left out stays."""
        before = self._people.at(path_member(request, "number"))
        return self._set(request, _changed(fields, before), fields)

    async def forget(self, request: Request, _fields: Fields) -> Response:
        """Remove a scripted phone: the default person answers again."""
        self._people.forget(path_member(request, "number"))
        return Response(status_code=204)

    def _set(self, request: Request, person: Person, fields: Fields) -> Response:
        address = path_member(request, "number")
        lease = fields.choice("lease", ("page",))
        if lease or (person.is_manual and is_page(request) and not given(fields, "lease")):
            self._people.lease(address, person)
        else:
            self._people.meet(address, person)
        return self._shown(address)

    def _shown(self, address: str) -> Response:
        return JSONResponse(_described(self._people.at(address)))


class PopulationControls:
    """Sets, shows and removes the population of a sandbox."""

    def __init__(self, people: People) -> None:
        self._people = people

    def controls(self) -> list[Control]:
        """Return the endpoints."""
        shares = {
            "answer": _share("the share of all numbers, 0.0 to 1.0, at which a person answers"),
            "busy": _share("the share at which the line is busy"),
            "noAnswer": _share("the share at which the phone rings and no one answers"),
            "machine": _share("the share at which an answering machine picks up; the sum is 1"),
            "seed": member("another number draws another population; 0 by default", "integer", minimum=0),
        }
        example = {"answer": 0.6, "busy": 0.2, "noAnswer": 0.15, "machine": 0.05}
        return [
            Control("GET", "/population", self.get),
            Control("PUT", "/population", self.settle, shares, example=example),
            Control("DELETE", "/population", self.leave, status=204),
        ]

    async def get(self, _request: Request, _fields: Fields) -> Response:
        """Tell the shares of what people do; null if the default person answers everywhere."""
        population = self._people.population
        return JSONResponse({"population": None if population is None else _population(population)})

    async def settle(self, request: Request, fields: Fields) -> Response:
        """Put people at every number that is not scripted, drawn by number and seed."""
        self._people.population = _population_of(fields)
        return await self.get(request, fields)

    async def leave(self, _request: Request, _fields: Fields) -> Response:
        """Remove the population: the default person answers everywhere again."""
        self._people.population = None
        return Response(status_code=204)


def _share(about: str) -> Member:
    return member(about, "number", minimum=0, maximum=1)


def seed_people(people: People, path: Path) -> None:
    """Set people from a TOML file: the default person, the population, and single phones by number.

    Their members are those that the control API takes. Raises ValueError with the name of the file for a mistake in it,
    and OSError if it cannot be read.
    """
    try:
        document = Fields(tomllib.loads(path.read_text(encoding="utf-8")))
        for name in document.members:
            if name not in {"everybody", "population", "phones"}:
                document.illegal(name, "is not known here; known are: everybody, population, phones")
        everybody, shares, phones = (document.child(name) for name in ("everybody", "population", "phones"))
        if everybody is not None:
            people.default = _person(_known(everybody), Person())
        if shares is not None:
            people.population = _population_of(shares)
        phones = phones or Fields({})
        for address in phones.members:
            people.meet(address, _person(_known(phones.child(address) or Fields({})), people.default))
    except (RefusalError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None


def _known(fields: Fields) -> Fields:
    """Return the fields of a person, or refuse one that is not known."""
    for name in fields.members:
        if name not in PERSON:
            fields.illegal(name, f"is not known here; known are: {', '.join(PERSON)}")
    return fields


def described(people: People) -> list[dict[str, object]]:
    """Return the scripted phones as JSON has them."""
    return [{"number": address, **_described(person)} for address, person in people]


def _described(person: Person) -> dict[str, object]:
    return {
        "answersAfter": person.answers_after,
        "hangsUpAfter": person.hangs_up_after,
        "refuses": person.refuses,
        "presses": list(person.keys),
        "says": [each.text for each in person.says if isinstance(each, Espeak)],
        "machine": person.is_machine,
        "beepsAfter": person.beeps_after,
        "manual": person.is_manual,
    }


def _population_of(fields: Fields) -> Population:
    answer, busy, no_answer, machine = (
        number(fields, name, most=1.0) or 0.0 for name in ("answer", "busy", "noAnswer", "machine")
    )
    seed = fields.whole("seed", most=MOST_SEED) or 0
    try:
        return Population(answer=answer, busy=busy, no_answer=no_answer, machine=machine, seed=seed)
    except ValueError as error:
        raise RefusalError(40001, f"Illegal parameters: {error}") from None


def _population(population: Population) -> dict[str, float]:
    return {
        "answer": population.answer,
        "busy": population.busy,
        "noAnswer": population.no_answer,
        "machine": population.machine,
        "seed": population.seed,
    }


def _person(fields: Fields, like: Person) -> Person:
    keys, manual = _keys(fields), fields.flag("manual")
    # A person who presses keys, or a phone that waits for a person, does not hang up by itself.
    hangs_up_after = None if keys or manual else like.hangs_up_after
    refuses = fields.choice("refuses", ("busy", "declined"))
    return replace(
        like,
        answers_after=_seconds(fields, "answersAfter", like.answers_after),
        hangs_up_after=_seconds(fields, "hangsUpAfter", hangs_up_after),
        refuses="busy" if refuses == "busy" else "declined" if refuses == "declined" else None,
        keys=keys,
        says=_says(fields) if given(fields, "says") else like.says,
        is_machine=fields.flag("machine"),
        beeps_after=number(fields, "beepsAfter") or like.beeps_after,
        is_manual=manual,
    )


def _changed(fields: Fields, person: Person) -> Person:
    """Return the person with what the request names; the rest as before."""
    changed = _person(fields, person)
    return replace(
        changed,
        hangs_up_after=changed.hangs_up_after if given(fields, "hangsUpAfter") else person.hangs_up_after,
        refuses=changed.refuses if given(fields, "refuses") else person.refuses,
        keys=changed.keys if given(fields, "presses") else person.keys,
        is_machine=changed.is_machine if given(fields, "machine") else person.is_machine,
        is_manual=changed.is_manual if given(fields, "manual") else person.is_manual,
    )


def _keys(fields: Fields) -> tuple[str, ...]:
    keys = tuple(fields.texts("presses"))
    if not all(text and bounds.KEYS.issuperset(text) for text in keys):
        fields.illegal("presses", "must be texts of 0-9, * and #")
    return keys


def _says(fields: Fields) -> tuple[Says, ...]:
    try:
        return tuple(step for text in fields.texts("says") for step in (Espeak(text), Wait.until_silence()))
    except ValueError as error:
        fields.illegal("says", str(error))


def _seconds(fields: Fields, name: str, otherwise: float | None) -> float | None:
    return number(fields, name) if given(fields, name) else otherwise
