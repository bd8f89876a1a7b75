"""Keys to the API in the store: satisfies `bot.api_keys.ApiKeyStore`."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.api_keys import ApiKey
from storage.database import insert_into
from storage.part import StorePart
from storage.tables import API_KEYS


class ApiKeyStore(StorePart):
    """The keys of whoever may use the API; only their hashes."""

    async def add_api_key(self, key: ApiKey) -> bool:
        """Write a key; False if one has this name already."""

        async def work(connection: AsyncConnection) -> bool:
            added = await connection.execute(
                insert_into(connection, API_KEYS)
                .values(**asdict(key))
                .on_conflict_do_nothing(index_elements=["name"])
            )
            return bool(added.rowcount)

        return await self._database.write(work)

    async def list_api_keys(self) -> Sequence[ApiKey]:
        """List all keys, also revoked ones, oldest first."""

        async def work(connection: AsyncConnection) -> list[ApiKey]:
            columns = [c for c in API_KEYS.c if c.name != "id"]
            rows = await connection.execute(select(*columns).order_by(API_KEYS.c.id))
            return [ApiKey(**row) for row in rows.mappings()]

        return await self._database.read(work)

    async def revoke_api_key(self, name: str, now: datetime) -> bool:
        """Revoke a key; False if none that is in force has this name."""

        async def work(connection: AsyncConnection) -> bool:
            revoked = await connection.execute(
                update(API_KEYS)
                .where(API_KEYS.c.name == name, API_KEYS.c.revoked_at.is_(None))
                .values(revoked_at=now)
            )
            return bool(revoked.rowcount)

        return await self._database.write(work)
