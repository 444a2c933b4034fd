"""An iterator over what a journal gives in pages, which holds nothing open between them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Self, TypeVar

__all__ = ["Listing"]

T = TypeVar("T")


class Listing(Generic[T]):
    """Iterates over everything, a page at a time; ``fetch`` gets the last item of the page before, None at first."""

    def __init__(self, fetch: Callable[[T | None], Awaitable[Sequence[T]]]) -> None:
        self._fetch = fetch
        self._last: T | None = None
        self._page: Sequence[T] = ()
        self._place = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """Return the next item."""
        if self._place == len(self._page):
            self._page, self._place = await self.page(), 0
            if not self._page:
                raise StopAsyncIteration
        self._place += 1
        return self._page[self._place - 1]

    async def page(self) -> Sequence[T]:
        """Return the next page; empty at the end."""
        page = await self._fetch(self._last)
        self._last = page[-1] if page else self._last
        return page
