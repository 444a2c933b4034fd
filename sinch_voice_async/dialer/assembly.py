"""Puts the parts of a run together, and connects them."""

import inspect
from typing import Any

from sinch_voice_async.dialer.budget import Budget
from sinch_voice_async.dialer.counts import Counts
from sinch_voice_async.dialer.course import Course
from sinch_voice_async.dialer.dispatch import Dispatcher
from sinch_voice_async.dialer.feeding import Contacts
from sinch_voice_async.dialer.following import Follower
from sinch_voice_async.dialer.gate import Gate
from sinch_voice_async.dialer.journal import Journal
from sinch_voice_async.dialer.placing import CalloutOf, Place, Placer
from sinch_voice_async.dialer.preview import Previewing
from sinch_voice_async.dialer.screening import Screen
from sinch_voice_async.dialer.settings import Settings
from sinch_voice_async.errors import ConfigurationError

__all__ = ["assemble", "place_of", "previewing", "screen_of"]


def place_of(client: Any) -> Place:
    """Return what places callouts: ``client.callouts.place``, or the coroutine function itself.

    :raises ConfigurationError: ``client`` is neither.
    """
    callouts = getattr(client, "callouts", None)
    place = client if callouts is None else callouts.place
    if not callable(place):
        raise ConfigurationError("client must be a VoiceClient, have callouts.place, or be a coroutine function")
    return place  # type: ignore[no-any-return]


def _check_callout_of(callout_of: CalloutOf) -> None:
    if not callable(callout_of) or any(map(inspect.iscoroutinefunction, (callout_of, type(callout_of).__call__))):
        raise ConfigurationError("callout must be a function, not async, that takes a contact and returns its callout")


def screen_of(settings: Settings, budget: Budget) -> Screen:
    """Return the rules under which contacts are called."""
    return Screen(
        window=settings.window,
        is_listed=settings.is_listed,
        attempts_per_day=settings.redial.attempts_per_day,
        until=settings.until,
        room=budget.room,
    )


def previewing(settings: Settings, callout_of: CalloutOf, max_text_length: int | None) -> Previewing:
    """Return what looks at contacts under the rules of a campaign that has not spent anything.

    :raises ConfigurationError: ``callout_of`` is not a function, or an async one.
    """
    _check_callout_of(callout_of)
    screen = screen_of(settings, Budget(None, Counts(), lambda: 0))
    return Previewing(screen=screen, callout_of=callout_of, clock=settings.clock, max_text_length=max_text_length)


def assemble(
    settings: Settings, journal: Journal, *, client: Any, contacts: Contacts | None, callout_of: CalloutOf
) -> Course:
    """Return a run that has not begun.

    :raises ConfigurationError: ``client`` cannot place callouts, or is to be polled and cannot tell about calls;
        ``callout_of`` is not a function, or an async one.
    """
    _check_callout_of(callout_of)
    place = place_of(client)
    get_call = _get_call_of(client) if settings.follow == "poll" else None
    counts, gate, clock = Counts(), Gate(), settings.clock
    course = Course(
        journal=journal,
        clock=clock,
        counts=counts,
        redial=settings.redial,
        follows=settings.follow is not None,
        contacts=contacts,
    )
    placer = Placer(
        journal=journal,
        place=place,
        callout_of=callout_of,
        screen=screen_of(settings, Budget(settings.spend_limit, counts, lambda: len(course.follower))),
        clock=clock,
        may_go=lambda: gate.is_open,
    )
    course.dispatcher = Dispatcher(
        journal=journal,
        placer=placer,
        pacer=journal.pacer(settings.calls_per_second, clock),
        gate=gate,
        counts=counts,
        clock=clock,
        in_flight=settings.in_flight,
        patience=settings.patience,
        dialed=course.dialed,
        is_waiting=course.is_waiting,
    )
    course.follower = _follower_of(course, settings, get_call)
    return course


def _follower_of(course: Course, settings: Settings, get_call: Any) -> Follower:
    return Follower(
        journal=course.journal,
        clock=course.clock,
        longest_call=settings.longest_call,
        poll_interval=settings.poll_interval,
        get_call=get_call,
        ended=course.ended,
        lost=course.lost,
        wake=course.dispatcher.wake,
    )


def _get_call_of(client: Any) -> Any:
    calls = getattr(client, "calls", None)
    if calls is None:
        raise ConfigurationError("follow='poll' asks client.calls.get, which this client does not have")
    return calls.get
