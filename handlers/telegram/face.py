"""The life cycle of the Telegram bot: connect, listen, hand over, stop."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn, TypeVar
from weakref import WeakValueDictionary

from telegram import Bot, Update, WebhookInfo
from telegram.error import TelegramError
from telegram.ext import (
    Application,
    BaseUpdateProcessor,
    CallbackQueryHandler,
    ChatMemberHandler,
    MessageHandler,
    filters,
)

from bot.config import TelegramConfig
from bot.errors import (
    ConfigError,
    DeliveryError,
    SenderMisconfiguredError,
    TemporaryDeliveryError,
)
from bot.limits import Lane, Limits
from bot.model import JsonDict
from bot.ports import Clock, Desk, Hook, PictureShelf
from handlers.telegram.commands import TelegramCommands
from handlers.telegram.errors import classify
from handlers.telegram.menu import propose
from handlers.telegram.sender import TelegramSender
from handlers.telegram.transport import AiohttpRequest, file_url
from handlers.telegram.webhook import PATH, Webhook, secret_of

T = TypeVar("T")

logger = logging.getLogger(__name__)

#: edited messages are not among them: an edit repeats no command
UPDATES: Final = (
    Update.MESSAGE,
    Update.CHANNEL_POST,
    Update.CALLBACK_QUERY,
    Update.MY_CHAT_MEMBER,
)
#: how long the server holds a poll open when there is nothing
LONG_POLL: Final = timedelta(seconds=10)
#: a wrong token is asked about again this seldom; somebody may have renewed it
PROBE_EVERY: Final = timedelta(minutes=5)
#: Telegram is asked this often whether its posts reach us
WEBHOOK_CHECK: Final = timedelta(minutes=1)
RETRY_FIRST: Final = 1.0
RETRY_MAX: Final = 30.0
#: handlers that still run get so long to finish on stop
STOP_PATIENCE: Final = timedelta(seconds=10)
#: chats served at once; one chat never takes more than one of these
CHATS_AT_ONCE: Final = 64
_WAITING_MAX: Final = 100_000


class ChatOrder(BaseUpdateProcessor):
    """Serves chats side by side, but each chat's updates in order.

    An update waits for its own chat first and only then for a free slot, so that one
    chat's flood leaves the slots to the others.
    """

    def __init__(self, at_once: int = CHATS_AT_ONCE) -> None:
        super().__init__(_WAITING_MAX)
        self._slots = asyncio.Semaphore(at_once)
        # a lock lives as long as somebody holds it or waits for it
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def do_process_update(
        self, update: object, coroutine: Awaitable[Any]
    ) -> None:
        """Await the update's turn, then the coroutine."""
        try:
            key = _chat_key(update)
            lock = self._locks.get(key)
            if lock is None:
                lock = self._locks[key] = asyncio.Lock()
            async with lock, self._slots:
                await coroutine
        finally:
            # one that never had its turn would be complained of
            if isinstance(coroutine, Coroutine):
                coroutine.close()

    async def initialize(self) -> None:
        """Do nothing."""

    async def shutdown(self) -> None:
        """Do nothing."""


