"""The path that the platform called, out of what servers and frameworks make of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async.webhooks.app import called_path
from tests.webhooks.callbacks import scope


@pytest.mark.parametrize(
    ("seen", "called"),
    [
        # uvicorn and hypercorn, alone.
        ({"path": "/sinch", "raw_path": b"/sinch"}, "/sinch"),
        ({"path": "/", "raw_path": b"/", "root_path": ""}, "/"),
        ({"path": "/call back", "raw_path": b"/call%20back"}, "/call%20back"),
        ({"path": "/a/b", "raw_path": b"/a%2Fb"}, "/a%2Fb"),
        # raw_path is optional in ASGI.
        ({"path": "/call back/+46:1", "raw_path": None}, "/call%20back/+46:1"),
        ({"path": "/\u00e9", "raw_path": None}, "/%C3%A9"),
        # Starlette and FastAPI: a mount, a mount in a mount.
        ({"path": "/hooks/sinch", "raw_path": b"/hooks/sinch", "root_path": "/hooks"}, "/hooks/sinch"),
        ({"path": "/a b/hooks/x", "raw_path": b"/a%20b/hooks/x", "root_path": "/a b/hooks"}, "/a%20b/hooks/x"),
        # uvicorn --root-path puts the prefix before both.
        ({"path": "/edge/sinch", "raw_path": b"/edge/sinch", "root_path": "/edge"}, "/edge/sinch"),
        # hypercorn's root_path and FastAPI(root_path=...) leave both as they came.
        ({"path": "/sinch", "raw_path": b"/sinch", "root_path": "/edge"}, "/edge/sinch"),
        ({"path": "/sinch", "raw_path": b"/sinch", "root_path": "/edge/"}, "/edge/sinch"),
        ({"path": "/sinch", "raw_path": b"/sinch", "root_path": "/ed ge"}, "/ed%20ge/sinch"),
        # FastAPI(root_path="/edge") with a mount: the root path has both, the path only the mount.
        ({"path": "/hooks/x", "raw_path": b"/hooks/x", "root_path": "/edge/hooks"}, "/edge/hooks/x"),
        ({"path": "/hooks", "raw_path": b"/hooks", "root_path": "/edge/hooks"}, "/edge/hooks"),
        # A name that only begins alike is another path.
        ({"path": "/edges/x", "raw_path": b"/edges/x", "root_path": "/edge"}, "/edge/edges/x"),
        # Litestar takes the mount from the path, and leaves the raw path whole.
        ({"path": "/cb/", "raw_path": b"/hooks/cb", "root_path": ""}, "/hooks/cb"),
        # A root path that is no path is put before, for want of better.
        ({"path": "/x", "raw_path": b"/x", "root_path": "edge"}, "edge/x"),
        # The query comes along; who verifies leaves it out or not.
        ({"path": "/x", "raw_path": b"/x", "query_string": b"a=%20&b"}, "/x?a=%20&b"),
    ],
)
def test_path_is_the_one_that_was_called(seen: dict[str, Any], called: str) -> None:
    """Whatever prefix a server or a router has put aside is put back, once."""
    assert called_path(scope(**seen)) == called


@pytest.mark.parametrize("prefix", ["/edge", "/edge/"])
@pytest.mark.parametrize("root_path", ["", "/hooks", "/elsewhere"])
def test_prefix_of_a_proxy_goes_before_what_came_over_the_wire(prefix: str, root_path: str) -> None:
    """Where a proxy takes a prefix away that nobody else can know of, it is given; then nothing is guessed."""
    seen = scope(path="/hooks/x", raw_path=b"/hooks/x", root_path=root_path)
    assert called_path(seen, prefix) == "/edge/hooks/x"


@given(st.binary(max_size=30), st.text(max_size=10))
def test_any_path_is_some_text(raw: bytes, root: str) -> None:
    """Bytes that are no text come out as what encodes to the same bytes again."""
    path = called_path(scope(path=raw.decode("latin-1"), raw_path=b"/" + raw))
    assert path.encode("utf-8", "surrogateescape") == b"/" + raw
    assert isinstance(called_path(scope(path="/", raw_path=b"/" + raw, root_path=root)), str)
