"""The command menus: what Telegram proposes after a slash, by place and language."""

import logging
from collections.abc import Mapping
from typing import Final

from telegram import (
    Bot,
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllChatAdministrators,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeDefault,
)
from telegram.error import TelegramError

from handlers.telegram.errors import classify

logger = logging.getLogger(__name__)

#: every command that is proposed somewhere, in the order of the menu
MENU: Final = (
    ("start", "Begin, or come back"),
    ("help", "What I understand, with examples"),
    ("watch", "Watch assets: /watch BTC ETH"),
    ("unwatch", "Stop watching: /unwatch BTC"),
    ("watchlist", "Everything you watch"),
    ("signal", "Signal and grade now: /signal BTC"),
    ("flips", "What turned in the last days: /flips 3d bullish #ai"),
    ("top", "The highest grades: /top 10 #ai"),
    ("screen", "What meets conditions: /screen grade>80 flipped<3d"),
    ("why", "What became of the last alert: /why BTC"),
    ("chart", "Price, flips and grade in a picture: /chart BTC 90d"),
    ("market", "How much of the market is bullish"),
    ("record", "What past signals were worth: /record BTC"),
    ("simulate", "What a watch would have sent: /simulate BTC"),
    ("threshold", "Lines a grade may cross: /threshold BTC 80 50"),
    ("mute", "Silence for a while: /mute 24h"),
    ("unmute", "End the silence"),
    ("settings", "Quiet hours, digest, sound and more"),
    ("quiet", "Hours of silence: /quiet 22:00-07:00"),
    ("timezone", "Your clock: /timezone Berlin"),
    ("digest", "One message a day: /digest daily 08:00"),
    ("pace", "How soon I believe a change: calm, normal, fast"),
    ("sound", "What rings: /sound lines on"),
    ("budget", "Messages a day that are fine: /budget 3"),
    ("pictures", "A chart on alerts: on, off"),
    ("signoflife", "A line after a silent week: on, off"),
    ("language", "The language I write in"),
    ("link", "One watchlist for two chats"),
    ("unlink", "Let this chat go its own way"),
    ("export", "Your watches as a file"),
    ("import", "Bring watches: a file or a list"),
    ("forgetme", "Erase everything about you"),
    ("broadcast", "What a group or channel gets (its admins)"),
    ("preview", "A sample alert, here and now"),
    ("status", "Is everything running?"),
)
#: what members of a group have use for; what is personal leads into the private chat
IN_GROUPS: Final = ("signal", "chart", "market", "record", "watch", "help", "status")
#: what admins have use for beside that, first
FOR_ADMINS: Final = ("broadcast",)

#: meanings by language code and command; what a language leaves out stays English
Meanings = Mapping[str, Mapping[str, str]]
_ENGLISH: Final = ""


def menus(
    meanings: Meanings | None = None,
) -> list[tuple[BotCommandScope, str, list[BotCommand]]]:
    """Return scope, language and commands of every menu.

    Telegram shows the narrowest scope that has a menu, and in it the reader's
    language before the one without a code (core.telegram.org/bots/api
    #determining-list-of-commands); so each scope has each language.
    """
    everything = tuple(name for name, _ in MENU)
    by_scope: tuple[tuple[BotCommandScope, tuple[str, ...]], ...] = (
        (BotCommandScopeDefault(), everything),
        (BotCommandScopeAllPrivateChats(), everything),
        (BotCommandScopeAllGroupChats(), IN_GROUPS),
        (BotCommandScopeAllChatAdministrators(), (*FOR_ADMINS, *IN_GROUPS)),
    )
    english = dict(MENU)
    languages = {_ENGLISH: english} | {
        code: english | dict(known) for code, known in (meanings or {}).items()
    }
    return [
        (scope, code, [BotCommand(name, texts[name]) for name in names])
        for code, texts in languages.items()
        for scope, names in by_scope
    ]


async def propose(bot: Bot, meanings: Meanings | None = None) -> None:
    """Fill Telegram's command menus; the bot works without as well."""
    try:
        for scope, language, commands in menus(meanings):
            await bot.set_my_commands(
                commands, scope=scope, language_code=language or None
            )
    except TelegramError as error:
        logger.warning(
            "The command menu could not be set",
            extra={"action": "telegram_menu", "reason": classify(error).reason},
        )
