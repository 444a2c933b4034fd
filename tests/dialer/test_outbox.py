"""The outcomes that wait to be read, and a function's fingerprint: the small parts of a run."""

from functools import partial
from pathlib import Path

import anyio
import pytest

from sinch_voice_async.dialer import Campaign, Contact, ContactState, Outcome, outbox
from sinch_voice_async.dialer.outbox import Outbox
from sinch_voice_async.dialer.settings import fingerprint_of
from tests.dialer.platforms import Platform, reminder

ANN = Outcome(contact=Contact("+46700000001"), state=ContactState.DONE)


async def test_a_full_outbox_makes_the_dialler_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until one is read, or nobody will read them any more; adding never waits, and does nothing after the end."""
    monkeypatch.setattr(outbox, "_BUFFER", 2)
    box, free = Outbox(), []

    async def wait() -> None:
        await box.wait_for_room()
        free.append(True)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            box.add(ANN)
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert await box.get() is ANN
        await anyio.wait_all_tasks_blocked()
        assert not free
        assert await box.get() is ANN
    assert free
    box.close()
    box.add(ANN)
    assert [await box.get(), await box.get()] == [ANN, None]


def test_fingerprints() -> None:
    """The texts in a function count, also in a function within it, or what the function says of itself."""

    def hello(contact: Contact) -> list[str]:
        return [f"{part}!" for part in ("Hello", contact.number)]

    def goodbye(contact: Contact) -> list[str]:
        return [f"{part}!" for part in ("Goodbye", contact.number)]

    assert hello(Contact("+46700000001")) != goodbye(Contact("+46700000001"))
    assert fingerprint_of(hello) == fingerprint_of(hello) != fingerprint_of(goodbye)
    hello.fingerprint = "a template"  # type: ignore[attr-defined]
    goodbye.fingerprint = "a template"  # type: ignore[attr-defined]
    assert fingerprint_of(hello) == fingerprint_of(goodbye)
    assert len(fingerprint_of(partial(print))) == 12


async def test_fields_that_are_no_text(tmp_path: Path) -> None:
    """Lists and objects are JSON in a cell; a byte order mark is written when asked for; surrogates cost nothing."""
    people = [Contact("+46700000001", fields={"tags": ["=a", 1], "name": "\udce5=1"})]
    ours = Campaign("x", journal=tmp_path / "x.sqlite", calls_per_second=float("inf"))
    async with ours.run(Platform(), people, reminder) as outcomes:
        await outcomes.wait()
    report = await ours.report()
    await report.write_csv(tmp_path / "r.csv", bom=True)
    await report.write_json(tmp_path / "r.json")
    text = (tmp_path / "r.csv").read_bytes().decode("utf-8")
    assert text.startswith("\ufeffnumber")
    assert '[""=a"", 1]' in text
    assert "\\udce5" in text
