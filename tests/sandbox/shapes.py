"""JSON of every shape: what may arrive in a body, with the names and words that a sandbox knows among it."""

from hypothesis import strategies as st

__all__ = ["JSON", "NAMES", "SCALARS", "WORDS"]

NAMES = st.sampled_from(
    [
        "method",
        "ttsCallout",
        "customCallout",
        "conferenceCallout",
        "destination",
        "type",
        "endpoint",
        "text",
        "prompts",
        "ice",
        "ace",
        "conferenceId",
        "maxDuration",
        "instructions",
        "action",
        "name",
        "menus",
        "id",
        "options",
        "ids",
    ]
)
WORDS = st.sampled_from(
    [
        "ttsCallout",
        "customCallout",
        "conferenceCallout",
        "number",
        "+46700000001",
        "hangup",
        "runMenu",
        "say",
        "main",
        "playFiles",
        "connectSip",
        "menu(x)",
        '{"action":{"name":"connectSip","destination":{"endpoint":1}}}',
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | WORDS
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=8), inner, max_size=6),
    max_leaves=25,
)
