"""Who is answered: not the blocked, not who floods, and by `app.access` not everybody.

Alerts do not pass here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot import access, notices
from bot.access import subject_of
from bot.commands.room import Room
from bot.crowding import Crowding, Verdict
from bot.message import Message
from bot.model import PlaceKind
from bot.ports import Call


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a call goes on; if not, what is answered, None for silence."""

    is_in: bool
    refusal: Message | None = None


_IN = Admission(is_in=True)
_SILENCE = Admission(is_in=False)


class Gate:
    """Decides about a call before anything is done for it."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._crowding = Crowding(room.lines_per_minute)

    async def admit(self, call: Call) -> Admission:
        """Say whether a call goes on; counts it."""
        rules = await self._rules(call)
        chat = "" if call.kind is PlaceKind.PRIVATE else subject_of(call.place)
        if access.is_blocked(rules):
            return await self._unless_operator(call, _SILENCE)
        verdict = self._crowding.look(call.user, chat, self._room.now())
        if verdict is Verdict.SILENT:
            return await self._unless_operator(call, _SILENCE)
        if verdict is Verdict.WARN:
            wait = self._crowding.wait(call.user, chat)
            refusal = notices.too_fast(wait)
        elif self._is_let_in(call, rules):
            return _IN
        else:
            refusal = notices.private_bot(by_invite=self._room.access == "invite")
        return await self._unless_operator(
            call, Admission(is_in=False, refusal=refusal)
        )

    def _is_let_in(self, call: Call, rules: Mapping[str, bool]) -> bool:
        return (
            self._room.access == "open"
            or access.is_let_in(rules)
            or not self._room.listed.isdisjoint(_subjects(call))
        )

    async def _unless_operator(self, call: Call, otherwise: Admission) -> Admission:
        """Let operators in, whatever holds for others; asked only where it matters."""
        return _IN if await self._room.is_operator(call.user) else otherwise

    async def is_shut(self, call: Call) -> bool:
        """Whether not even a code opens: somebody blocked, or who has just flooded."""
        chat = "" if call.kind is PlaceKind.PRIVATE else subject_of(call.place)
        is_flood = self._crowding.wait(call.user, chat) > timedelta()
        return is_flood or access.is_blocked(await self._rules(call))

    async def is_blocked(self, subject: str) -> bool:
        """Whether an operator blocked a user or chat."""
        return access.is_blocked(await self._room.store.access_of([subject]))

    async def _rules(self, call: Call) -> dict[str, bool]:
        return dict(await self._room.store.access_of(_subjects(call)))


def _subjects(call: Call) -> list[str]:
    """Return who asks and where; either may have been let in or blocked."""
    return [s for s in dict.fromkeys((call.user, subject_of(call.place))) if s]
