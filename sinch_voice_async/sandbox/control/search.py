"""Searching calls and requests: words that must occur, ``name:value`` for a member, and a minus sign before either."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

__all__ = ["Found", "Query", "page_of"]

TERM = re.compile(r'(-?)(?:([A-Za-z]+):)?("[^"]*"|\S+)')
MOST_TERMS = 20
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: a text that occurs somewhere if ``name`` is empty, else in the member of that name."""

    name: str
    value: str
    negated: bool


class Query:
    """The conditions of a search. An unknown name is searched for as it stands: ``http:`` is no name."""

    def __init__(self, text: str, names: Iterable[str]) -> None:
        known = {name.lower() for name in names}
        self.terms: list[Term] = []
        for minus, name, value in islice(TERM.findall(text), MOST_TERMS):
            plain, member = value.strip('"').lower(), name.lower()
            if plain and (not member or member in known):
                self.terms.append(Term(member, plain, bool(minus)))
            elif plain:
                self.terms.append(Term("", f"{member}:{plain}", bool(minus)))

    def matches(self, members: Callable[[], Mapping[str, str]], text: Callable[[], str]) -> bool:
        """Whether all conditions hold. ``members`` has lower-case names."""
        if not self.terms:
            return True
        named = members()
        haystack = text().lower() if any(not term.name for term in self.terms) else ""
        return all(_holds(term, named, haystack) is not term.negated for term in self.terms)


def _holds(term: Term, members: Mapping[str, str], haystack: str) -> bool:
    if not term.name:
        return term.value in haystack
    value = members.get(term.name, "").lower()
    # A status or a count is compared whole, so that status:40 does not find 401 and 403 alike by accident.
    return term.value == value if value.isdecimal() else term.value in value and bool(term.value)


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """One page of a search: ``items`` newest first, ``next`` the id to go on before, ``count`` all that match."""

    items: list[T]
    next: str | None
    count: int


def page_of(newest_first: Iterable[T], *, name: Callable[[T], str], before: str | None, limit: int) -> Found[T]:
    """Return the items after the one called ``before``, at most ``limit``; all of them are counted."""
    items: list[T] = []
    count, more = 0, False
    skipping = before is not None
    for item in newest_first:
        count += 1
        if skipping:
            skipping = name(item) != before
        elif len(items) < limit:
            items.append(item)
        else:
            more = True
    return Found(items, name(items[-1]) if more and items else None, count)
