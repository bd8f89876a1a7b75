"""What Telegram posts to us: who may post, what is new, and handing it on.

Knows no HTTP server: it gives a `Hook`, and another face serves it.
"""

import hmac
import json
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final

from bot.config import TelegramConfig
from bot.errors import ConfigError
from bot.model import JsonDict
from bot.ports import Hook

logger = logging.getLogger(__name__)

#: below the public address; the only path there that has to be public
PATH: Final = "/telegram/webhook"
#: core.telegram.org/bots/api#setwebhook: `secret_token` comes in this header
SECRET_HEADER: Final = "x-telegram-bot-api-secret-token"  # noqa: S105 - its name
#: an update is a message of at most 4,096 characters with what surrounds it
BODY_MAX: Final = 1024 * 1024
#: updates remembered, so that one posted again is not done again
REMEMBERED: Final = 10_000

#: takes an update's JSON; False if it can't now, and Telegram shall post it again
Take = Callable[[JsonDict], Awaitable[bool]]


def secret_of(config: TelegramConfig) -> str:
    """Return what Telegram must show: as configured, else made from the token.

    Made, it is the same in every process of the bot and says nothing of the token.
    """
    if config.webhook_secret is not None:
        return config.webhook_secret.get_secret_value()
    if config.token is None:
        raise ConfigError("telegram.token is missing")
    token = config.token.get_secret_value().encode()
    return hmac.new(token, b"flipwatch webhook", "sha256").hexdigest()


class Webhook:
    """Checks and reads what is posted; `take` gets every new update once.

    Telegram posts again what was not answered with 2xx, so `take` may refuse what it
    can't do now, and a repeat of what was taken is answered and forgotten.
    """

    def __init__(self, secret: str, take: Take) -> None:
        self._secret = secret.encode()
        self._take = take
        self._taken: OrderedDict[int, None] = OrderedDict()
        self.hook = Hook(
            path=PATH, max_bytes=BODY_MAX, allows=self._allows, take=self._on_post
        )

    def _allows(self, headers: Mapping[str, str]) -> bool:
        shown = headers.get(SECRET_HEADER, "").encode(errors="replace")
        # in constant time: how long a no takes must not say how much was right
        return hmac.compare_digest(shown, self._secret)

    async def _on_post(self, body: bytes) -> int:
        update = _read(body)
        if update is None:
            logger.warning("webhook: no update", extra={"action": "webhook_unreadable"})
            return HTTPStatus.BAD_REQUEST
        number = int(str(update["update_id"]))
        if number in self._taken:
            return HTTPStatus.OK
        # before the first await: the same update may be posted twice at once
        self._taken[number] = None
        if not await self._take(update):
            del self._taken[number]
            return HTTPStatus.SERVICE_UNAVAILABLE
        while len(self._taken) > REMEMBERED:
            self._taken.popitem(last=False)
        return HTTPStatus.OK


def _read(body: bytes) -> JsonDict | None:
    try:
        update = json.loads(body)
    except (ValueError, RecursionError):
        return None
    is_update = isinstance(update, dict) and type(update.get("update_id")) is int
    return update if is_update else None
