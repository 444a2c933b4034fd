"""An application is served to the sandbox, and whole calls are tested on any event loop."""

import anyio
import httpx
import pytest

from sinch_voice_async import Credentials, VoiceClient, svaml
from sinch_voice_async.sandbox import Sandbox
from sinch_voice_async.testing import serve_app
from sinch_voice_async.webhooks import IncomingCall, WebhookApp

CREDENTIALS = Credentials("my-key", "bXkgc2VjcmV0")


async def test_the_sandbox_calls_an_application_back() -> None:
    """Somebody dials in, is greeted by the application, and hears it hang up."""
    app = WebhookApp(credentials=CREDENTIALS)

    @app.ice
    async def greet(event: IncomingCall) -> svaml.IceSvaml:
        return svaml.Svaml(instructions=[svaml.Say(f"Hello {event.cli}")], action=svaml.Hangup())

    sandbox = Sandbox(CREDENTIALS.application_key, CREDENTIALS.application_secret, speed=100)
    with serve_app(app) as url:
        sandbox.account.callback_urls.primary = url
        async with sandbox.serve(), VoiceClient(**sandbox.client_options()) as client:
            call = await sandbox.dial_in("+46700000001", "+46700000000")
            await call.until_final(timeout=20)
            assert (await client.calls.get(call.call_id)).reason == "MANAGERHANGUP"
    assert [heard.text for heard in call.transcript] == ["Hello +46700000001"]


async def test_it_is_served_no_longer() -> None:
    """When the block is left, its port is free."""
    with serve_app(WebhookApp(credentials=CREDENTIALS)) as url:
        async with httpx.AsyncClient(verify=False, trust_env=False) as http:  # plain http
            assert (await http.post(url)).status_code == 401
    with pytest.raises(OSError):
        await anyio.connect_tcp("127.0.0.1", httpx.URL(url).port or 0)
