"""Time and audio."""

import anyio
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async.streams import Position
from sinch_voice_async.streams.pacing import REAL_TIME, Pacer, Playout, frame_size
from tests.streams.agents import near, tone


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(0, 64_000), st.booleans()), max_size=30))
def test_what_was_sent_is_heard_waits_or_was_cleared(steps: list[tuple[float, int, bool]]) -> None:
    """To the sample, and as the platform's own buffer has it."""
    pacer, playout, now, cleared = Pacer(16_000), Playout(16_000, 0.0), 0.0, 0.0
    for seconds, size, clears in steps:
        now += seconds
        if clears:
            cleared += pacer.clear(now)
            playout.clear(now)
        pacer.add(size & ~1, now)
        playout.add(bytes(size & ~1), now)
        position = pacer.position(now)
        assert near(position.played + position.unplayed + cleared, position.sent, 1e-6)
        assert position.played >= -1e-6
        assert near(position.unplayed, playout.unplayed(now), 0.001)


def test_a_position_is_a_value() -> None:
    """Nothing sent, nothing heard."""
    assert Pacer(8_000).position(5.0) == Position(0.0, 0.0, 0.0)
    assert [frame_size(rate) for rate in (8_000, 16_000, 24_000, 44_100, 48_000, 96_000)] == [
        *(320, 640, 960),
        *(1_764, 1_920, 3_840),
    ]


async def test_real_time() -> None:
    """Sleeps and waits on either loop."""
    before = REAL_TIME.now()
    await REAL_TIME.sleep(0.01)
    assert REAL_TIME.now() - before >= 0.009
    event = anyio.Event()
    assert not await REAL_TIME.wait(event, 0.01)
    event.set()
    assert await REAL_TIME.wait(event, None)


def test_a_playout_counts_gaps_and_losses() -> None:
    """A hole of 20 ms to a second is a gap; the oldest of a full buffer is lost."""
    playout = Playout(16_000, 10.0, limit=32_000)
    playout.add(tone(0.5), 10.0)
    playout.add(tone(0.5), 10.6)
    playout.add(tone(0.1), 13.0)
    assert [(round(gap.at, 3), round(gap.seconds, 3)) for gap in playout.gaps] == [(0.5, 0.1)]
    playout.add(tone(1.5), 13.0)
    assert playout.lost == round(0.6 * 32_000)
    assert near(playout.unplayed(13.0), 1.0, 0.001)
    assert playout.heard(10.25) == tone(0.5)[:8_000]
    assert near(playout.clear(13.5), 0.5, 0.001)
    playout.add(tone(0.1), 13.7)
    assert len(playout.gaps) == 1
    assert near(playout.heard(20.0).seconds, 3.8, 0.001)
