"""The tables. They are dumb: values are checked in `bot.model`, joins are in the store.

The classes describe the schema; what is read and written often goes through these
plain tables, because an object per row costs more than the row (session.add is 120
times slower than INSERT ... SELECT). `storage.rows` turns rows into values and back.
"""

from sqlalchemy import Table

from storage.asset_tables import (
    AssetAliasRow,
    AssetCategoryRow,
    AssetLineRow,
    AssetRow,
    AssetStateRow,
    EventRow,
    MarketRow,
    PollRow,
    ReadingRow,
)
from storage.candle_tables import ApiKeyRow, CandleRow, SeriesRow
from storage.columns import Row
from storage.desk_tables import (
    AccessRuleRow,
    AnnouncementPostRow,
    AnnouncementRow,
    InviteRow,
)
from storage.recipient_tables import (
    BotValueRow,
    DeliveryRow,
    ErrandRow,
    InboxEntryRow,
    LeaseRow,
    LinkCodeRow,
    LinkTryRow,
    MessageRow,
    MuteRow,
    PlaceNoteRow,
    PrivateLineRow,
    RecipientRow,
    RouteRow,
    ToldLineRow,
    ToldRow,
    UndoRow,
    WatchLineRow,
    WatchRow,
)


def table(row: type[Row]) -> Table:
    """Return the plain table behind a class."""
    return Row.metadata.tables[str(row.__tablename__)]


ASSETS = table(AssetRow)
ALIASES = table(AssetAliasRow)
CATEGORIES = table(AssetCategoryRow)
READINGS = table(ReadingRow)
STATES = table(AssetStateRow)
LINES = table(AssetLineRow)
POLLS = table(PollRow)
EVENTS = table(EventRow)
MARKET = table(MarketRow)
RECIPIENTS = table(RecipientRow)
ROUTES = table(RouteRow)
LINK_CODES = table(LinkCodeRow)
LINK_TRIES = table(LinkTryRow)
UNDOS = table(UndoRow)
PLACE_NOTES = table(PlaceNoteRow)
ERRANDS = table(ErrandRow)
MUTES = table(MuteRow)
WATCHES = table(WatchRow)
WATCH_LINES = table(WatchLineRow)
PRIVATE_LINES = table(PrivateLineRow)
TOLD = table(ToldRow)
TOLD_LINES = table(ToldLineRow)
MESSAGES = table(MessageRow)
DELIVERIES = table(DeliveryRow)
INBOX = table(InboxEntryRow)
LEASES = table(LeaseRow)
BOT_VALUES = table(BotValueRow)
SERIES = table(SeriesRow)
CANDLES = table(CandleRow)
API_KEYS = table(ApiKeyRow)
ACCESS_RULES = table(AccessRuleRow)
INVITES = table(InviteRow)
ANNOUNCEMENTS = table(AnnouncementRow)
ANNOUNCEMENT_POSTS = table(AnnouncementPostRow)
