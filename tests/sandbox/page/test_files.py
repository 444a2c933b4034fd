"""The page's files, as any HTTP client gets them; no browser is needed here."""

import re
from importlib.resources import files

import pytest

from tests.sandbox.caller import Caller

PAGE = "http://localhost/_sandbox"
FILES = sorted(each.name for each in (files("sinch_voice_async.sandbox") / "page").iterdir() if each.is_file())
SCRIPTS = [name for name in FILES if name.endswith(".js")]


def source(name: str) -> str:
    """Return a file of the page."""
    return (files("sinch_voice_async.sandbox") / "page" / name).read_text(encoding="utf-8")


async def test_the_page_is_found_with_and_without_a_slash(caller: Caller) -> None:
    """Its own links are relative, so the slash is brought back."""
    answer = await caller.http.get(PAGE)
    assert (answer.status_code, answer.headers["location"]) == (308, "/_sandbox/")
    page = await caller.http.get(f"{PAGE}/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.text == source("index.html")


@pytest.mark.parametrize("name", FILES)
async def test_every_file_is_served_as_what_it_is(caller: Caller, name: str) -> None:
    """Browsers run no script and apply no style of another type."""
    kinds = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
    answer = await caller.http.get(f"{PAGE}/page/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kinds[name.rpartition(".")[2]])


@pytest.mark.parametrize("name", ["nothing.js", "__init__.py", "..%2Fapp.py", "", "index.html/"])
async def test_no_other_file_is_served(caller: Caller, name: str) -> None:
    """What is not the page's own does not exist."""
    assert (await caller.http.get(f"{PAGE}/page/{name}")).status_code == 404


def test_what_the_page_refers_to_exists() -> None:
    """Files that it names, and files that scripts import."""
    named = set(re.findall(r'"page/([^"]+)"', source("index.html")))
    imported = {name for script in SCRIPTS for name in re.findall(r'from "\./([^"]+)"', source(script))}
    worklets = {name for script in SCRIPTS for name in re.findall(r'addModule\("page/([^"]+)"', source(script))}
    assert named | imported | worklets <= set(FILES)
    assert imported | named | worklets | {"icon-ringing.svg", "icon-failed.svg", "index.html"} == set(FILES)


def test_nothing_on_the_page_needs_a_looser_policy() -> None:
    """No inline script or style, no text turned into markup, nothing from another host."""
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*src=)|https?://", source("index.html"))
    examples = {"http://www.w3.org/2000/svg", "http://localhost:8000/voice"}
    for script in SCRIPTS:
        text = source(script)
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function", text)
        assert {url.rstrip(".") for url in re.findall(r"https?://[\w.:/-]+", text)} <= examples


def test_the_page_is_light() -> None:
    """All its files together, before any compression."""
    assert sum(len(source(name).encode()) for name in FILES) < 200_000
