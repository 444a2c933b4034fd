"""Pages: lazy, nothing twice, nothing missed; the listing is a list in memory that changes between requests."""

from typing import Any, TypeAlias

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinch_voice_async import DecodeError, InvalidRequestError
from sinch_voice_async._endpoints.recordings.pages import Pages

Change: TypeAlias = tuple[str, int | None]
"""An item, and where it is put; None: it is taken away."""


class Shelf:
    """A listing whose pages hold at most ``cap`` items; ``changes[n]`` happen before the request n is answered."""

    def __init__(self, items: list[str], cap: int, changes: dict[int, list[Change]] | None = None) -> None:
        self.items = items
        self.cap = cap
        self.changes = changes or {}
        self.asked: list[int] = []

    async def page(self, number: int) -> list[str]:
        for item, place in self.changes.get(len(self.asked), []):
            if place is None:
                self.items.remove(item)
            else:
                self.items.insert(place, item)
        self.asked.append(number)
        await anyio.lowlevel.checkpoint()
        return self.items[(number - 1) * self.cap : number * self.cap]

    def pages(self) -> Pages[str]:
        return Pages(lambda: self.page, str)


async def test_a_listing_that_stays_as_it_is() -> None:
    """P pages cost 2P + 1 requests: up to the empty one, and down again."""
    shelf = Shelf(["a", "b", "c", "d", "e"], 2)
    assert [item async for item in shelf.pages()] == ["a", "b", "c", "d", "e"]
    assert shelf.asked == [1, 2, 3, 4, 3, 2, 1]


async def test_an_empty_listing_is_asked_for_once() -> None:
    """Where there is nothing at all, nothing can have been missed."""
    shelf = Shelf([], 2)
    assert await shelf.pages().collect() == []
    assert shelf.asked == [1]


async def test_pages_come_one_at_a_time() -> None:
    """Nothing is asked for before it is needed, and a page comes as it was given."""
    shelf = Shelf(["a", "b", "c"], 2)
    pages = shelf.pages()
    walk = pages.by_page()
    assert shelf.asked == []
    assert await anext(walk) == ["a", "b"]
    assert shelf.asked == [1]
    assert [page async for page in walk] == [["c"]]
    assert await anext(aiter(pages)) == "a"
    assert shelf.asked == [1, 2, 3, 2, 1, 1]


async def test_each_iteration_begins_anew() -> None:
    """What was given to one iteration is given to the next one too."""
    pages = Shelf(["a", "b", "c"], 2).pages()
    assert await pages.collect() == await pages.collect() == ["a", "b", "c"]


@pytest.mark.parametrize(("limit", "asked"), [(0, []), (1, [1]), (2, [1]), (3, [1, 2])])
async def test_collecting_some(limit: int, asked: list[int]) -> None:
    """No page is asked for beyond the limit."""
    shelf = Shelf(["a", "b", "c", "d", "e"], 2)
    assert await shelf.pages().collect(limit=limit) == ["a", "b", "c", "d", "e"][:limit]
    assert shelf.asked == asked


@pytest.mark.parametrize("limit", [-1, True, 1.5, "2"])
async def test_what_is_no_limit(limit: Any) -> None:
    """A slip is named, and nothing is sent."""
    shelf = Shelf(["a"], 2)
    with pytest.raises(InvalidRequestError, match="limit") as caught:
        await shelf.pages().collect(limit=limit)
    assert (caught.value.field, shelf.asked) == ("limit", [])


async def test_what_a_deletion_moves_past_the_reader() -> None:
    """C moves to the page that was just read; the way down meets it, and the listing is proven whole after that."""
    shelf = Shelf(["a", "b", "c", "d"], 2, {1: [("a", None)]})
    assert await shelf.pages().collect() == ["a", "b", "d", "c"]
    assert shelf.asked == [1, 2, 3, 2, 1, 3, 2, 1]


