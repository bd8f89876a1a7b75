"""A desk for the Discord face that always answers the same."""

import asyncio
from collections.abc import Sequence

from bot.message import Message
from bot.model import Address, PlaceKind
from bot.ports import Call, Choice, PressReply


class OneAnswer:
    """Answers every command with a message, every press with a reply.

    `seconds` is how long it takes to.
    """

    def __init__(self, message: Message, pressed: PressReply) -> None:
        self.message = message
        self.pressed = pressed
        self.texts: list[str] = []
        self.seconds = 0.0

    async def say(self, call: Call) -> Message:
        self.texts.append(call.text)
        await asyncio.sleep(self.seconds)
        return self.message

    async def press(self, call: Call, action: str) -> PressReply:
        return self.pressed

    async def complete(self, typed: str) -> Sequence[Choice]:
        return ()

    async def on_added(self, place: Address, kind: PlaceKind) -> Message | None:
        return None

    async def on_gone(self, place: Address, reason: str) -> None: ...

    async def on_back(self, place: Address, kind: PlaceKind) -> None: ...

    async def on_moved(self, old: Address, new: Address) -> None: ...
