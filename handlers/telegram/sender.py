"""Sends rendered parts over the Bot API; only DeliveryErrors leave it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import timedelta
from typing import Any, Final, TypeVar

from telegram import (
    Bot,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    MessageEntity,
)
from telegram.constants import ChatAction
from telegram.error import BadRequest, Forbidden, TelegramError

from bot.config import TelegramConfig
from bot.errors import TemporaryDeliveryError
from bot.limits import ChatRule, Lane, Limits, Rules
from bot.message import Button, Message
from bot.model import Address, JsonDict, Platform, Receipt
from bot.ports import PictureShelf
from handlers.telegram import documents
from handlers.telegram import render as rendering
from handlers.telegram.errors import classify
from handlers.telegram.photos import Photos
from handlers.telegram.transport import AiohttpRequest, make_bot

T = TypeVar("T")

logger = logging.getLogger(__name__)

#: below the dispatcher's lease of 10 s, so that a claim never expires under a send
SEND_TIMEOUT: Final = timedelta(seconds=8)
#: The Bot API has no nonces: a repeat of a message that did arrive is seen twice. The
#: window is therefore only as long as a restart takes. Within it the very same words
#: come again, which a reader recognises as a repeat; after it the message is decided
#: anew, so that nothing old is told as if it were current.
REPEAT_WINDOW: Final = timedelta(seconds=60)
_NO_PREVIEW: Final = LinkPreviewOptions(is_disabled=True)


class TelegramSender:
    """Sends one part to one chat or topic; safe from several tasks.

    `bot` need not be initialized. It should have connections of its own: the face's
    replies must not queue behind alerts.
    """

    def __init__(
        self,
        bot: Bot,
        *,
        send_timeout: timedelta = SEND_TIMEOUT,
        limits: Limits | None = None,
        lane: Lane = Lane.ALERT,
        shelf: PictureShelf | None = None,
    ) -> None:
        """Take the bot; senders of one token share `limits`, each in its lane.

        Without a `shelf` all messages are words.
        """
        self.limits = limits or Limits(telegram_rules())
        self._lane = lane
        self.platform = Platform.TELEGRAM
        self.repeat_window = REPEAT_WINDOW
        self.rate = self.limits.rules.overall
        self.send_timeout = send_timeout
        self._seconds = send_timeout.total_seconds()
        self._bot = bot
        self._photos = Photos(shelf)
        #: an older self-hosted Bot API server refuses <tg-time>; it says so once
        self._knows_time_entities = True

    @property
    def knows_time_entities(self) -> bool:
        """Whether the server knows time entities, as far as it has said."""
        return self._knows_time_entities

    def keyboard(
        self, buttons: Sequence[Sequence[Button]]
    ) -> InlineKeyboardMarkup | None:
        """Return buttons as Telegram's; None if there are none."""
        return _keyboard(rendering.render_buttons(buttons))

    def render(self, message: Message) -> tuple[JsonDict, ...]:
        """Render into parts; see `handlers.telegram.render.render`."""
        return rendering.render(message, knows_time_entities=self._knows_time_entities)

    def answering(
        self, parts: tuple[JsonDict, ...], message_ref: str
    ) -> tuple[JsonDict, ...]:
        """Return the parts as an answer: the first one says to what."""
        first, *rest = parts
        return ({**first, "reply_to": message_ref}, *rest)

    async def prepare(self, part: JsonDict, *, is_reply: bool = False) -> None:
        """Have a part's picture drawn; without one in time, words go alone."""
        await self._photos.prepare(part, is_reply=is_reply)

    def free_in(self, address: Address) -> timedelta:
        """Return how long this chat must wait by Telegram's limits; zero if free."""
        return self.limits.chat_wait(
            address.chat, is_private=_is_private(address), lane=self._lane
        )

    def pause_left(self) -> timedelta:
        """Return for how long Telegram wants nothing at all; zero if it does."""
        return self.limits.pause_left()

    def turn(
        self, address: Address, *, lane: Lane = Lane.ALERT
    ) -> AbstractAsyncContextManager[None]:
        """Wait for a turn at the token's overall rate; replies keep their own lane."""
        own = self._lane if lane is Lane.ALERT else lane
        return self.limits.turn(address.chat, is_private=_is_private(address), lane=own)

    async def reply(
        self, address: Address, part: JsonDict, *, nonce: str, is_plain: bool = False
    ) -> Receipt:
        """Wait for a turn, then send one part."""
        async with self.turn(address):
            return await self.send(address, part, nonce=nonce, is_plain=is_plain)

    async def send(
        self, address: Address, part: JsonDict, *, nonce: str, is_plain: bool = False
    ) -> Receipt:
        """Send one part; `nonce` is not used, since the Bot API has none.

        Raises only `DeliveryError`; `is_unknown` is set when the message may have
        arrived. The receipt is the message id within its chat.
        """
        del nonce
        try:
            async with asyncio.timeout(self._seconds):
                if documents.KEY in part:
                    return await documents.post(self._bot, address, part)
                if not is_plain and (receipt := await self._post_photo(address, part)):
                    return receipt
                if is_plain or not self._knows_time_entities:
                    return await self._post(address, part, is_plain=is_plain)
                try:
                    return await self._post(address, part)
                except BadRequest as error:
                    self._forget_time_entities(error)
                return await self._post(address, part)
        except (TelegramError, TimeoutError) as error:
            failure = classify(error)
        if isinstance(failure, TemporaryDeliveryError):
            self._heed(address, failure)
        # Raised out here: see `_ask`.
        raise failure

    def _heed(self, address: Address, failure: TemporaryDeliveryError) -> None:
        """Keep waiting whom Telegram told to wait."""
        if failure.retry_after:
            self.limits.refused(
                address.chat, failure.retry_after, is_global=failure.is_global
            )

    async def _post(
        self, address: Address, part: JsonDict, *, is_plain: bool = False
    ) -> Receipt:
        """Post a message; only its id is read of what is answered.

        Past the library's own `send_message`: building its objects of the parameters
        and of the answer costs more than the request.
        """
        text = str(part["plain" if is_plain else "text"])
        if not (is_plain or self._knows_time_entities):
            text = rendering.without_time_entities(text)
        parameters = _parameters(address, part, is_plain=is_plain)
        parameters |= {"text": text, "link_preview_options": {"is_disabled": True}}
        said = await self._request().call(
            f"{self._bot.base_url}/sendMessage", parameters
        )
        return _receipt(said)

    async def _post_photo(self, address: Address, part: JsonDict) -> Receipt | None:
        """Post a part's words under its picture; None if only the words can go.

        A clear no to a photo is none to its words: a group may forbid photos alone.
        """
        photo = self._photos.of(part)
        if photo is None:
            return None
        text = str(part["text"])
        if not self._knows_time_entities:
            text = rendering.without_time_entities(text)
        parameters = _parameters(address, part, is_plain=False) | {"caption": text}
        request, url = self._request(), f"{self._bot.base_url}/sendPhoto"
        try:
            if isinstance(photo, str):
                said = await request.call(url, parameters | {"photo": photo})
            else:
                said = await request.upload(url, parameters, "photo", photo)
        except (BadRequest, Forbidden) as error:
            self._photos.refused(part, classify(error).reason)
            return None
        self._photos.learn(part, said)
        return _receipt(said)

    def _request(self) -> AiohttpRequest:
        request = self._bot.request
        if not isinstance(request, AiohttpRequest):
            raise TypeError("the bot speaks over another transport than ours")
        return request

    async def edit(self, address: Address, message_ref: str, part: JsonDict) -> None:
        """Replace a message and its buttons; raise `DeliveryError` as `send` does.

        Waits for a turn at the overall rate. A message that says the same is fine. Of a
        photo the words under it are replaced.
        """
        chat_id, message_id = int(address.chat), int(message_ref)
        parse_mode = str(part["parse_mode"])
        markup = _keyboard(part.get("reply_markup"))

        async def post(text: str) -> None:
            try:
                await self._bot.edit_message_text(
                    text,
                    chat_id=chat_id,
                    message_id=message_id,
                    parse_mode=parse_mode,
                    link_preview_options=_NO_PREVIEW,
                    reply_markup=markup,
                )
            except BadRequest as error:
                if "there is no text in the message" not in error.message.lower():
                    raise
                await self._bot.edit_message_caption(
                    caption=text,
                    chat_id=chat_id,
                    message_id=message_id,
                    parse_mode=parse_mode,
                    reply_markup=markup,
                )

        async def edit() -> None:
            with _already_so():
                await self._with_fallback(post, str(part["text"]))

        async with self.limits.edit_turn(self._lane):
            try:
                await self._ask(edit)
            except TemporaryDeliveryError as error:
                self._heed(address, error)
                raise

    async def edit_buttons(
        self,
        address: Address,
        message_ref: str,
        buttons: Sequence[Sequence[Button]],
    ) -> None:
        """Replace only a message's buttons; raise `DeliveryError` as `send` does."""

        async def edit() -> None:
            with _already_so():
                await self._bot.edit_message_reply_markup(
                    chat_id=int(address.chat),
                    message_id=int(message_ref),
                    reply_markup=_keyboard(rendering.render_buttons(buttons)),
                )

        await self._ask(edit)

    async def edit_entities(
        self,
        address: Address,
        message_ref: str,
        text: str,
        entities: Sequence[MessageEntity],
        markup: InlineKeyboardMarkup | None,
    ) -> None:
        """Replace a message by words with entities; raise as `send` does."""

        async def edit() -> None:
            with _already_so():
                await self._bot.edit_message_text(
                    text,
                    chat_id=int(address.chat),
                    message_id=int(message_ref),
                    entities=entities,
                    link_preview_options=_NO_PREVIEW,
                    reply_markup=markup,
                )

        await self._ask(edit)

    async def edit_caption_entities(
        self,
        address: Address,
        message_ref: str,
        text: str,
        entities: Sequence[MessageEntity],
        markup: InlineKeyboardMarkup | None,
    ) -> None:
        """Replace the words under a photo as `edit_entities` does a message's."""

        async def edit() -> None:
            with _already_so():
                await self._bot.edit_message_caption(
                    chat_id=int(address.chat),
                    message_id=int(message_ref),
                    caption=text,
                    caption_entities=entities,
                    reply_markup=markup,
                )

        await self._ask(edit)

    async def delete(self, address: Address, message_ref: str) -> None:
        """Take a message away; one that is gone already is fine.

        The bot's own it may delete for 48 h, others only as an admin who may
        (core.telegram.org/bots/api#deletemessage).
        """

        async def delete() -> None:
            try:
                await self._bot.delete_message(int(address.chat), int(message_ref))
            except BadRequest as error:
                if "message to delete not found" not in error.message.lower():
                    raise

        await self._ask(delete)

    async def publish(self, address: Address, message_ref: str) -> None:
        """Do nothing: on Telegram a channel's posts are public as they are."""

    async def knock(self, address: Address) -> None:
        """Find out whether the bot may write there: as if it began to type."""
        topic = int(address.topic) if address.topic else None

        async def knock() -> None:
            await self._bot.send_chat_action(
                int(address.chat), ChatAction.TYPING, message_thread_id=topic
            )

        await self._ask(knock)

    async def probe(self) -> None:
        """Ask Telegram who the bot is; raise `DeliveryError` if that fails.

        After a `SenderMisconfiguredError` this tells, without sending anything, when
        the token works again.
        """
        await self._ask(self._bot.get_me)

    async def close(self) -> None:
        """Give back the bot's connections; may be called twice."""
        await self._bot.request.shutdown()

    async def _ask(self, action: Callable[[], Awaitable[T]]) -> T:
        """Run an action within the timeout; turn what it raises into ours."""
        try:
            async with asyncio.timeout(self._seconds):
                return await action()
        except (TelegramError, TimeoutError) as error:
            failure = classify(error)
        # Raised out here: the library's own error may hold the token, and would show
        # as this one's context in a traceback.
        raise failure

    async def _with_fallback(self, post: Callable[[str], Awaitable[T]], text: str) -> T:
        """Post HTML, with times written out if the server knows no time entities."""
        if self._knows_time_entities:
            try:
                return await post(text)
            except BadRequest as error:
                self._forget_time_entities(error)
        return await post(rendering.without_time_entities(text))

    def _forget_time_entities(self, error: BadRequest) -> None:
        """Write times out from now on if that was the matter; else raise the error.

        A 400 is a clear no, nothing arrived: a second try repeats no message.
        """
        if not _is_about_time_entities(error):
            raise error
        self._knows_time_entities = False
        logger.warning(
            "The Bot API server knows no time entities; times are written out",
            extra={"action": "telegram_no_time_entities"},
        )


