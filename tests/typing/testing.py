"""What a user's tests see of the sandbox and the fixtures: checked by mypy and pyright, run by nobody.

Each ``type: ignore`` and ``pyright: ignore`` is a promise: the checker refuses that line, and an ignore that is not
needed is an error.
"""

from collections.abc import Callable
from typing import assert_type

from sinch_voice_async import Credentials, VoiceClient
from sinch_voice_async.sandbox import Call, Entry, Heard, Phone, Recording, Sandbox
from sinch_voice_async.testing import signed_callback
from sinch_voice_async.webhooks import DisconnectedCall


async def a_served_sandbox() -> None:
    """``async with`` and ``with`` both give the sandbox, and its options fit the client."""
    async with Sandbox(speed=100.0, callback_url="http://127.0.0.1:8000/sinch").serve() as sandbox:
        assert_type(sandbox, Sandbox)
        async with VoiceClient(**sandbox.client_options()) as client:
            assert_type(client, VoiceClient)
    with Sandbox().serve(port=8070) as sandbox:
        assert_type(sandbox.url, str)
        assert_type(sandbox.executed, int)


async def people_and_calls(sandbox: Sandbox) -> None:
    """A telephone is told what to do in a chain, and a call says what was heard."""
    assert_type(sandbox.phone("+46700000001").answers(after=1.0).presses("1", "2").hangs_up(after=None), Phone)
    sandbox.phone("+46700000001").answers(1.0)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    call = await sandbox.dial_in("+46700000001", "+46700000002")
    assert_type(call, Call)
    assert_type(await call.until_final(timeout=5), Call)
    assert_type(call.timeline, list[Entry])
    assert_type([heard.text for heard in call.transcript], list[str])
    assert_type(call.transcript, list[Heard])
    assert_type(sandbox.add_recording("a.wav"), Recording)


def callbacks(event: DisconnectedCall, own: Credentials) -> None:
    """An event, the JSON of one, or its bytes are signed alike."""
    assert_type(signed_callback(event, own, "/sinch"), tuple[dict[str, str], bytes])
    signed_callback({"event": "dice"}, own)
    signed_callback(b"{}", own, now=0.0)
    signed_callback("{}", own)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_of_an_application(
    voice_client: VoiceClient,
    sinch_sandbox: Sandbox,
    sinch_credentials: Credentials,
    signed_callback: Callable[..., tuple[dict[str, str], bytes]],
) -> None:
    """The fixtures are annotated with what they are."""
    await voice_client.callouts.tts("+46700000001", "Hi", cli="+46700000000")
    assert_type(next(iter(sinch_sandbox.calls)), Call)
    assert_type(sinch_credentials.application_key, str)
    assert_type(signed_callback({"event": "ice"}), tuple[dict[str, str], bytes])