async def test_what_an_addition_moves_past_the_reader() -> None:
    """On the way down B moves to the page that was just read; the addition is noticed, and B is met after all."""
    # Before the request 1 "a" goes, so that "b" and "c" are missed on the way up; "x" comes before they are met.
    changes: dict[int, list[Change]] = {1: [("a", None)], 3: [("x", 0)]}
    shelf = Shelf(["a", "b"], 1, changes)
    assert sorted(await shelf.pages().collect()) == ["a", "b", "x"]


@st.composite
def _upheavals(draw: st.DrawFn) -> tuple[Shelf, set[str], set[str]]:
    """Return a shelf, what stays on it throughout, and all that is ever on it."""
    items = [f"item {number}" for number in range(draw(st.integers(0, 12)))]
    going = draw(st.lists(st.sampled_from(items), unique=True)) if items else []
    coming = [f"new {number}" for number in range(draw(st.integers(0, 6)))]
    changes: dict[int, list[Change]] = {}
    for item in [*going, *coming]:
        place = None if item in going else draw(st.integers(0, 15))
        changes.setdefault(draw(st.integers(0, 40)), []).append((item, place))
    return Shelf(list(items), draw(st.integers(2, 5)), changes), set(items) - set(going), {*items, *coming}


@settings(max_examples=150, deadline=None)
@given(_upheavals())
async def test_whatever_happens_meanwhile(upheaval: tuple[Shelf, set[str], set[str]]) -> None:
    """Everything that was there throughout is given exactly once, whatever is added and deleted around it, and when."""
    shelf, steady, ever = upheaval
    given_ = await shelf.pages().collect()
    assert len(given_) == len(set(given_))
    assert steady <= set(given_) <= ever


async def test_a_page_that_repeats_the_one_before_it() -> None:
    """A platform that does not look at the page number is an error, not an endless loop."""
    shelf = Shelf(["a", "b"], 2)

    async def page(_number: int) -> list[str]:
        return await shelf.page(1)

    pages = Pages(lambda: page, str)
    found = []
    with pytest.raises(DecodeError, match="page 2 of the listing repeats the one before it"):
        async for item in pages:
            found.append(item)
    assert found == ["a", "b"]


async def test_a_page_that_is_full_of_additions() -> None:
    """As many additions as fit on a page make the next one equal: that is a disturbance, and no repetition."""
    shelf = Shelf(["a", "b"], 1, {1: [("x", 0)]})
    assert sorted(await shelf.pages().collect()) == ["a", "b", "x"]


async def test_pages_without_an_end() -> None:
    """Pages that go round in circles are an error as well."""

    async def page(number: int) -> list[str]:
        return ["a"] if number % 2 else ["b"]

    with pytest.raises(DecodeError, match="no end"):
        await Pages(lambda: page, str).collect()


async def test_a_listing_that_never_rests() -> None:
    """What changes faster than it can be read is given as far as it was seen, and then called incomplete."""
    changes: dict[int, list[Change]] = {moment: [(f"new {moment}", 0)] for moment in range(1000)}
    shelf = Shelf(["a"], 1, changes)

    async def page(number: int) -> list[str]:
        return await shelf.page(number) if number < 5 else []

    found = []
    with pytest.raises(DecodeError, match="changed during each of 10 looks"):
        async for item in Pages(lambda: page, str):
            found.append(item)
    assert len(found) == len(set(found)) > 10


async def test_several_tasks_share_one_iteration() -> None:
    """Each item goes to one of them."""
    items = aiter(Shelf([str(number) for number in range(50)], 7).pages())
    found: list[str] = []

    async def work() -> None:
        async for item in items:
            found.append(item)
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(work)
    assert sorted(found, key=int) == [str(number) for number in range(50)]


async def test_a_step_that_was_cancelled_is_taken_again() -> None:
    """Whoever gives up waiting for a page loses nothing of it."""
    shelf = Shelf(["a", "b", "c"], 2)
    walk = shelf.pages().by_page()
    found = []
    while True:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await anext(walk)
        try:
            found += await anext(walk)
        except StopAsyncIteration:
            break
    assert found == ["a", "b", "c"]