def open_sender(
    config: TelegramConfig,
    *,
    send_timeout: timedelta,
    limits: Limits | None = None,
    shelf: PictureShelf | None = None,
) -> TelegramSender:
    """Build a sender with connections of its own, opened when first used.

    Raises `ConfigError` if there is no token.
    """
    return TelegramSender(
        make_bot(config), send_timeout=send_timeout, limits=limits, shelf=shelf
    )


def telegram_rules(overall: float = 30.0) -> Rules:
    """Return Telegram's limits (core.telegram.org/bots/faq#my-bot-is-hitting-limits).

    About 30 messages a second over all chats, more for paid broadcasts; one a second
    to a private chat, where a short burst of answers is fine; 20 a minute to a group,
    and channels are treated alike. Of a group's 20 at most 5 are replies, so that
    chatter never takes its alerts' share.
    """
    return Rules(
        overall=overall,
        private=ChatRule(count=1, window=1.0, reply_burst=3),
        group=ChatRule(count=20, window=60.0, reply_share=5),
    )


def _receipt(said: Any) -> Receipt:
    """Read the id of a message that was sent."""
    if not isinstance(said, dict) or not isinstance(said.get("message_id"), int):
        raise TelegramError("Invalid server response")
    return Receipt(str(said["message_id"]))


