"""Generated SVAML for the laws: whole documents within the limits, and JSON that looks like SVAML and is none."""

from typing import Any

from hypothesis import strategies as st

from sinch_voice_async import svaml

# JSON has no lone surrogates; a user name has no control characters, and a prompt no separators inside a part.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
words = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=10)
flags = st.booleans() | st.none()
counts = st.integers(0, 600) | st.none()
tones = st.text("0123456789#w", min_size=1, max_size=8)
# No 0 stands behind the country code: it would be a trunk zero, which is refused.
numbers = st.from_regex(r"\+?(1|7|33|44|46|49|210)[1-9][0-9]{4,11}", fullmatch=True)
headers = st.none() | st.lists(st.builds(svaml.CallHeader, texts, texts), max_size=3)
recordings = st.none() | st.builds(
    svaml.RecordingOptions,
    destination_url=texts | st.none(),
    credentials=texts | st.none(),
    format=st.none() | st.sampled_from(["mp3", "opus"]),
    notification_events=flags,
    transcription_options=st.none() | st.builds(svaml.TranscriptionOptions, enabled=flags, locale=words | st.none()),
)
digits = st.none() | st.builds(
    svaml.ConferenceDtmfOptions,
    mode=st.none() | st.sampled_from(["forward", "sing"]),
    max_digits=counts,
    timeout_mills=counts,
)
extras = st.dictionaries(
    st.sampled_from(["altLocale", "tags"]), st.none() | st.integers() | texts | st.lists(texts, max_size=2)
)


def instructions() -> st.SearchStrategy[svaml.Instruction]:
    """Any instruction."""
    locale = words | st.none()
    return st.one_of(
        st.builds(svaml.PlayFiles, st.lists(texts, max_size=3), locale=locale, extra=extras),
        st.builds(svaml.Say, texts, locale=locale, extra=extras),
        st.builds(svaml.SendDtmf, tones),
        st.builds(svaml.SetCookie, texts, texts),
        st.builds(svaml.Answer, extra=extras),
        st.builds(svaml.StartRecording, recordings, extra=extras),
        st.builds(svaml.StopRecording),
        st.builds(svaml.ReportCallStatus, st.sampled_from(["success", "maybe"]), details=st.none() | words),
        st.builds(svaml.UnknownInstruction, words.map("new-{}".format), extra=extras),
    )


@st.composite
def menus(draw: st.DrawFn) -> tuple[svaml.Menu, ...]:
    """Menus that hang together: each leads to the next, and anywhere else besides."""
    ids = ["main", *draw(st.lists(words.map("m-{}".format), unique=True, max_size=4))]
    made = []
    for index, menu_id in enumerate(ids):
        targets = ids[index + 1 : index + 2] + draw(st.lists(st.sampled_from(ids), max_size=2))
        actions = [svaml.go_to(target) for target in targets] + [
            svaml.return_(value) for value in draw(st.lists(words, max_size=2))
        ]
        made.append(
            svaml.Menu(
                menu_id,
                main_prompt=draw(st.none() | words.map(svaml.tts)),
                repeats=draw(counts),
                timeout_mills=draw(counts),
                options=[svaml.MenuOption(draw(st.text("0123456789*#", min_size=1)), action) for action in actions],
                extra=draw(extras),
            )
        )
    return tuple(made)


def actions() -> st.SearchStrategy[svaml.Action]:
    """Any action."""
    recorded: dict[str, Any] = {"record": flags, "recording_options": recordings}
    music = st.none() | st.sampled_from(["ring", "silence"])
    return st.one_of(
        st.builds(svaml.Hangup, extra=extras),
        st.builds(svaml.Continue, **recorded),
        st.builds(
            svaml.ConnectPstn,
            st.none() | numbers,
            max_duration=counts,
            dial_timeout=counts,
            cli=st.none() | numbers,
            suppress_callbacks=flags,
            dtmf=st.none() | tones,
            indications=st.none() | words,
            amd=st.none() | st.builds(svaml.Amd, st.booleans(), async_=flags),
            **recorded,
        ),
        st.builds(
            svaml.ConnectMxp, st.none() | words.map(svaml.Destination.username), call_headers=headers, **recorded
        ),
        st.builds(svaml.ConnectConference, words, conference_dtmf_options=digits, moh=music, **recorded),
        st.builds(
            svaml.ConnectSip,
            st.just("bob@example.com"),
            max_duration=counts,
            transport=st.none() | st.sampled_from(["TLS", "SCTP"]),
            call_headers=headers,
            moh=music,
        ),
        st.builds(
            svaml.ConnectStream,
            st.just("wss://example.com"),
            streaming_options=st.none() | st.builds(svaml.StreamingOptions, version=counts, sample_rate=counts),
            call_headers=headers,
        ),
        st.builds(svaml.RunMenu, menus(), barge=flags, locale=words | st.none(), enable_voice=flags, extra=extras),
        st.builds(svaml.Park, intro_prompt=st.none() | words.map(svaml.tts), max_duration=counts),
        st.builds(svaml.StartRecording, recordings),
        st.builds(svaml.UnknownAction, words.map("new-{}".format), extra=extras),
    )


def documents() -> st.SearchStrategy[svaml.Svaml]:
    """Any document, with and without instructions, action and unknown fields."""
    return st.builds(
        svaml.Svaml,
        instructions=st.lists(instructions(), max_size=4),
        action=st.none() | actions(),
        extra=extras,
    ) | st.builds(svaml.Svaml, action=actions())


def hostile_keys() -> st.SearchStrategy[str]:
    """The names that SVAML and events use, and any other."""
    svaml_names = "instructions action name text ids menus options dtmf amd enabled destination callHeaders"
    return st.sampled_from([*svaml_names.split(), "event", "callid", "to", "menuResult"]) | texts


def json_values(keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Any JSON, with names of things where names may be."""
    known = "say playFiles runMenu connectPstn connectConf hangup startRecording ice ace pie dice notify"
    scalars = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | texts
        | st.sampled_from(known.split())
    )
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5), max_leaves=20
    )
