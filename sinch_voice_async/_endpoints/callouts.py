"""Placing callouts: the platform rings somebody, and speaks, connects to a conference, or does as SVAML says."""

from collections.abc import Mapping

import attrs

from sinch_voice_async._transport.messages import Request
from sinch_voice_async._transport.transport import Transport
from sinch_voice_async._wire.rest_codec import decode, encode
from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models import limits
from sinch_voice_async.models.answers import AceSvaml, DiceSvaml, IceSvaml, PieSvaml
from sinch_voice_async.models.callouts import (
    CalloutReceipt,
    ConferenceCallout,
    CustomCallout,
    Domain,
    TtsCallout,
)
from sinch_voice_async.models.conferences import ConferenceDtmfOptions, MusicOnHold
from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.models.languages import Voice

__all__ = ["Callouts"]

_PATH = "/calling/v1/callouts"
_KINDS = (TtsCallout, ConferenceCallout, CustomCallout)


@attrs.frozen(eq=False)
class Callouts:
    """Places callouts: ``client.callouts``.

    A callout rings somebody's telephone and the platform has no idempotency key, so none is ever sent twice unless it
    is proven that the first one was not acted on. An exception whose ``outcome`` is ``"unknown"`` means just that.
    """

    _transport: Transport
    _max_text_length: int | None

    async def tts(
        self,
        destination: str | Destination,
        text: str | None = None,
        *,
        prompts: str | None = None,
        cli: str | None = None,
        locale: Voice | None = None,
        dtmf: str | None = None,
        domain: Domain | None = None,
        custom: str | None = None,
        enable_ace: bool | None = None,
        enable_dice: bool | None = None,
        enable_pie: bool | None = None,
        callback_headers: Mapping[str, str] | None = None,
    ) -> CalloutReceipt:
        """Ring a destination and speak a text, or play prompts.

        The parameters are the fields of :class:`TtsCallout`; ``destination`` as a ``str`` is a telephone number.
        ``text`` and each ``#tts[...]`` of ``prompts`` hold at most the client's ``max_text_length`` characters; one of
        the two must be there, unless ``enable_ace`` is True and your answer to ACE speaks.
        Without ``cli`` the platform takes the callout, and the call may never be connected. For
        ``callback_headers`` see :meth:`place`.

        :raises InvalidRequestError: a parameter cannot be sent; nothing was.
        :raises SinchVoiceError: as :meth:`place` does.

        Source: Calling API, Text-to-speech Callout.
        """
        callout = TtsCallout(
            destination=destination,
            text=text,
            prompts=prompts,
            cli=cli,
            locale=locale,
            dtmf=dtmf,
            domain=domain,
            custom=custom,
            enable_ace=enable_ace,
            enable_dice=enable_dice,
            enable_pie=enable_pie,
        )
        return await self.place(callout, callback_headers=callback_headers)

    async def conference(
        self,
        destination: str | Destination,
        conference_id: str,
        *,
        cli: str | None = None,
        greeting: str | None = None,
        locale: Voice | None = None,
        dtmf: str | None = None,
        max_duration: int | None = None,
        domain: Domain | None = None,
        custom: str | None = None,
        moh_class: MusicOnHold | None = None,
        conference_dtmf_options: ConferenceDtmfOptions | None = None,
        enable_ace: bool | None = None,
        enable_dice: bool | None = None,
        enable_pie: bool | None = None,
        callback_headers: Mapping[str, str] | None = None,
    ) -> CalloutReceipt:
        """Ring a destination and connect it to a conference, which is made where it does not exist.

        The parameters are the fields of :class:`ConferenceCallout`: ``conference_id`` of at most 64 characters,
        ``max_duration`` in seconds, at most 14,400. For ``callback_headers`` see :meth:`place`.

        :raises InvalidRequestError: a parameter cannot be sent; nothing was.
        :raises SinchVoiceError: as :meth:`place` does.

        Source: Calling API, Conference Callout.
        """
        callout = ConferenceCallout(
            destination=destination,
            conference_id=conference_id,
            cli=cli,
            greeting=greeting,
            locale=locale,
            dtmf=dtmf,
            max_duration=max_duration,
            domain=domain,
            custom=custom,
            moh_class=moh_class,
            conference_dtmf_options=conference_dtmf_options,
            enable_ace=enable_ace,
            enable_dice=enable_dice,
            enable_pie=enable_pie,
        )
        return await self.place(callout, callback_headers=callback_headers)

    async def custom(
        self,
        destination: str | Destination | None = None,
        *,
        cli: str | None = None,
        dtmf: str | None = None,
        max_duration: int | None = None,
        custom: str | None = None,
        ice: str | IceSvaml | None = None,
        ace: str | AceSvaml | None = None,
        pie: str | PieSvaml | None = None,
        dice: str | DiceSvaml | None = None,
        enable_ace: bool | None = None,
        enable_dice: bool | None = None,
        pop: str | None = None,
        callback_headers: Mapping[str, str] | None = None,
    ) -> CalloutReceipt:
        """Ring a destination and decide at each event of the call how it goes on.

        ``ice``, ``ace``, ``pie`` and ``dice`` are each the URL of a callback or a :class:`Svaml`, which is sent as the
        JSON string that the platform wants; the application's callback URL is used for the ones left out. The other
        parameters are the fields of :class:`CustomCallout`; ``max_duration`` in seconds, at most 14,400. For
        ``callback_headers`` see :meth:`place`.

        :raises InvalidRequestError: a parameter cannot be sent; nothing was.
        :raises SinchVoiceError: as :meth:`place` does.

        Source: Calling API, Custom Callout.
        """
        callout = CustomCallout(
            destination=destination,
            cli=cli,
            dtmf=dtmf,
            max_duration=max_duration,
            custom=custom,
            ice=ice,
            ace=ace,
            pie=pie,
            dice=dice,
            enable_ace=enable_ace,
            enable_dice=enable_dice,
            pop=pop,
        )
        return await self.place(callout, callback_headers=callback_headers)

    async def place(
        self,
        callout: TtsCallout | ConferenceCallout | CustomCallout,
        *,
        callback_headers: Mapping[str, str] | None = None,
    ) -> CalloutReceipt:
        """Place a callout that was built before, and return the id of its call.

        ``callback_headers`` are forwarded to your callback URL: at most five, names of at most 32 characters that begin
        with ``X-CB-``, values of at most 128 printable ASCII characters.

        :raises InvalidRequestError: it is no callout, it has nothing to speak, or a header or the length of a text
            cannot be sent; nothing was.
        :raises APIError: the platform refused it; 402 not enough credit, 403 destination forbidden, 429 too many.
        :raises TransportError: no answer came; ``outcome`` says whether the telephone may ring all the same.

        Source: Calling API, Conference and Text-To-Speech Callouts, HTTP headers in callout requests.
        """
        if not isinstance(callout, _KINDS):
            raise InvalidRequestError(f"callout must be a callout, not {type(callout).__name__}", field="callout")
        if isinstance(callout, TtsCallout):
            self._check_spoken(callout)
        request = Request(
            method="POST",
            path=_PATH,
            route=_PATH,
            repeatable=False,
            body=encode(callout),
            headers=limits.callback_headers(callback_headers) if callback_headers else (),
        )
        response = await self._transport.send(request)
        return decode(response.body, CalloutReceipt, status=response.status, attempts=response.attempts)

    def _check_spoken(self, callout: TtsCallout) -> None:
        text, prompts, limit = callout.text, callout.prompts, self._max_text_length
        if text is None and prompts is None and not callout.enable_ace:
            limits.refuse("text", "given where prompts and enable_ace are not: else nothing would be heard")
        if limit is not None and len(text or "") + len(prompts or "") > limit:  # The quick question first.
            limits.check_text_length(text, prompts, limit)
