"""What decoding costs against the plainest thing: ``json.loads`` and ``cattrs.structure`` of classes without any rules.

Run ``python -m benchmarks.codec``. The bar is twice the plain cost, for 1,000 recordings and for a menu of 200 options;
building and encoding a text-to-speech callout is to take at most 8 microseconds.
"""

import json
import time
import timeit
from collections.abc import Callable
from datetime import datetime
from typing import Any

import cattrs
from attrs import frozen

from sinch_voice_async import svaml
from sinch_voice_async._wire.rest_codec import decode, encode
from sinch_voice_async.models.callouts import CalloutReceipt, TtsCallout
from sinch_voice_async.models.recordings import Recording

RECEIPT = b'{"callId":"adf92089-df2a-4f14-a377-1e975f588fe4"}'
RECORDINGS = json.dumps(
    [
        {
            "key": f"2022_{n}",
            "url": f"https://calling.api.sinch.com/calling/v1/recording/2022_{n}",
            "createdOn": "2022-03-21T13:13:59Z",
            "expiresOn": "2022-04-21T13:13:59Z",
            "headers": {},
        }
        for n in range(1_000)
    ]
).encode()
MENU = json.dumps(
    {
        "instructions": [],
        "action": {
            "name": "runMenu",
            "menus": [
                {
                    "id": "main",
                    "mainPrompt": "#tts[Which extension?]",
                    "options": [{"dtmf": str(n), "action": f"return({n})"} for n in range(200)],
                }
            ],
        },
    }
).encode()


@frozen
class PlainRecording:
    key: str
    url: str
    createdOn: datetime  # noqa: N815  # as on the wire
    expiresOn: datetime  # noqa: N815  # as on the wire
    headers: dict[str, Any]


@frozen
class PlainOption:
    dtmf: str
    action: str


@frozen
class PlainMenu:
    id: str
    mainPrompt: str  # noqa: N815  # as on the wire
    options: list[PlainOption]


@frozen
class PlainRunMenu:
    name: str
    menus: list[PlainMenu]


@frozen
class PlainSvaml:
    instructions: list[dict[str, Any]]
    action: PlainRunMenu


def microseconds(function: Callable[[], object], number: int) -> float:
    """CPU time of one call: the best of many rounds, since others use the machine too."""
    function()
    return min(timeit.repeat(function, number=number, repeat=30, timer=time.process_time)) / number * 1e6


def main() -> None:
    """Print the table."""
    converter = cattrs.Converter()
    converter.register_structure_hook(datetime, lambda text, _: datetime.fromisoformat(text))
    pairs: list[tuple[str, Callable[[], object], Callable[[], object]]] = [
        (
            "1,000 recordings",
            lambda: decode(RECORDINGS, list[Recording]),
            lambda: converter.structure(json.loads(RECORDINGS), list[PlainRecording]),
        ),
        ("200-option menu", lambda: svaml.loads(MENU), lambda: converter.structure(json.loads(MENU), PlainSvaml)),
    ]
    for name, ours, plain in pairs:
        cost, floor = microseconds(ours, 10), microseconds(plain, 10)
        print(f"decode {name:20} {cost:9.1f} us   plain {floor:9.1f} us   ratio {cost / floor:.2f} (at most 2)")

    def callout() -> TtsCallout:
        return TtsCallout(destination="+46700000001", text="Hello, this is a call.", cli="+46700000000")

    built = callout()
    print(f"build a callout  {microseconds(callout, 2_000):5.2f} us")
    print(f"encode it        {microseconds(lambda: encode(built), 2_000):5.2f} us (both at most 8)")
    print(f"decode a receipt {microseconds(lambda: decode(RECEIPT, CalloutReceipt), 2_000):5.2f} us")


if __name__ == "__main__":
    main()