class TelegramFace:
    """Listens on Telegram by long polling, or to what Telegram posts to a webhook.

    By webhook any number of processes may listen: each takes what is posted to it.
    One that stops leaves the webhook set; Telegram keeps what it can't post.

    `start` returns at once: while Telegram is unreachable or refuses the token the
    rest of Flipwatch runs, `trouble` says why, and this keeps trying.
    """

    name = "telegram"

    def __init__(
        self,
        config: TelegramConfig,
        desk: Desk,
        *,
        now: Clock,
        probe_every: timedelta = PROBE_EVERY,
        limits: Limits | None = None,
        shelf: PictureShelf | None = None,
    ) -> None:
        self._config = config
        self._shelf = shelf
        self._desk = desk
        self._now = now
        self._probe_every = probe_every
        #: shared with the sender of alerts: one token has one budget
        self._limits = limits
        self._app: Application[Any, Any, Any, Any, Any, Any] | None = None
        self._task: asyncio.Task[None] | None = None
        self._trouble = ""
        self._offset: int | None = None
        self._webhook: Webhook | None = None
        if config.mode == "webhook":
            self._webhook = Webhook(secret_of(config), self._take)

    @property
    def hooks(self) -> tuple[Hook, ...]:
        """What must be served for it: the webhook, or nothing where it polls."""
        return () if self._webhook is None else (self._webhook.hook,)

    async def start(self) -> None:
        """Begin to listen; raise `ConfigError` if there is no token."""
        if self._task is not None:
            return
        # another process may have gone on from where this one stopped
        self._offset = None
        _quieten_libraries()
        self._trouble = "Telegram: not connected yet"
        self._app = self._build()
        self._task = asyncio.create_task(self._run(self._app), name="telegram-face")
        self._task.add_done_callback(self._on_end)

    async def stop(self) -> None:
        """Finish what was received and stop; may be called twice."""
        task, self._task = self._task, None
        app, self._app = self._app, None
        if task is None or app is None:
            return
        task.cancel()
        await asyncio.wait([task])
        try:
            async with asyncio.timeout(STOP_PATIENCE.total_seconds()):
                if app.running:
                    await app.stop()
                await self._confirm(app)
        except TimeoutError:
            logger.warning(
                "Handlers did not finish in time", extra={"action": "telegram_stop"}
            )
        await app.shutdown()
        # an application that never connected does not count as initialized
        await app.bot.shutdown()
        self._trouble = "Telegram: stopped"

    def trouble(self) -> str:
        """Say what keeps it from listening now, or return an empty string."""
        return self._trouble

    def _build(self) -> "Application[Any, Any, Any, Any, Any, Any]":
        config = self._config
        if config.token is None:
            raise ConfigError("telegram.token is missing")
        app = (
            Application.builder()
            .token(config.token.get_secret_value())
            .base_url(config.base_url)
            .base_file_url(file_url(config.base_url))
            .request(AiohttpRequest(connections=CHATS_AT_ONCE, proxy=config.proxy))
            .get_updates_request(AiohttpRequest(connections=1, proxy=config.proxy))
            .concurrent_updates(ChatOrder())
            .job_queue(None)
            # We poll ourselves: the library's updater ends for good on a refused
            # token and says nothing of recovery.
            .updater(None)
            .build()
        )
        # Replies share the pool of the face and never queue behind alerts.
        sender = TelegramSender(
            app.bot, limits=self._limits, lane=Lane.REPLY, shelf=self._shelf
        )
        commands = TelegramCommands(self._desk, sender, app.bot)
        said = filters.UpdateType.MESSAGE | filters.UpdateType.CHANNEL_POST
        app.add_handler(MessageHandler(said, commands.on_message))
        app.add_handler(CallbackQueryHandler(commands.on_press))
        app.add_handler(ChatMemberHandler(commands.on_membership))
        app.add_error_handler(commands.on_error)
        return app

    async def _run(self, app: "Application[Any, Any, Any, Any, Any, Any]") -> None:
        await self._insist(app.initialize)
        await app.start()
        if self._webhook is None:
            # getUpdates is refused while a webhook is set.
            await self._insist(app.bot.delete_webhook)
            await propose(app.bot)
            await self._poll(app)
        await self._insist(lambda: self._set_webhook(app))
        await propose(app.bot)
        await self._keep_webhook(app)

    async def _poll(self, app: "Application[Any, Any, Any, Any, Any, Any]") -> NoReturn:
        while True:
            updates = await self._insist(lambda: self._ask(app.bot))
            if updates is None:
                await self._take_one_by_one(app)
                continue
            for update in updates:
                await app.update_queue.put(update)
                self._offset = update.update_id + 1

    async def _ask(self, bot: Bot) -> Sequence[Update] | None:
        """Wait for updates; None if the library can't read one of them."""
        try:
            return await bot.get_updates(
                offset=self._offset, timeout=LONG_POLL, allowed_updates=UPDATES
            )
        except TelegramError:
            raise
        except (TypeError, ValueError, LookupError, AttributeError):
            return None

    async def _ask_raw(self, bot: Bot) -> Any:
        """Ask for what is there already, without the library's reading of it."""
        request = bot.request
        if not isinstance(request, AiohttpRequest):
            raise TypeError("the bot speaks over another transport than ours")
        asked: JsonDict = {"allowed_updates": list(UPDATES), "timeout": 0}
        if self._offset is not None:
            asked["offset"] = self._offset
        async with asyncio.timeout(LONG_POLL.total_seconds()):
            return await request.call(f"{bot.base_url}/getUpdates", asked)

    async def _take_one_by_one(
        self, app: "Application[Any, Any, Any, Any, Any, Any]"
    ) -> None:
        """Take what can be read of updates of which the library can't read one.

        Asked for again it would be no better, and nobody would be answered any more.
        """
        before = self._offset
        raw = await self._insist(lambda: self._ask_raw(app.bot))
        for update in raw if isinstance(raw, list) else ():
            if isinstance(update, dict) and isinstance(update.get("update_id"), int):
                await self._take(update)
                self._offset = update["update_id"] + 1
        if self._offset == before:
            await asyncio.sleep(RETRY_FIRST)

    async def _set_webhook(
        self, app: "Application[Any, Any, Any, Any, Any, Any]"
    ) -> None:
        await app.bot.set_webhook(
            self._config.webhook_url + PATH,
            allowed_updates=UPDATES,
            secret_token=secret_of(self._config),
        )

    async def _keep_webhook(
        self, app: "Application[Any, Any, Any, Any, Any, Any]"
    ) -> NoReturn:
        """See that it stays set, and say when posts do not reach us."""
        while True:
            await asyncio.sleep(WEBHOOK_CHECK.total_seconds())
            info = await self._insist(app.bot.get_webhook_info)
            if info.url != self._config.webhook_url + PATH:
                logger.warning(
                    "The webhook was gone", extra={"action": "telegram_webhook_gone"}
                )
                await self._insist(lambda: self._set_webhook(app))
            self._trouble = _webhook_trouble(info, self._now())

    async def _take(self, update: JsonDict) -> bool:
        """Queue an update that was posted; False while it can't be served."""
        app = self._app
        if app is None or not app.running:
            return False
        try:
            known = Update.de_json(update, app.bot)
        # The library raises anything at what it can't read. Posted again it would be
        # no better: it counts as taken.
        except Exception as error:  # noqa: BLE001 - told by its kind, without words
            logger.warning(
                "an update that can't be read",
                extra={"action": "update_unreadable", "error": type(error).__name__},
            )
            return True
        await app.update_queue.put(known)
        return True

    async def _insist(self, action: Callable[[], Awaitable[T]]) -> T:
        """Do it until it works; meanwhile `trouble` says why it does not."""
        wait = RETRY_FIRST
        while True:
            try:
                result = await action()
            # The poll loop must outlive whatever comes: an answer that the library
            # cannot read raises anything.
            except Exception as error:  # noqa: BLE001 - told through trouble()
                failure = classify(error)
            else:
                self._recovered()
                return result
            self._failed(failure)
            await asyncio.sleep(self._pause(failure, wait))
            wait = min(RETRY_MAX, wait * 1.5)

    def _pause(self, failure: DeliveryError, wait: float) -> float:
        """Return the seconds to wait: what was ordered, a slow probe, or a bit more."""
        if isinstance(failure, TemporaryDeliveryError) and failure.retry_after:
            return failure.retry_after.total_seconds()
        is_refused = isinstance(failure, SenderMisconfiguredError)
        # Two pollers for a moment are usual in a restart, a refused token stays.
        if is_refused and failure.reason != "conflict":
            return self._probe_every.total_seconds()
        return wait

    def _failed(self, failure: DeliveryError) -> None:
        trouble = f"Telegram: {failure}"
        if self._trouble.startswith(trouble):
            return
        self._trouble = f"{trouble} (since {self._now():%H:%M} UTC)"
        logger.warning(
            "Telegram does not answer",
            extra={"action": "telegram_trouble", "reason": failure.reason},
        )

    def _recovered(self) -> None:
        if self._trouble:
            self._trouble = ""
            logger.info("Telegram answers", extra={"action": "telegram_connected"})

    async def _confirm(self, app: "Application[Any, Any, Any, Any, Any, Any]") -> None:
        """Tell the server what was done, so that a restart does not do it again."""
        if self._offset is None:
            return
        try:
            await app.bot.get_updates(
                offset=self._offset, timeout=0, limit=1, allowed_updates=UPDATES
            )
        except TelegramError as error:
            logger.warning(
                "The last updates could not be confirmed and may come again",
                extra={"action": "telegram_confirm", "reason": classify(error).reason},
            )

    def _on_end(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        self._trouble = f"Telegram: stopped listening ({type(error).__name__})"
        logger.error(
            "Listening on Telegram ended",
            exc_info=error,
            extra={"action": "telegram_ended"},
        )


def _webhook_trouble(info: WebhookInfo, now: datetime) -> str:
    """Say why Telegram's posts fail, if one did since the last look."""
    failed_at = info.last_error_date
    if failed_at is None or not info.pending_update_count:
        return ""
    if now - failed_at.astimezone(UTC) > 2 * WEBHOOK_CHECK:
        return ""
    return f"Telegram: the webhook does not work: {info.last_error_message}"


def _chat_key(update: object) -> int:
    """Return the chat an update belongs to; a migration belongs to the old one."""
    if not isinstance(update, Update):
        return 0
    message = update.effective_message
    moved_from = getattr(message, "migrate_from_chat_id", None)
    if isinstance(moved_from, int):
        return moved_from
    return update.effective_chat.id if update.effective_chat else 0


def _quieten_libraries() -> None:
    """Keep out of the logs what must not be there, whatever level the operator set.

    At debug level the library logs parameters (people's words) and addresses (the
    token); its bots log whole updates when one cannot be read.
    """
    logging.getLogger("telegram").setLevel(logging.WARNING)
    for name in ("telegram.Bot", "telegram.ext.ExtBot"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
