"""Menus that hang together, and those that do not; prompts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async import svaml
from sinch_voice_async.errors import InvalidRequestError


def menu(menu_id: str, *targets: str) -> svaml.Menu:
    """A menu whose keys lead to these menus."""
    return svaml.Menu(menu_id, options=[svaml.MenuOption(str(key), svaml.go_to(to)) for key, to in enumerate(targets)])


@pytest.mark.parametrize(
    ("menus", "main_menu"),
    [
        ([menu("main")], None),
        ([menu("main", "sub"), menu("sub", "main")], "main"),
        ([menu("sub"), menu("main", "sub")], None),
        ([menu("welcome", "sub"), menu("sub")], "welcome"),
        ([menu("main"), menu("welcome")], "welcome"),
        ([menu("main", "a"), menu("a", "b"), menu("b", "a", "main", "b")], None),
    ],
)
def test_menus_in_reach_of_the_first_are_accepted(menus: list[svaml.Menu], main_menu: str | None) -> None:
    """Loops, any order, and another first menu than "main" are all menus that a caller can walk."""
    svaml.RunMenu(menus, main_menu=main_menu)


@pytest.mark.parametrize(
    ("menus", "main_menu", "fault"),
    [
        ([], None, "'main'"),
        ([menu("sub")], None, "'main'"),
        ([menu("main")], "welcome", "'welcome'"),
        ([menu("main"), menu("main")], None, "twice"),
        ([menu("main", "sub")], None, "from 'main' to 'sub'"),
        ([menu("main"), menu("sub")], None, "never lead to 'sub'"),
        ([menu("main"), menu("a", "b"), menu("b", "a")], None, "never lead to 'a'"),
    ],
)
def test_menus_that_do_not_hang_together_are_refused(
    menus: list[svaml.Menu], main_menu: str | None, fault: str
) -> None:
    """A caller must not be sent to a menu that is not there, nor a menu be written that nobody reaches."""
    with pytest.raises(InvalidRequestError, match=fault) as refusal:
        svaml.RunMenu(menus, main_menu=main_menu)
    assert refusal.value.field == "menus"


def test_options_lead_somewhere() -> None:
    """The two targets are written as the platform reads them."""
    assert svaml.return_("sales") == "return(sales)"
    assert svaml.go_to("sub") == "menu(sub)"


def test_prompts_are_written_as_the_platform_reads_them() -> None:
    """Each kind of part, and parts joined."""
    assert svaml.tts("Hello") == "#tts[Hello]"
    assert svaml.ssml("<speak>Hello</speak>") == "#ssml[<speak>Hello</speak>]"
    assert svaml.href("https://example.com/a.mp3") == "#href[https://example.com/a.mp3]"
    joined = svaml.prompts(svaml.tts("Hello"), "welcome", svaml.href("https://example.com/a.mp3"))
    assert joined == "#tts[Hello];welcome;#href[https://example.com/a.mp3]"


@pytest.mark.parametrize("part", ["", "one;two", "#tts[one;two]", "#tts[one]two]", "#tts[one", 1])
def test_a_part_that_would_be_read_as_two_is_refused(part: str) -> None:
    """What cannot be escaped is refused rather than cut in two on somebody's telephone."""
    with pytest.raises(InvalidRequestError) as refusal:
        svaml.prompts("welcome", part)
    assert refusal.value.field == "parts[1]"


def test_nothing_to_play_is_refused() -> None:
    """An empty prompt is a mistake of whoever joined it."""
    with pytest.raises(InvalidRequestError, match="nothing to play"):
        svaml.prompts()


@pytest.mark.parametrize(("make", "advice"), [(svaml.tts, "comma"), (svaml.ssml, "entities"), (svaml.href, "%3B")])
def test_a_separator_inside_a_part_is_refused_with_advice(make: type[str], advice: str) -> None:
    """The message says what to write instead."""
    for broken in ("one; two", "one ] two"):
        with pytest.raises(InvalidRequestError, match=advice):
            make(broken)


@given(st.lists(st.text("a;]b", min_size=1, max_size=4) | st.text(min_size=1, max_size=9), min_size=1, max_size=4))
def test_a_prompt_is_refused_or_is_read_back_part_by_part(texts: list[str]) -> None:
    """Whatever the texts: each part arrives whole, or nothing is sent."""
    try:
        prompt = svaml.prompts(*map(svaml.tts, texts))
    except InvalidRequestError:
        assert any(";" in text or "]" in text for text in texts)
    else:
        assert [part.removeprefix("#tts[").removesuffix("]") for part in prompt.split(";")] == texts
        svaml.Park(hold_prompt=prompt)
