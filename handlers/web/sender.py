"""Sender into a web inbox: kept first, then shown on the pages that are open."""

import asyncio
import math
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta

from bot.errors import StoreError, TemporaryDeliveryError
from bot.limits import Lane
from bot.message import Button, Message
from bot.model import Address, JsonDict, Platform, Receipt
from handlers.web import render as cards
from handlers.web.inbox import EntryKind, Inboxes

#: seconds the store has to keep an entry
KEEP_TIMEOUT = 8.0


class WebSender:
    """Satisfies `bot.ports.Sender` for `web:<inbox>`.

    The nonce makes a repeat invisible however late it comes, so a message whose
    outcome is unknown may be sent again for long.
    """

    platform = Platform.WEB
    rate = math.inf
    repeat_window = timedelta(days=1)

    def __init__(self, inboxes: Inboxes) -> None:
        self._inboxes = inboxes

    def render(self, message: Message) -> tuple[JsonDict, ...]:
        """Render into one part; the web has no size limit."""
        return cards.render(message)

    def answering(
        self, parts: tuple[JsonDict, ...], message_ref: str
    ) -> tuple[JsonDict, ...]:
        """Return the parts as they are: the page shows no references."""
        del message_ref
        return parts

    async def prepare(self, part: JsonDict) -> None:
        """Do nothing: a page asks for the pictures of its entries by itself."""
        del part

    def free_in(self, address: Address) -> timedelta:
        """Return zero: our own page has no limits."""
        del address
        return timedelta()

    def pause_left(self) -> timedelta:
        """Return zero: our own page is never closed."""
        return timedelta()

    def turn(
        self, address: Address, *, lane: Lane = Lane.ALERT
    ) -> AbstractAsyncContextManager[None]:
        """Wait for nothing."""
        del address, lane
        return nullcontext()

    async def send(
        self, address: Address, part: JsonDict, *, nonce: str, is_plain: bool = False
    ) -> Receipt:
        """Put the part into the inbox and onto its open pages.

        Raises `TemporaryDeliveryError` with an unknown outcome if the store fails.
        """
        if is_plain:
            part = cards.plain(part)
        try:
            async with asyncio.timeout(KEEP_TIMEOUT):
                entry = await self._inboxes.add(
                    address.chat, EntryKind.ALERT, part, nonce=nonce
                )
        except TimeoutError:
            raise TemporaryDeliveryError(
                "the store took too long", reason="timeout", is_unknown=True
            ) from None
        except StoreError as error:
            raise TemporaryDeliveryError(
                f"the store refused: {error}", reason="store", is_unknown=True
            ) from error
        return Receipt(str(entry["id"]))

    async def edit(self, address: Address, message_ref: str, part: JsonDict) -> None:
        """Replace an entry of the inbox, also on its open pages; gone is fine.

        Raises `TemporaryDeliveryError` if the store fails.
        """
        try:
            async with asyncio.timeout(KEEP_TIMEOUT):
                entry = await self._inboxes.find(address.chat, int(message_ref))
                if entry is not None:
                    await self._inboxes.change(address.chat, entry, part)
        except (TimeoutError, StoreError):
            raise TemporaryDeliveryError(
                "the store did not take it", reason="store", is_unknown=True
            ) from None

    async def delete(self, address: Address, message_ref: str) -> None:
        """Do nothing: an inbox keeps what was said."""

    async def edit_buttons(
        self, address: Address, message_ref: str, buttons: Sequence[Sequence[Button]]
    ) -> None:
        """Replace an entry's buttons and show it; raise as `edit` does."""
        await self.edit(address, message_ref, {"buttons": cards.buttons(buttons)})

    async def publish(self, address: Address, message_ref: str) -> None:
        """Do nothing: an inbox has no followers."""

    async def knock(self, address: Address) -> None:
        """Do nothing: our own page is never closed."""
