"""A sign of life to those who have not been written to for a week.

Silence can then be trusted: the line says how many checks were done meanwhile.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot import letters
from bot.errors import StoreError
from bot.model import Asset, Platform, Recipient, Scope, Signal, Target
from bot.noise_quiet import quiet_from, quiet_until
from bot.ports import Clock, Sender, Store

logger = logging.getLogger(__name__)

#: how often somebody is looked for who has heard nothing
LOOK_EVERY = timedelta(minutes=10)
#: after so long without a message
SILENT_FOR = timedelta(days=7)
#: recipients per question
PAGE = 500
_LEASE_NAME, _LEASE = "life_signs", timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class LifePlan:
    """For which source, and under which name of this process on leases."""

    source: str
    source_title: str
    owner: str


class LifeSigns:
    """Posts the letters; `look` is called every `LOOK_EVERY`, by any process."""

    def __init__(
        self,
        store: Store,
        senders: Mapping[Platform, Sender],
        plan: LifePlan,
        *,
        now: Clock,
    ) -> None:
        self._store = store
        self._senders = senders
        self._plan = plan
        self._now = now

    async def look(self) -> int:
        """Post to all who are due; return how many. The next look does what fails."""
        try:
            if not await self._store.take_lease(
                _LEASE_NAME, self._plan.owner, now=self._now(), length=_LEASE
            ):
                return 0
            return await self._post()
        except StoreError:
            logger.exception("no signs of life", extra={"action": "life_failed"})
            return 0

    async def _post(self) -> int:
        now = self._now()
        due: list[Recipient] = []
        after = 0
        while page := await self._store.silent_recipients(
            list(self._senders), before=now - SILENT_FOR, after=after, limit=PAGE
        ):
            due += [who for who in page if _is_due(who, now)]
            after = page[-1].id
        if not due:
            return 0
        checks = await self._store.count_polls(
            self._plan.source, since=now - SILENT_FOR
        )
        known: dict[Target, list[Asset]] = {}
        count = 0
        for who in due:
            assets = await self._watched(who, known)
            if not assets:
                continue
            signals = [
                Signal.NEUTRAL if a.state is None else a.state.standing for a in assets
            ]
            message = letters.sign_of_life(signals, checks, self._plan.source_title)
            preferences = who.preferences
            count += await self._store.post_letter(
                who.id,
                self._senders[who.address.platform].render(message),
                now=now,
                send_by=quiet_from(now, preferences.quiet, preferences.clock),
            )
        return count

    async def _watched(
        self, who: Recipient, known: dict[Target, list[Asset]]
    ) -> list[Asset]:
        """List what a recipient watches, each asset once."""
        watches = await self._store.list_watches(who.id)
        own = [w.target.asset_id for w in watches if w.target.scope is Scope.ASSET]
        excepted = {w.target.asset_id for w in watches if w.is_exception}
        found = dict(await self._store.get_assets([i for i in own if i is not None]))
        for target in {w.target for w in watches if w.target.scope is not Scope.ASSET}:
            if target not in known:
                known[target] = list(
                    await self._store.list_assets(self._plan.source, target=target)
                )
            found |= {asset.id: asset for asset in known[target]}
        return [asset for number, asset in found.items() if number not in excepted]


def _is_due(who: Recipient, now: datetime) -> bool:
    chosen = who.preferences
    return chosen.sign_of_life and quiet_until(now, chosen.quiet, chosen.clock) is None
