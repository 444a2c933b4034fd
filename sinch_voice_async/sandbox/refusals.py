"""Errors as the platform answers them: an HTTP status, a code of five digits, a message and a reference.

"The first three digits are the same as the HTTP status code." Source: Calling API, Errors.
"""

import uuid
from collections.abc import Mapping

from starlette.responses import JSONResponse

__all__ = ["RefusalError"]


class RefusalError(Exception):
    """The answer to a request that is refused. ``details`` are further members of the error object."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status: int = code // 100 if status is None else status
        self.headers: dict[str, str] = dict(headers or {})
        self.details: dict[str, str] = dict(details or {})

    def response(self) -> JSONResponse:
        """Return the error object as an HTTP answer with a new reference."""
        body = {"errorCode": self.code, "message": self.message, "reference": str(uuid.uuid4()), **self.details}
        return JSONResponse(body, status_code=self.status, headers=self.headers)
