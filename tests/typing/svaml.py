"""What a user of SVAML sees in an editor: checked by mypy and pyright, run by nobody.

Each ``type: ignore`` and ``pyright: ignore`` is a promise: the checker refuses that line, and an ignore that is not
needed is an error.
"""

from typing import Any, assert_type

from sinch_voice_async import svaml


def ice() -> svaml.IceSvaml:
    """Every connection may answer an incoming call."""
    return svaml.Svaml(
        instructions=[svaml.Say("Welcome", locale="en-GB"), svaml.Answer(), svaml.SetCookie("step", "menu")],
        action=svaml.ConnectPstn("+46700000001", amd=svaml.Amd(async_=True)),
    )


def ice_does_not_continue() -> svaml.IceSvaml:
    """There is nothing to continue yet."""
    return svaml.Svaml(action=svaml.Continue())  # type: ignore[arg-type]  # pyright: ignore[reportReturnType]


def ace() -> svaml.AceSvaml:
    """An answered call may be told something, asked something, or joined to a conference."""
    if svaml.tts("one"):
        return svaml.Svaml(instructions=[svaml.Say("Hello")], action=svaml.Hangup())
    return svaml.Svaml(action=svaml.ConnectConference("room"))


def ace_does_not_dial() -> svaml.AceSvaml:
    """A call that was answered is not connected to another telephone."""
    return svaml.Svaml(action=svaml.ConnectPstn("+46700000001"))  # type: ignore[arg-type]  # pyright: ignore[reportReturnType]


def ace_does_not_send_tones() -> svaml.AceSvaml:
    """Tones are for ICE, PIE and ongoing calls."""
    return svaml.Svaml(instructions=[svaml.SendDtmf("1")])  # type: ignore[list-item]  # pyright: ignore[reportReturnType]


def pie() -> svaml.PieSvaml:
    """What was pressed may lead to a telephone."""
    return svaml.Svaml(instructions=[svaml.SendDtmf("1")], action=svaml.ConnectPstn("+46700000001"))


def pie_does_not_park() -> svaml.PieSvaml:
    """Only an incoming call is parked."""
    return svaml.Svaml(action=svaml.Park())  # type: ignore[arg-type]  # pyright: ignore[reportReturnType]


def dice() -> svaml.DiceSvaml:
    """A call that is over takes a report."""
    return svaml.Svaml(instructions=[svaml.ReportCallStatus("success")], action=svaml.Hangup())


def dice_does_not_speak() -> svaml.DiceSvaml:
    """Nobody listens any more."""
    return svaml.Svaml(instructions=[svaml.Say("Hello")])  # type: ignore[list-item]  # pyright: ignore[reportReturnType]


def call() -> svaml.CallSvaml:
    """An ongoing call takes every action; this one is of the Calling API's first documents."""
    return svaml.Svaml(action=svaml.StartRecording(svaml.RecordingOptions(destination_url="s3://bucket")))


def what_is_newer_goes_anywhere() -> svaml.AceSvaml:
    """An unknown action is whatever the platform makes of it."""
    return svaml.Svaml(instructions=[svaml.UnknownInstruction("sing")], action=svaml.UnknownAction("teleport"))


def any_document() -> svaml.Svaml:
    """Svaml alone is any document."""
    return svaml.Svaml(instructions=[svaml.Say("Hello")], action=svaml.Hangup())


def any_document_goes_where_one_is_expected() -> svaml.AceSvaml:
    """Whoever annotates with Svaml alone, or reads a document, leaves it to ``Svaml.check``."""
    return any_document() if svaml.tts("one") else svaml.loads("{}")


def narrower_goes_where_wider_is_expected(answer: svaml.AceSvaml) -> svaml.CallSvaml:
    """What may answer ACE may go to an ongoing call."""
    return answer


def wider_does_not_go_where_narrower_is_expected(answer: svaml.IceSvaml) -> svaml.AceSvaml:
    """What may answer ICE may not answer ACE."""
    return answer  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


def what_is_inside() -> None:
    """A document keeps its types."""
    document = svaml.Svaml(instructions=[svaml.Say("Hello")], action=svaml.Hangup())
    assert_type(document, svaml.Svaml[svaml.Say, svaml.Hangup])
    assert_type(document.instructions, tuple[svaml.Say, ...])
    assert_type(document.action, svaml.Hangup | None)
    assert_type(svaml.loads("{}"), svaml.Svaml[Any, Any])
    assert_type(svaml.dumps(document), str)


def mistakes() -> None:
    """What an editor underlines."""
    svaml.Say("Hello", "en-GB")  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
    svaml.Svaml([svaml.Say("Hello")])  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
    svaml.Svaml(action=svaml.Hangup()).check("ICE")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    svaml.ConnectPstn("+46700000001", max_duration="60")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
