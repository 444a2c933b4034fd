"""Which recordings are asked for, and one page of them."""

from datetime import UTC, datetime
from urllib.parse import urlencode

import attrs

from sinch_voice_async._endpoints.arguments import check_moment, check_whole
from sinch_voice_async._endpoints.pages import Fetch
from sinch_voice_async._transport.messages import Request
from sinch_voice_async._transport.transport import Transport
from sinch_voice_async._wire.rest_codec import decode
from sinch_voice_async._wire.timestamps import format_timestamp
from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.recordings import Recording

__all__ = ["PATH", "Listing"]

PATH = "/calling/v1/recording"


@attrs.frozen(kw_only=True, eq=False)
class Listing:
    """The recordings from ``start`` to ``end``, each None where it is open, ``page_size`` of them per page."""

    transport: Transport
    start: datetime | None
    end: datetime | None
    page_size: int

    def __attrs_post_init__(self) -> None:
        check_moment(self.start, "start")
        check_moment(self.end, "end")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise InvalidRequestError("start must be earlier than end", field="start")
        check_whole(self.page_size, "page_size", least=1)

    def begin(self) -> Fetch[Recording]:
        """Return what fetches the pages of one iteration: an open end is fixed now, so that nothing grows behind it."""
        session = self.transport.session
        now = datetime.fromtimestamp(session.now() + session.clock_offset, UTC)
        return attrs.evolve(self, end=self.end or now).page

    async def page(self, number: int) -> list[Recording]:
        """Return the page of this number, counted from 1."""
        window = {name: format_timestamp(moment) for name, moment in (("from", self.start), ("to", self.end)) if moment}
        query = urlencode({**window, "page": number, "pageSize": self.page_size}, safe=":")
        request = Request(method="GET", path=f"{PATH}?{query}", route=PATH, repeatable=True)
        response = await self.transport.send(request)
        return decode(response.body, list[Recording], status=response.status, attempts=response.attempts)
