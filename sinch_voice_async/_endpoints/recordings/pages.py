"""A listing in numbered pages, read lazily: no item twice, and none missed although the listing changes meanwhile.

The platform gives neither a total nor a cursor, and documents no order. Rules:

- Up: page 1, 2, 3 … until an empty one. A short page is not the end, since the platform may cap the page size.
- A deletion on the way up moves all later items to lower pages, and some of them past the reader. So the pages are read
  once more on the way down: an item that moves to a lower page is then still ahead.
- An addition on the way down moves all later items to higher pages, and some past the reader. But then the added item
  is still ahead, and is met as a new one.
- So a way down without a new item proves that every item that was there throughout has been given. Otherwise the pages
  are read again.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeAlias, TypeVar

import anyio

from sinch_voice_async import _bounds
from sinch_voice_async.errors import DecodeError, InvalidRequestError

__all__ = ["Fetch", "Pages"]

T = TypeVar("T")
Fetch: TypeAlias = Callable[[int], Awaitable[list[T]]]
"""A function that returns the page of a number, counted from 1; beyond the last one it is empty."""

_LOOKS: Final = 10
"""Ways down before an error: a listing that changes faster than it can be read is never proven whole."""

_SLACK: Final = 10
"""Pages without a new item that are allowed beyond the number of pages with one: additions cause a few."""


class Pages(Generic[T]):
    """A listing: ``async for item in pages``, ``async for page in pages.by_page()`` or ``await pages.collect()``.

    Nothing is sent until it is iterated over, then one request per page, when the page is needed; each iteration begins
    anew, and may be left early. No item is given twice, and every item that was there throughout is given once, in no
    particular order, although others are added and deleted meanwhile.

    For that, all pages are read once more after the last one, from the last to the first, and again whenever that
    brought a new item. P pages cost 2P + 1 requests, and P + 1 for each further look; the key of each item is
    remembered. Not guaranteed: an item that is deleted and stored again meanwhile, or moved by one that is added and
    deleted between two requests; and nothing if the platform does not keep one order between requests.

    Iterating raises :class:`DecodeError` if a page repeats the one before it, or the pages or the changes do not end;
    and what any request raises.

    Source: Calling API, List Recordings.
    """

    def __init__(self, begin: Callable[[], Fetch[T]], key: Callable[[T], Hashable]) -> None:
        self._begin = begin
        self._key = key

    def __aiter__(self) -> "Items[T]":
        return Items(self.by_page())

    def by_page(self) -> "PageWalk[T]":
        """Iterate over lists of items: one list per request, without the items that were given before."""
        return PageWalk(self._begin, self._key)

    async def collect(self, limit: int | None = None) -> list[T]:
        """Return all items, or the first ``limit`` of them; no page beyond those is requested.

        :raises InvalidRequestError: ``limit`` is not a whole number from 0.
        :raises DecodeError: the pages are not a listing; see the class.
        """
        _bounds.whole(limit, "limit", optional=True, error=InvalidRequestError)
        items: list[T] = []
        walk = self.by_page()
        while limit is None or len(items) < limit:
            try:
                items += await anext(walk)
            except StopAsyncIteration:
                break
        return items[:limit]


class Items(Generic[T]):
    """The items of one iteration, one by one; several tasks may share it."""

    def __init__(self, walk: "PageWalk[T]") -> None:
        self._walk = walk
        self._ready = deque[T]()

    def __aiter__(self) -> "Items[T]":
        return self

    async def __anext__(self) -> T:
        while not self._ready:
            self._ready.extend(await anext(self._walk))
        return self._ready.popleft()


class PageWalk(Generic[T]):
    """The pages of one iteration: the way up, and the ways down.

    State changes only after a page has arrived, so a cancelled step can be repeated.
    """

    def __init__(self, begin: Callable[[], Fetch[T]], key: Callable[[T], Hashable]) -> None:
        self._begin = begin
        self._key = key
        self._fetch: Fetch[T] | None = None
        self._turn = anyio.Lock()
        self._seen: set[Hashable] = set()
        self._number = 1
        self._rising = True
        self._top = 0
        self._before: list[Hashable] = []
        self._stale = 0
        self._surprised = False
        self._looks = 0

    def __aiter__(self) -> "PageWalk[T]":
        return self

    async def __anext__(self) -> list[T]:
        async with self._turn:
            fetch = self._fetch = self._fetch or self._begin()
            while self._number:
                page = await fetch(self._number)
                keys = [self._key(item) for item in page]
                if self._rising and page and keys == self._before:
                    await self._check_repetition(fetch, keys)
                fresh = {key: item for key, item in zip(keys, page, strict=True) if key not in self._seen}
                self._seen.update(fresh)
                if self._rising:
                    self._rise(keys, new=bool(fresh))
                else:
                    self._sink(new=bool(fresh))
                if fresh:
                    return list(fresh.values())
        raise StopAsyncIteration

    async def _check_repetition(self, fetch: Fetch[T], keys: list[Hashable]) -> None:
        # A page's worth of additions makes the next page what this one was, but then this one is another now.
        for number in (self._number - 1, self._number):
            if keys != [self._key(item) for item in await fetch(number)]:
                return
        raise DecodeError(f"page {self._number} of the listing repeats the one before it", status=200)

    def _rise(self, keys: list[Hashable], *, new: bool) -> None:
        if not keys:
            if self._looks == _LOOKS:
                raise DecodeError(f"the listing changed during each of {_LOOKS} looks: some may be missing", status=200)
            self._looks += 1
            self._rising, self._number, self._surprised = False, self._top, False
            return
        self._stale += -1 if new else 1
        if self._stale > _SLACK:
            raise DecodeError(
                f"the listing has no end: up to page {self._number}, what was given comes again", status=200
            )
        self._top, self._before = self._number, keys
        self._number += 1

    def _sink(self, *, new: bool) -> None:
        self._surprised = self._surprised or new
        self._number -= 1
        if not self._number and self._surprised:
            self._rising, self._number, self._before = True, self._top + 1, []
