"""The platform's signature for any httpx client."""

import time
from collections.abc import Generator

import httpx

from sinch_voice_async._wire.signing import signed_headers
from sinch_voice_async.credentials import Credentials

__all__ = ["ApplicationSignature"]


class ApplicationSignature(httpx.Auth):
    """Signs the requests of an ``httpx.Client`` or ``httpx.AsyncClient`` as the platform requires.

    ``httpx.AsyncClient(auth=ApplicationSignature(credentials))``. The method, the path as it goes on the wire, the
    body and its ``Content-Type`` are signed with a fresh ``x-timestamp``; a streamed body is read into memory first.
    It does no I/O of its own.

    Source: Authentication, Application signed request.
    """

    requires_request_body = True

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign one request."""
        headers = signed_headers(
            self._credentials,
            request.method,
            request.url.raw_path.decode("ascii"),
            request.content,
            request.headers.get("content-type", ""),
            time.time(),
        )
        for name, value in headers:
            request.headers[name.decode("ascii")] = value.decode("ascii")
        yield request
