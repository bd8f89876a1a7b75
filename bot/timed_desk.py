"""The desk with a watch beside it: how long each command takes."""

import time
from collections.abc import Callable
from datetime import timedelta

from bot.commands import CommandDesk
from bot.commands.desk import COMMANDS
from bot.commands.room import Room
from bot.message import Message
from bot.ports import Call, PressReply

#: a label of what is no command, so that nobody's words become one
OTHER = "other"
PRESS = "press"


class TimedDesk(CommandDesk):
    """A `CommandDesk` that tells how long every answer took, and to which command."""

    def __init__(
        self, room: Room, *, on_answer: Callable[[str, timedelta], None]
    ) -> None:
        super().__init__(room)
        self._on_answer = on_answer

    def move(self, room: Room) -> None:
        """Work in another room from the next call on."""
        # who is let in hangs on the room as well
        super().__init__(room)

    async def say(self, call: Call) -> Message | None:
        """Answer as the desk does."""
        began = time.monotonic()
        try:
            return await super().say(call)
        finally:
            self._tell(_name(call.text), began)

    async def press(self, call: Call, action: str) -> PressReply:
        """Answer as the desk does."""
        began = time.monotonic()
        try:
            return await super().press(call, action)
        finally:
            self._tell(PRESS, began)

    def _tell(self, command: str, began: float) -> None:
        self._on_answer(command, timedelta(seconds=time.monotonic() - began))


def _name(text: str) -> str:
    word = text.strip().split(maxsplit=1)[:1]
    name = word[0].removeprefix("/").partition("@")[0].lower() if word else ""
    return name if name in COMMANDS else OTHER
