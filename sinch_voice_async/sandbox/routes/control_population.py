"""The control API's population: people at every number at once, by shares."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sinch_voice_async.sandbox.exchange.people import People, Population
from sinch_voice_async.sandbox.fields import Fields
from sinch_voice_async.sandbox.refusals import RefusalError
from sinch_voice_async.sandbox.routes.control_table import Control, number

__all__ = ["PopulationControls"]


class PopulationControls:
    """Settles, tells of and evacuates the population of a sandbox."""

    def __init__(self, people: People) -> None:
        self._people = people

    def controls(self) -> list[Control]:
        """Return the endpoints."""
        shares = {
            "answer": "the share of all numbers, 0.0 to 1.0, at which somebody answers",
            "busy": "the share at which the line is busy",
            "noAnswer": "the share at which nobody comes to the telephone",
            "machine": "the share at which an answering machine picks up; all of them add up to 1",
            "seed": "another number settles other people: 0 without it",
        }
        return [
            Control("GET", "/population", self.get),
            Control("PUT", "/population", self.settle, shares),
            Control("DELETE", "/population", self.leave),
        ]

    async def get(self, _request: Request, _fields: Fields) -> Response:
        """Tell the shares of what people do; null where one person is everywhere."""
        population = self._people.population
        return JSONResponse({"population": None if population is None else _described(population)})

    async def settle(self, request: Request, fields: Fields) -> Response:
        """Put people at every number for which nobody was scripted, drawn by number and seed."""
        answer, busy, no_answer, machine = (
            number(fields, name, most=1.0) or 0.0 for name in ("answer", "busy", "noAnswer", "machine")
        )
        seed = fields.whole("seed") or 0
        try:
            population = Population(answer=answer, busy=busy, no_answer=no_answer, machine=machine, seed=seed)
        except ValueError as error:
            raise RefusalError(40001, f"Illegal parameters: {error}") from None
        self._people.population = population
        return await self.get(request, fields)

    async def leave(self, _request: Request, _fields: Fields) -> Response:
        """Have the default person everywhere again."""
        self._people.population = None
        return Response(status_code=204)


def _described(population: Population) -> dict[str, float]:
    return {
        "answer": population.answer,
        "busy": population.busy,
        "noAnswer": population.no_answer,
        "machine": population.machine,
        "seed": population.seed,
    }
