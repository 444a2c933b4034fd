"""Who is measured: the client that plays it, the environment that it runs in, and the event loops that it works on."""

import attrs

__all__ = ["PEERS", "Peer", "label"]


@attrs.frozen
class Peer:
    """``quadratic`` is a pool that scans all it has for each request: a thousand in flight take it minutes."""

    client: str
    label: str
    environment: str
    backends: tuple[str, ...] = ("asyncio",)
    quadratic: bool = False


PEERS = (
    Peer("ours", "sinch_voice_async", "ours", ("asyncio", "uvloop", "trio")),
    Peer("twilio_async", "twilio", "twilio", ("asyncio", "uvloop")),
    Peer("telnyx_async", "telnyx", "telnyx", quadratic=True),
    Peer("sinch_1", "sinch 1.1.4", "sinch", quadratic=True),
    Peer("ours_over_httpx", "sinch_voice_async over stock httpx", "ours", ("asyncio", "trio"), quadratic=True),
    Peer("bare_aiohttp", "bare aiohttp", "aiohttp", ("asyncio", "uvloop")),
    Peer("bare_httpx2", "bare httpx2", "httpx2", ("asyncio", "trio")),
    Peer("bare_httpx", "bare httpx", "httpx", ("asyncio", "trio"), quadratic=True),
    Peer("bare_wreq", "bare wreq (Rust)", "wreq"),
    Peer("bare_pyreqwest", "bare pyreqwest (Rust)", "pyreqwest"),
    Peer("ours_over_wreq", "sinch_voice_async over wreq", "wreq"),
    Peer("ours_over_pyreqwest", "sinch_voice_async over pyreqwest", "pyreqwest"),
    Peer("floor", "bare protocol and parser (floor)", "floor", ("asyncio", "uvloop")),
)

_LABELS = {peer.client: peer.label for peer in PEERS}


def label(client: str) -> str:
    """Return the name that a table gives to a client."""
    return _LABELS.get(client, client)
