"""A do-not-call list in a text file is looked at before each claim, and fails closed."""

import os
from pathlib import Path

import anyio
import pytest

from sinch_voice_async import CampaignError, ConfigurationError
from sinch_voice_async.dialer import Campaign, ContactState, DoNotCallFile, read_numbers
from sinch_voice_async.dialer.settings import Difference
from tests.dialer.platforms import Platform, reminder

NUMBERS = [f"+467000000{last:02}" for last in range(6)]


def campaign(folder: Path, listed: DoNotCallFile) -> Campaign:
    """A campaign that dials one contact after the other."""
    return Campaign("x", journal=folder / "x.sqlite", calls_per_second=float("inf"), in_flight=1, do_not_call=listed)


async def test_a_number_that_is_added_in_the_middle(tmp_path: Path) -> None:
    """It is not called, whatever the file keeps of its time, and a number taken off stays listed."""
    path = tmp_path / "stop.txt"
    path.write_text(f"{NUMBERS[5]}\n")
    listed, platform = DoNotCallFile(path), Platform()

    async def edit() -> None:
        path.write_text(f"{NUMBERS[3]}\n")

    platform.script.append(edit)
    async with campaign(tmp_path, listed).run(platform, NUMBERS, reminder) as outcomes:
        skipped = {each.number async for each in outcomes if each.state is ContactState.SKIPPED}
    assert skipped == {NUMBERS[3], NUMBERS[5]}
    assert set(platform.rang) == {*NUMBERS} - skipped
    assert listed.numbers == skipped
    assert (str(listed)[:9], repr(listed)) == ("2 numbers", f"DoNotCallFile({str(path)!r})")


@pytest.mark.parametrize("becomes", [None, "0701\n", b"\xff\xff"])
async def test_a_file_that_becomes_unreadable(tmp_path: Path, becomes: str | bytes | None) -> None:
    """The run ends before the next claim, and says why."""
    path = tmp_path / "stop.txt"
    path.write_text("+46700000099\n")
    listed, platform = DoNotCallFile(path), Platform()

    async def spoil() -> None:
        path.unlink()
        if becomes is not None:
            path.write_bytes(becomes.encode() if isinstance(becomes, str) else becomes)

    platform.script.append(spoil)
    with pytest.raises(CampaignError, match=r"no contact is called: .*stop\.txt"):
        async with campaign(tmp_path, listed).run(platform, NUMBERS, reminder) as outcomes:
            async for _ in outcomes:
                pass
    assert sum(platform.rang.values()) == 1


@pytest.mark.parametrize("empty", ["", "\n \n", "# who asked us not to call\n", "\ufeff"])
async def test_a_file_without_a_number(tmp_path: Path, empty: str) -> None:
    """It is refused at the start: an export has failed, more likely than not. Later it may be half saved."""
    path = tmp_path / "stop.txt"
    path.write_text(empty)
    for read in (read_numbers, DoNotCallFile):
        with pytest.raises(ConfigurationError, match=r"stop\.txt holds no number"):
            read(path)
    path.write_text(f"{NUMBERS[0]}\n")
    listed = DoNotCallFile(path)
    path.write_text(empty)
    asked = listed(NUMBERS[0])
    assert asked is True if isinstance(asked, bool) else await asked


async def test_an_old_file_is_not_read_again(tmp_path: Path) -> None:
    """A file that did not change answers at once; a changed one is read once, whoever asks."""
    path = tmp_path / "stop.txt"
    path.write_text(f"{NUMBERS[0]}\n")
    os.utime(path, (1, 1))
    listed = DoNotCallFile(path)
    assert listed(NUMBERS[0]) is True
    assert listed(NUMBERS[1]) is False
    path.write_text(f"{NUMBERS[1]}\n")
    os.utime(path, (1, 1))  # the same time: another size or change time gives it away
    answers: list[bool] = []

    async def ask() -> None:
        answer = listed(NUMBERS[1])
        answers.append(answer if isinstance(answer, bool) else await answer)

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(ask)
    assert answers == [True] * 5
    assert listed(NUMBERS[1]) is True


def test_a_file_that_is_not_a_list(tmp_path: Path) -> None:
    """It is refused at once, by its line."""
    (tmp_path / "stop.txt").write_text("+46 70 000 00 01\n0701\n")
    with pytest.raises(ConfigurationError, match="line 2"):
        DoNotCallFile(tmp_path / "stop.txt")


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ("1 numbers (0123456789ab)", "2 numbers (ba9876543210)", "2 numbers now, 1 number before"),
        ("2 numbers (0123456789ab)", "2 numbers (ba9876543210)", "2 numbers now, 2 numbers before, and they are not"),
        ("2 numbers (0123456789ab)", None, "not set now, 2 numbers before"),
    ],
)
def test_lists_are_told_apart_in_words(before: str, now: str | None, said: str) -> None:
    """A digest is of no use to an operator."""
    shown = str(Difference(option="do_not_call", before=before, now=now))
    assert said in shown
    assert "(" not in shown
