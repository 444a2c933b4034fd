"""Callouts: the platform calls a destination, then speaks, connects it to a conference, or carries out SVAML."""

from collections.abc import Mapping

import attrs

from sinch_voice_async._endpoints.endpoint import HasFormerNames
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
from sinch_voice_async.models.calls import ConferenceDtmfOptions, MusicOnHold
from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.models.languages import Voice

__all__ = ["Callouts"]

_PATH = "/calling/v1/callouts"
_KINDS = (TtsCallout, ConferenceCallout, CustomCallout)


@attrs.frozen(eq=False)
class Callouts(HasFormerNames):
    """Places callouts: ``client.callouts``.

    A callout makes a telephone ring, and the platform has no idempotency key. So a callout is sent again only if it is
    proven that the platform did not act on the first request. An exception with the ``outcome`` ``"unknown"`` means
    that the telephone may ring.
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
        """Call a destination and speak a text, or play prompts.

        The parameters are the fields of :class:`TtsCallout`; ``destination`` as a ``str`` is a telephone number.
        ``text`` and each ``#tts[...]`` of ``prompts`` have at most ``max_text_length`` characters, an option of the
        client. One of the two is required, unless ``enable_ace`` is True and your answer to ACE speaks. Without
        ``cli`` the platform accepts the callout, but may not connect the call. For ``callback_headers`` see
        :meth:`place`.

        :raises InvalidRequestError: a parameter is not valid; nothing was sent.
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
        """Call a destination and connect it to a conference, which is created if it does not exist.

        The parameters are the fields of :class:`ConferenceCallout`: ``conference_id`` of at most 64 characters,
        ``max_duration`` in seconds, at most 14,400. For ``callback_headers`` see :meth:`place`.

        :raises InvalidRequestError: a parameter is not valid; nothing was sent.
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
        """Call a destination and decide at each event what the call does next.

        ``ice``, ``ace``, ``pie`` and ``dice`` are each a callback URL or a :class:`Svaml`, which is sent as a JSON
        string. For those left out, the callback URL of the application is used. The other
        parameters are the fields of :class:`CustomCallout`; ``max_duration`` in seconds, at most 14,400. For
        ``callback_headers`` see :meth:`place`.

        :raises InvalidRequestError: a parameter is not valid; nothing was sent.
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
        """Place a callout, and return the receipt with the id of its call.

        ``callback_headers`` are forwarded to your callback URL: at most five, names of at most 32 characters that begin
        with ``X-CB-``, values of at most 128 printable ASCII characters.

        :raises InvalidRequestError: ``callout`` has another type or nothing to speak, a text is too long, or a header
            is not valid; nothing was sent.
        :raises APIError: the platform refused it: 402 not enough credit, 403 destination forbidden, 429 too many.
        :raises TransportError: no answer arrived; ``outcome`` says if the telephone may ring.

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
            message = "nothing to say: pass text or prompts, or set enable_ace=True"
            raise InvalidRequestError(message, field="text")
        if limit is not None and len(text or "") + len(prompts or "") > limit:  # the quick check first
            limits.check_text_length(text, prompts, limit)