def _parameters(address: Address, part: JsonDict, *, is_plain: bool) -> JsonDict:
    """Return the parameters of a rendered part that go with words and photos alike."""
    parameters: JsonDict = {
        "chat_id": int(address.chat),
        "disable_notification": bool(part.get("disable_notification")),
    }
    if not is_plain:
        parameters["parse_mode"] = part["parse_mode"]
    if address.topic:
        parameters["message_thread_id"] = int(address.topic)
    reply_to = str(part.get("reply_to") or "")
    if reply_to.isdecimal():
        parameters["reply_parameters"] = {
            "message_id": int(reply_to),
            "allow_sending_without_reply": True,
        }
    if markup := part.get("reply_markup"):
        parameters["reply_markup"] = markup
    return parameters


def _is_private(address: Address) -> bool:
    # Groups and channels have negative ids (core.telegram.org/bots/api#chat).
    return not address.chat.startswith("-")


def _is_about_time_entities(error: BadRequest) -> bool:
    words = error.message.lower()
    return "unsupported start tag" in words and "tg-time" in words


@contextmanager
def _already_so() -> Iterator[None]:
    """Take "is not modified" for the yes that it is."""
    try:
        yield
    except BadRequest as error:
        if "message is not modified" not in error.message.lower():
            raise


def _keyboard(markup: Any) -> InlineKeyboardMarkup | None:
    """Read a part's `reply_markup`."""
    return InlineKeyboardMarkup.de_json(markup) if markup else None
