"""Every JSON sample of the platform's documents that is no SVAML and no event: read, and written back as documented."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sinch_voice_async._wire.rest_codec import decode, encode
from sinch_voice_async.models import callouts, calls, configuration
from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.svaml import Svaml

SAMPLES = json.loads((Path(__file__).parents[1] / "vectors" / "rest.json").read_text(), parse_float=Decimal)
TYPES: dict[str, type] = {"Svaml": Svaml} | {
    name: cls
    for module in (callouts, calls, configuration)
    for name, cls in vars(module).items()
    if isinstance(cls, type)
}
SPOKEN = (
    "#tts[Hello, we will now play a pre-recorded file.];myprerecordedfile;"
    "#tts[We hope you liked listening to the file.]"
)


def _plain(document: Any) -> str:
    return json.dumps(document, sort_keys=True, default=str)


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample["source"] for sample in SAMPLES])
def test_a_sample_is_read_and_written_back(sample: dict[str, Any]) -> None:
    """Nothing of a documented sample is lost, renamed or added, but for a spelling that only this sample has."""
    model: object = decode(json.dumps(sample["document"], default=float).encode(), TYPES[sample["type"]])
    written = json.loads(encode(model), parse_float=Decimal)
    assert _plain(written) == _plain(sample.get("written", sample["document"]))


def test_no_sample_is_forgotten() -> None:
    """Both documents were gone through: so many samples stand in each chapter."""
    chapters = Counter(sample["source"].partition(",")[0] for sample in SAMPLES)
    assert chapters == {
        "Calling API": 11,
        "Voice API 3.1": 10,
        "Voice API 3.3": 7,
        "Voice API 3.4": 5,
        "Voice API 3.5": 8,
    }


OLD = Destination.number("46000000001")
NEW = Destination.number("+14045005000")
BUILT = [
    callouts.ConferenceCallout(
        destination=OLD,
        conference_id="my_conference_room_id",
        cli="46000000000",
        domain="pstn",
        custom="customData",
        locale="en-US",
        greeting="Welcome to my conference",
        enable_ace=False,
        enable_dice=False,
    ),
    callouts.TtsCallout(
        destination=OLD,
        text="Hello, this is a synthesized message.",
        cli="46000000000",
        domain="pstn",
        custom="customData",
        locale="en-US",
    ),
    callouts.TtsCallout(
        destination=OLD,
        prompts=SPOKEN,
        cli="46000000000",
        domain="pstn",
        custom="customData",
        locale="en-US",
        enable_dice=True,
    ),
    callouts.ConferenceCallout(
        destination=NEW,
        conference_id="MyConfId",
        cli="+14045001000",
        locale="en-US",
        greeting="Welcome to my conference",
    ),
    callouts.TtsCallout(destination=NEW, text="Hello, this is a call from Sinch.", cli="+14045001000", locale="en-US"),
    callouts.TtsCallout(
        destination=NEW,
        prompts='#ssml[<speak><p>Your PIN code is <say-as interpret-as="digits">1234</say-as></p>'
        "<p>Please enter it now</p></speak>]",
        cli="+14045001000",
        locale="en-US",
    ),
    callouts.TtsCallout(
        destination=NEW, prompts="#href[https://myhosting/myspeechfile.mp3]", cli="+14045001000", locale="en-US"
    ),
    callouts.CustomCallout(
        ice='{"action": {"name": "connectPstn", "number": "+12233445566", "cli": "+12234325234"}}',
        ace='{"instructions": [{"name": "say", "text": "Hello, this is a call from Sinch!"}],'
        ' "action": {"name": "hangup"}}',
        pop="eu-central",
    ),
    callouts.CustomCallout(
        ice='{"action": {"name": "connectPstn", "number": "+12233445566", "cli": "+12234325234",'
        ' "amd": {"enabled": "true"}}}',
        enable_ace=True,
        enable_dice=True,
    ),
]


def test_the_sample_callouts_are_built() -> None:
    """A user who builds the documents' callouts sends exactly the documents' JSON."""
    documented = [
        sample.get("written", sample["document"])
        for sample in SAMPLES
        if sample["source"].startswith(("Calling API", "Voice API 3.1, OpenAPI")) and "method" in sample["document"]
    ]
    written = [encode(callout) for callout in BUILT]
    assert [_plain(json.loads(body)) for body in written] == [_plain(document) for document in documented]
