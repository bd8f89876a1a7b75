"""One history of lives and deaths of a program, from the first watch to the end."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kill_nursery import Child, Nursery
from kill_places import WAIT, Place, Scene, open_scene
from kill_scene import Market, Plan, Trap, make_plan
from running import start
from sqlalchemy import Row, Select, func, select

from storage.database import Database, parse_url
from storage.tables import DELIVERIES, EVENTS, MESSAGES, POLLS

#: what a dead process had begun to send goes out again after this
LEASE, SEND_TIMEOUT = 2.0, 1.0
#: a moment that does not come in this time never will: it is killed where it is
PATIENCE = 12.0
SETTLE_TIMEOUT = 90.0


class Ledger:
    """What the program has written, read beside it."""

    def __init__(self, url: str) -> None:
        self._database = Database(parse_url(url))

    async def rows(self, statement: Select[Any]) -> Sequence[Row[Any]]:
        return await self._database.read(
            lambda connection: _fetch(connection, statement)
        )

    async def open_work(self) -> dict[str, int]:
        """Count what has not come to its end."""
        questions = {
            "deliveries": select(func.count()).where(
                DELIVERIES.c.state.in_(["pending", "claimed"])
            ),
            "messages": select(func.count()).where(MESSAGES.c.state == "frozen"),
            "events": select(func.count()).where(EVENTS.c.fanned_out_at.is_(None)),
        }
        found = {name: (await self.rows(q))[0][0] for name, q in questions.items()}
        return {name: count for name, count in found.items() if count}

    async def polls(self) -> int:
        done = select(func.count()).where(POLLS.c.is_ok)
        return int((await self.rows(done))[0][0])

    async def close(self) -> None:
        await self._database.close()


async def _fetch(connection: Any, statement: Select[Any]) -> Sequence[Row[Any]]:
    return list(await connection.execute(statement))


@dataclass(kw_only=True)
class History:
    """What was done to the program, and what is left to look at."""

    scene: Scene
    market: Market
    ledger: Ledger
    places: Sequence[Place] = ()
    #: when it was killed, by the clock the program uses
    kills: list[datetime] = field(default_factory=list)
    #: points at which it was killed; "elsewhere" where the planned one did not come
    points: Counter[str] = field(default_factory=Counter)
    logs: list[Path] = field(default_factory=list)
    seconds: float = 0.0

    def log_lines(self, word: str) -> list[str]:
        """Return the lines with this word that any life has logged."""
        texts = (path.read_text(errors="replace") for path in self.logs)
        return [line for text in texts for line in text.splitlines() if word in line]


@asynccontextmanager
async def play_history(
    platform: str,
    url: str,
    *,
    nursery: Nursery,
    folder: Path,
    chance: random.Random,
    kills: int,
) -> AsyncIterator[History]:
    """Kill the program so often, let the last life settle, and stop it cleanly.

    The first life is started as an operator does; the others are forked, at once.
    """
    trap = Trap(chance)
    ledger = Ledger(url)
    try:
        async with (
            Market(trap, chance) as market,
            open_scene(platform, trap) as scene,
        ):
            history = History(scene=scene, market=market, ledger=ledger)
            _write_config(folder, url, market, scene)
            stage = _Stage(history, nursery, folder, trap, chance)
            began = time.monotonic()
            await stage.first_life()
            while len(history.kills) < kills:
                await stage.life()
            await stage.last_life()
            history.seconds = time.monotonic() - began
            yield history
    finally:
        await ledger.close()


def _write_config(folder: Path, url: str, market: Market, scene: Scene) -> None:
    (folder / "config.toml").write_text(
        f"""
[app]
worker = "mortal"  # another name would leave a dead one's poll alone for a minute

[engine]
kind = "remote"
base_url = "{market.base_url_v3}"
poll_interval = 1
universe = "all"

[storage]
url = "{url}"

[delivery]
lease = {LEASE}
send_timeout = {SEND_TIMEOUT}

{scene.config}"""
    )


class _Stage:
    """Plays one life after the other."""

    def __init__(
        self,
        history: History,
        nursery: Nursery,
        folder: Path,
        trap: Trap,
        chance: random.Random,
    ) -> None:
        self.history = history
        self.nursery = nursery
        self.folder = folder
        self.trap = trap
        self.chance = chance

    async def first_life(self) -> None:
        """Start it, let everybody watch, then let the market begin and kill it."""
        program = await start("run", cwd=self.folder, env={"FLIPWATCH_WEB__PORT": "0"})
        try:
            await program.line(r"running +url=")
            await self.history.market.wait_for_polls(2, WAIT)
            self.history.places = await self.history.scene.watch()
            # the baseline is silent, and so is a restart
            await self.history.market.wait_for_polls(1, WAIT)
            self.history.market.is_open = True
            plan = Plan("send taken", self.chance.randint(1, 4))
            died = asyncio.Event()

            def kill() -> None:
                program.process.kill()
                self._died(plan.point)
                died.set()

            self.trap.set(plan, kill)
            async with asyncio.timeout(WAIT):
                await died.wait()
        except BaseException:
            print(program.output)
            raise
        finally:
            await program.kill()
            self.history.logs.append(self.folder / "0.log")
            self.history.logs[-1].write_text(program.output)

    async def life(self) -> None:
        """Live until the planned moment."""
        child = await self._begin()
        plan = make_plan(self.chance)

        def kill(point: str = plan.point) -> None:
            child.kill()
            self._died(point)

        self.trap.set(plan, kill)
        try:
            code = await child.end(PATIENCE)
        except TimeoutError:
            self.trap.unset()
            kill("elsewhere")
            code = await child.end(WAIT)
        finally:
            self.trap.unset()
            child.kill()
        assert code == -9, f"it ended by itself with {code}:\n{child.output}"

    def _died(self, point: str) -> None:
        self.history.kills.append(datetime.now(UTC))
        self.history.points[point] += 1

    async def last_life(self) -> None:
        """Let it bring everything to its end; the market is quiet."""
        market, ledger = self.history.market, self.history.ledger
        market.is_open = False
        child = await self._begin()
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT):
                seen = await ledger.polls()
                while await ledger.polls() < seen + 2 or await ledger.open_work():
                    assert child.is_running, "it ended by itself"
                    await asyncio.sleep(0.1)
            code = await child.stop()
            assert code == 0, f"it ended with {code}:\n{child.output[-5000:]}"
        except TimeoutError as error:
            left = await ledger.open_work()
            raise AssertionError(
                f"it does not settle: {left}\n{child.output[-5000:]}"
            ) from error
        finally:
            child.kill()

    async def _begin(self) -> Child:
        log = self.folder / f"{len(self.history.logs)}.log"
        log.touch()
        self.history.logs.append(log)
        return await self.nursery.start(self.folder, log)
