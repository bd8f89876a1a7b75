"""`flipwatch init`: asks for what is needed and writes the configuration file.

What is asked is little: everything else stands in the file, commented, at its default.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.errors import ConfigError
from bot.options import example

_HEAD = """\
# Flipwatch's configuration, written by `flipwatch init`. It holds secrets: only its
# owner may read it. `flipwatch check` says whether all of it works.
# All that is not changed stands at its default: change a line, delete it, or leave it.
#
# A secret may also be kept in a file of its own, relative to this one:
#   token_file = "telegram.token"
# and every option may be set by the environment, which wins over this file:
#   FLIPWATCH_TELEGRAM__TOKEN, FLIPWATCH_WEB__PORT, ...
"""
#: a bot token as @BotFather gives it (core.telegram.org/bots/features#botfather)
_TELEGRAM_TOKEN = re.compile(r"\d{6,}:[A-Za-z0-9_-]{30,}")
#: three parts with dots between them; discord.com/developers/docs/reference
_DISCORD_TOKEN = re.compile(r"[\w-]{18,}\.[\w-]{4,}\.[\w-]{20,}", re.ASCII)
_PERSON = re.compile(r"(telegram|discord):\d+")

Ask = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing to be asked; an empty answer leaves it at its default.

    Attributes:
        option: what the answer sets, as `section.key`.
        text: what is asked.
        refuse: says what is wrong with an answer, or returns an empty string.
        is_secret: not to be shown while it is typed.
    """

    option: str
    text: str
    refuse: Callable[[str], str]
    is_secret: bool = False


def _wants(pattern: re.Pattern[str], shape: str) -> Callable[[str], str]:
    return lambda text: "" if pattern.fullmatch(text) else f"that looks like {shape}"


QUESTIONS = (
    Question(
        option="telegram.token",
        text="Telegram bot token, from @BotFather (/newbot); Enter for none",
        refuse=_wants(_TELEGRAM_TOKEN, "123456789:AA... with some 35 letters"),
        is_secret=True,
    ),
    Question(
        option="discord.token",
        text="Discord bot token, from the developer portal (Bot); Enter for none",
        refuse=_wants(_DISCORD_TOKEN, "three parts with dots between them"),
        is_secret=True,
    ),
    Question(
        option="engine.api_key",
        text="Token Metrics API key; Enter for our own grades, which need none",
        refuse=lambda text: (
            ""
            if text.isascii() and text.isprintable() and " " not in text
            else "a key has no spaces and no special letters"
        ),
        is_secret=True,
    ),
    Question(
        option="app.operators",
        text="You, as telegram:ID or discord:ID; Enter to use a one-time code",
        refuse=_wants(_PERSON, "telegram:123456789 or discord:987654321"),
    ),
)


def interview(ask: Ask, ask_secret: Ask, tell: Callable[[str], None]) -> dict[str, str]:
    """Ask every question until its answer can be right; return what was answered."""
    answers: dict[str, str] = {}
    for question in QUESTIONS:
        while True:
            asker = ask_secret if question.is_secret else ask
            answer = asker(f"{question.text}: ").strip()
            wrong = question.refuse(answer) if answer else ""
            if not wrong:
                break
            tell(f"  Not taken: {wrong}.")
        if answer:
            answers[question.option] = answer
    return answers


def first_file(answers: Mapping[str, str]) -> str:
    """Return the text of the file: the answers, and every other option explained."""
    given: dict[str, object] = dict(answers)
    if "app.operators" in given:
        given["app.operators"] = [given["app.operators"]]
    return example(given, head=_HEAD)


def write(path: Path, text: str, *, is_forced: bool) -> None:
    """Write the file so that only its owner can read it; whole or not at all.

    Raises `ConfigError` if it is there already (unless forced) or can't be written.
    """
    if path.exists() and not is_forced:
        raise ConfigError(
            f"{path} is there already: edit it, or write it anew with --force"
        )
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        part.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} can't be written: {error.strerror}") from error
