"""What all commands share: the store, the source's name, the clock, who is who."""

import difflib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.errors import SourceError, UserError
from bot.grammar import suggest
from bot.model import Asset, AssetInfo, Explanation, PlaceKind, Recipient
from bot.population import Spending
from bot.ports import Call, Clock, Store
from bot.rehearsals import Rehearsals

logger = logging.getLogger(__name__)

#: the largest of several assets with one symbol is taken when it is so much larger
OBVIOUS_FACTOR = 10
#: an engine whose time is further away than this is a recording
RECORDED = timedelta(days=7)
#: an id of ours is a 64-bit integer
_ID_DIGITS = 18
#: how much a name must be like the one that was typed
NAME_CUTOFF = 0.8
#: bot value: operators that became so by the one-time code, a JSON list
OPERATORS = "operators"
#: bot value: where operators are told of trouble, a JSON object of user -> address
OPERATOR_PLACES = "operator_places"
#: bot value: the one-time code itself
CLAIM_CODE = "claim_code"


async def _nothing() -> None:
    """Nobody in this process has to be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """The grading engine as commands need to know it.

    `public_note` is a sentence for admins who show its grades to others: what the
    engine's terms ask for; empty where nothing is known of them.
    """

    name: str
    title: str
    update_every: timedelta
    public_note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Where commands work.

    Attributes:
        operators: `platform:id` of operators named in the configuration.
        access: `open`, or who else may use the bot: `invite` and `list` let in
            operators and those an operator let in.
        listed: subjects that the configuration lets in.
        lines_per_minute: how much one user may type.
        troubles: what keeps parts from working, by name; an empty text is fine.
        wake: tells the dispatcher that something became due.
        on_pause: tells this process that an operator changed what is paused.
        spending: what a metered engine has cost, given its last bookmark.
        lookup: asks the engine for assets by symbol that no poll has brought yet.
        watches_max: how many watches one list may have.
        rehearsals: says what watches would have sent.
        explain: says what an asset's newest grade is made of, by the engine's key; None
            where the engine does not say, or not in this process.
    """

    store: Store
    source: SourceInfo
    now: Clock
    operators: frozenset[str] = frozenset()
    access: str = "open"
    listed: frozenset[str] = frozenset()
    lines_per_minute: float = 30.0
    troubles: Callable[[], Mapping[str, str]] = dict
    wake: Callable[[], None] = lambda: None
    on_pause: Callable[[], Awaitable[None]] = _nothing
    spending: Callable[[str | None], Spending] | None = None
    lookup: Callable[[str], Awaitable[Sequence[AssetInfo]]] | None = None
    watches_max: int = 500
    rehearsals: Rehearsals | None = None
    explain: Callable[[str], Explanation | None] = lambda _key: None

    async def engine_now(self) -> datetime:
        """Return the time by which ages count: ours, or that of a recording."""
        now = self.now()
        polls = await self.store.last_good_poll(self.source.name)
        as_of = None if polls is None else polls.as_of
        return now if as_of is None or abs(now - as_of) < RECORDED else as_of

    async def find_assets(self, word: str) -> Sequence[Asset]:
        """List the assets a word may mean; asks the engine for one not polled yet."""
        found = await self.store.find_assets(self.source.name, word)
        if found or self.lookup is None:
            return found
        try:
            infos = await self.lookup(word)
        except SourceError:
            logger.warning("lookup failed", extra={"action": "lookup_failed"})
            return found
        if not infos:
            return found
        await self.store.add_assets(self.source.name, infos, now=self.now())
        return await self.store.find_assets(self.source.name, word)

    async def is_operator(self, user: str) -> bool:
        """Whether this user may operate the bot."""
        if not user:
            return False
        return user in self.operators or user in await self.claimed_operators()

    async def claimed_operators(self) -> list[str]:
        """Return the operators that became so by the one-time code."""
        return await claimed_operators(self.store)

    async def recipient(self, call: Call) -> Recipient:
        """Return the recipient of the place a call came from, created if new."""
        return await self.store.ensure_recipient(
            call.place, call.kind, language=call.language, now=self.now()
        )

    async def one_asset(self, word: str) -> Asset:
        """Return the asset a word means, for commands that take exactly one.

        Raises:
            UserError: unknown, with a suggestion; or ambiguous, with the choice.
        """
        found = await self.find_assets(word.lstrip("$"))
        chosen = obvious(found)
        if chosen is not None:
            return chosen
        if found:
            names = ", ".join(f"{a.name or a.symbol} ({a.key})" for a in found[:5])
            raise UserError(
                f"Several assets are called {word.upper()}",
                hint=f"Take the number in brackets instead: {names}.",
            )
        near = await self.suggestion(word)
        hint = f"Did you mean {near}?" if near else "Its symbol, please, such as BTC."
        raise UserError(f"I don't know “{word}”", hint=hint)

    def explanation(self, asset: Asset) -> Explanation | None:
        """Explain the grade that is shown of an asset; None where nobody can."""
        found = self.explain(asset.key)
        if found is None or asset.state is None:
            return None
        # The engine may be an hour ahead of what has been stored: not this grade, then.
        return found if found.as_of == asset.state.last.as_of else None

    async def asset_of(self, number: str) -> Asset | None:
        """Return the asset a button or link carries the id of, None if it is gone."""
        if not number.isdecimal() or len(number) > _ID_DIGITS:
            return None
        return (await self.store.get_assets([int(number)])).get(int(number))

    async def suggestion(self, word: str) -> str:
        """Return the symbol that was most likely meant, or an empty string.

        Raises:
            UserError: nothing is known so far, so nothing can be said of a word.
        """
        known = await self.store.symbols(self.source.name)
        if not known:
            raise UserError(
                "No grades yet",
                hint="The first ones are on their way: type this again in a minute or "
                "two. /status says how it stands.",
            )
        near = suggest(word, [symbol for symbol, _ in known])
        if near:
            return near
        names = {name.casefold(): symbol for symbol, name in reversed(known)}
        meant = difflib.get_close_matches(word.casefold(), names, 1, NAME_CUTOFF)
        return names[meant[0]] if meant else ""


async def claimed_operators(store: Store) -> list[str]:
    """Return the operators that became so by the one-time code."""
    text = await store.get_value(OPERATORS)
    return [str(x) for x in json.loads(text)] if text else []


def obvious(assets: Sequence[Asset]) -> Asset | None:
    """Return the asset that is meant when one is, by far, the largest."""
    if not assets:
        return None
    if len(assets) == 1:
        return assets[0]
    first, second = assets[0].market_cap, assets[1].market_cap
    if first is not None and first >= OBVIOUS_FACTOR * (second or 0.0):
        return assets[0]
    return None


async def must_be_admin(call: Call, what: str) -> None:
    """Let only admins of a group or channel go on.

    Raises:
        UserError: worded for the member who asked.
    """
    if call.kind is not PlaceKind.PRIVATE and not await call.is_admin():
        raise UserError(f"Only admins can change {what}")
