"""The real thing: real processes, a real server with real faults, and SIGKILL."""

from pathlib import Path

from tests.dialer.kills import play


def test_nobody_is_rung_twice_whenever_the_process_is_killed(tmp_path: Path) -> None:
    """150 contacts, three kills: nobody twice, everybody accounted for, and in doubt at most those in flight then."""
    verdict = play(tmp_path, contacts=150, kills=3, seed=5)
    assert verdict.is_good, verdict
    assert verdict.kills == 3
