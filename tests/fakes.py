"""Complete fakes of our ports, with verbs: a clock, a source, a sender."""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.errors import DeliveryError, SourceError
from bot.limits import Lane
from bot.message import Button, Message
from bot.model import (
    Address,
    AssetInfo,
    JsonDict,
    Platform,
    Reading,
    Receipt,
    Signal,
    Snapshot,
    Wanted,
)

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


class FakeClock:
    """A clock that moves only when told."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **length: float) -> datetime:
        """Move by a length of time, such as `minutes=5`; negative steps back."""
        self.at += timedelta(**length)
        return self.at


class FakeSource:
    """A grading engine whose readings a test sets: `source.flip("BTC")`."""

    name = "fake"
    title = "Fake Engine"
    update_every = timedelta(days=1)

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._readings: dict[str, Reading] = {}
        self._failures: list[SourceError] = []
        self.wanted: list[Wanted] = []
        #: assets that the engine knows but no poll brings until they are watched
        self.elsewhere: list[AssetInfo] = []

    def set(
        self,
        symbol: str,
        *,
        grade: float | None = 50.0,
        signal: Signal | int | None = Signal.BULLISH,
        as_of: datetime | None = None,
        price: float | None = None,
        volume: float | None = None,
        market_cap: float | None = None,
        categories: tuple[str, ...] = (),
        key: str = "",
    ) -> None:
        """Set an asset's reading; its time is now unless given."""
        key = key or symbol.lower()
        self._readings[key] = Reading(
            key=key,
            symbol=symbol,
            as_of=as_of or self._now(),
            signal=None if signal is None else Signal(signal),
            grade=grade,
            price=price,
            volume=volume,
            market_cap=market_cap,
            categories=categories,
        )

    def grade(self, symbol: str, grade: float) -> None:
        """Give an asset another grade, as of now."""
        known = self._readings[symbol.lower()]
        self.set(
            symbol,
            grade=grade,
            signal=known.signal,
            price=known.price,
            market_cap=known.market_cap,
            categories=known.categories,
        )

    def flip(self, symbol: str) -> None:
        """Turn an asset's signal, as of now."""
        known = self._readings[symbol.lower()]
        turned = Signal(-(known.signal or Signal.BULLISH))
        grade = 75.0 if turned is Signal.BULLISH else 25.0
        self.set(
            symbol,
            grade=grade,
            signal=turned,
            price=known.price,
            market_cap=known.market_cap,
            categories=known.categories,
        )

    def read_again(self) -> None:
        """Give every asset a new reading with the same values, as of now."""
        self._readings = {
            key: replace(known, as_of=self._now())
            for key, known in self._readings.items()
        }

    @property
    def known(self) -> dict[str, Reading]:
        """What the engine would bring now, by key."""
        return dict(self._readings)

    def behave(self) -> None:
        """Forget all failures that were asked for."""
        self._failures.clear()

    def drop(self, symbol: str) -> None:
        """Stop bringing an asset."""
        self._readings.pop(symbol.lower(), None)

    def fail_with(self, *errors: SourceError) -> None:
        """Fail the next fetches, one error each."""
        self._failures += errors

    async def lookup(self, symbol: str) -> tuple[AssetInfo, ...]:
        """Find what `elsewhere` was given."""
        return tuple(i for i in self.elsewhere if i.symbol == symbol)

    def resume(self, bookmark: str | None) -> None:
        """Nothing to resume."""

    async def fetch(self, wanted: Wanted) -> Snapshot:
        """Bring everything that was set."""
        self.wanted.append(wanted)
        if self._failures:
            raise self._failures.pop(0)
        return Snapshot(
            source=self.name,
            fetched_at=self._now(),
            readings=tuple(self._readings.values()),
        )

    async def close(self) -> None:
        """Nothing to close."""


class Crashed(Exception):  # noqa: N818 - it plays a process that dies
    """The process died here."""


