"""The store on SQL, put together from its parts, one per subject."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.ports import Clock, Store
from storage.access import AccessStore
from storage.announcements import AnnouncementStore
from storage.api_keys import ApiKeyStore
from storage.assets import AssetStore
from storage.backlog import BacklogStore
from storage.candles import CandleStore
from storage.changing_source import ChangingSourceStore
from storage.charts import ChartStore
from storage.clock import ClockStore
from storage.database import Database
from storage.dead_letters import DeadLetterStore
from storage.deliveries import DeliveryStore
from storage.errands import ErrandStore
from storage.fanout import FanOutStore
from storage.filling import FillingStore
from storage.forgetting import ForgettingStore
from storage.history import HistoryStore
from storage.inbox import InboxStore, ValueStore
from storage.joining import JoiningStore
from storage.leases import LeaseStore
from storage.letters import LetterStore
from storage.lockfile import LockFile
from storage.parking import ParkingStore
from storage.places import PlaceStore
from storage.polls import PollStore
from storage.population import PopulationStore
from storage.pruning import PruneStore
from storage.recipients import RecipientStore
from storage.routes import RouteStore
from storage.screens import ScreenStore
from storage.succession import SuccessionStore
from storage.trails import TrailStore
from storage.watches import WatchStore


class SqlStore(
    PollStore,
    FanOutStore,
    DeliveryStore,
    DeadLetterStore,
    LetterStore,
    ParkingStore,
    RecipientStore,
    RouteStore,
    JoiningStore,
    ForgettingStore,
    PlaceStore,
    ErrandStore,
    WatchStore,
    AssetStore,
    ScreenStore,
    AccessStore,
    AnnouncementStore,
    TrailStore,
    PopulationStore,
    HistoryStore,
    FillingStore,
    ChangingSourceStore,
    ChartStore,
    InboxStore,
    LeaseStore,
    ValueStore,
    ClockStore,
    CandleStore,
    ApiKeyStore,
    SuccessionStore,
    PruneStore,
    BacklogStore,
    Store,
):
    """What Flipwatch remembers, on SQLite or PostgreSQL; `open_store` makes one.

    Set `update_every` to what the source says: fan-out needs it.
    """

    def __init__(
        self, database: Database, *, now: Clock, lock: LockFile | None = None
    ) -> None:
        """Take the database and, if it is held against others, what holds it."""
        super().__init__(database, now=now)
        self._lock = lock

    async def close(self) -> None:
        """Close all connections; may be called twice. Then everything is refused."""
        await self._database.close()
        if self._lock is not None:
            self._lock.release()

    async def ping(self) -> None:
        """Raise `StoreError` if the database does not answer."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(select(1))

        await self._database.read(work)