class FakeSender:
    """Takes messages as a platform would: remembers them, hides a repeated nonce.

    `refuse(address, error)` makes the next sends to it fail; `lose_answer` takes the
    message but fails with an unknown outcome; `crash_next` dies after (or before) it.
    """

    def __init__(
        self, platform: Platform = Platform.WEB, *, knows_nonces: bool = True
    ) -> None:
        self.platform = platform
        self.rate = 30.0
        self.repeat_window = timedelta(seconds=60)
        self.knows_nonces = knows_nonces
        self.sent: list[tuple[str, JsonDict]] = []
        self.edits: list[tuple[str, JsonDict]] = []
        self.repeats = 0
        #: what was done to messages later, in words
        self.kept: list[str] = []
        self.prepared: list[JsonDict] = []
        self.waits: dict[str, timedelta] = {}
        #: in which lane each turn was asked for
        self.lanes: list[Lane] = []
        self._nonces: dict[tuple[str, str], str] = {}
        self._refusals: dict[str, list[DeliveryError]] = {}
        self._lost: list[DeliveryError] = []
        self._unedited: list[DeliveryError] = []
        self._crash: str = ""

    def refuse(self, address: str, *errors: DeliveryError) -> None:
        """Fail the next sends to this address, one error each; nothing arrives."""
        self._refusals.setdefault(address, []).extend(errors)

    def refuse_edits(self, *errors: DeliveryError) -> None:
        """Fail the next edits, one error each."""
        self._unedited += errors

    def lose_answer(self, error: DeliveryError) -> None:
        """Deliver the next message, but answer with this error."""
        self._lost.append(error)

    def behave(self) -> None:
        """Forget all failures that were asked for."""
        self._refusals.clear()
        self._lost.clear()
        self._crash = ""

    def crash_next(self, *, when: str) -> None:
        """Die at the next send, `before` or `after` the platform took the message."""
        self._crash = when

    def render(self, message: Message) -> tuple[JsonDict, ...]:
        """Render to one part that keeps the words."""
        part: JsonDict = {
            "text": message.plain,
            "silent": message.is_silent,
            "reply_to": message.reply_to,
            "actions": [b.action for row in message.buttons for b in row],
        }
        if message.picture is not None:
            part["picture"] = message.picture.to_json()
        # What is frozen goes through JSON, as in a real store.
        return (json.loads(json.dumps(part)),)

    def answering(
        self, parts: tuple[JsonDict, ...], message_ref: str
    ) -> tuple[JsonDict, ...]:
        """Set what the first part answers."""
        first, *rest = parts
        return ({**first, "reply_to": message_ref}, *rest)

    async def prepare(self, part: JsonDict) -> None:
        """Remember for what something was to be got ready."""
        self.prepared.append(part)

    def pause_left(self) -> timedelta:
        """Never paused as a whole."""
        return timedelta()

    def turn(
        self, address: Address, *, lane: Lane = Lane.ALERT
    ) -> AbstractAsyncContextManager[None]:
        """Let everybody go at once."""
        self.lanes.append(lane)
        return nullcontext()

    def free_in(self, address: Address) -> timedelta:
        """Return the wait a test set for this address in `waits`."""
        return self.waits.get(str(address), timedelta())

    async def send(
        self, address: Address, part: JsonDict, *, nonce: str, is_plain: bool = False
    ) -> Receipt:
        """Take the message, or fail as told."""
        assert len(nonce) <= 25
        target = str(address)
        if self._crash == "before":
            self._crash = ""
            raise Crashed
        if self._refusals.get(target):
            raise self._refusals[target].pop(0)
        known = self._nonces.get((target, nonce))
        if known is not None:
            self.repeats += 1
            if self.knows_nonces:
                return Receipt(known)
        self.sent.append((target, {**part, "is_plain": is_plain}))
        ref = self._nonces.setdefault((target, nonce), f"m{len(self.sent)}")
        if self._crash == "after":
            self._crash = ""
            raise Crashed
        if self._lost:
            raise self._lost.pop(0)
        return Receipt(ref)

    async def edit(self, address: Address, message_ref: str, part: JsonDict) -> None:
        """Change a message that arrived, or fail as told."""
        target = str(address)
        if self._unedited:
            raise self._unedited.pop(0)
        number = int(message_ref.removeprefix("m")) - 1
        assert self.sent[number][0] == target
        self.edits.append((message_ref, part))
        self.sent[number] = (target, {**self.sent[number][1], **part})

    # ---- the keeper's side: what is done to messages later

    async def delete(self, address: Address, message_ref: str) -> None:
        """Note the deletion, or fail as told."""
        self._keep("delete", address, message_ref)

    async def edit_buttons(
        self, address: Address, message_ref: str, buttons: Sequence[Sequence[Button]]
    ) -> None:
        """Note the new buttons, or fail as told."""
        labels = " ".join(b.label for row in buttons for b in row)
        self._keep("buttons", address, message_ref, labels)

    async def publish(self, address: Address, message_ref: str) -> None:
        """Note the publication, or fail as told."""
        self._keep("publish", address, message_ref)

    async def knock(self, address: Address) -> None:
        """Let in, or refuse as told."""
        self._keep("knock", address)

    def _keep(self, what: str, address: Address, *more: str) -> None:
        if self._refusals.get(str(address)):
            raise self._refusals[str(address)].pop(0)
        self.kept.append(" ".join((what, str(address), *more)))

    def texts(self, address: str = "") -> list[str]:
        """Return the texts that arrived, of one address or all."""
        return [
            str(part["text"])
            for target, part in self.sent
            if not address or target == address
        ]
