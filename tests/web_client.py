"""A browser without a screen: keeps cookies, types lines, reads the event stream."""

import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp

#: event streams that are open
opened: list[aiohttp.ClientResponse] = []


@asynccontextmanager
async def new_client(jar=None):
    """A browser-like client that keeps cookies, also those of an IP address."""
    if jar is None:
        jar = aiohttp.CookieJar(unsafe=True)
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(cookie_jar=jar, timeout=timeout) as session:
        yield session
        while opened:
            opened.pop().close()


async def visit(client, room):
    """Open the page, as a browser does first."""
    async with client.get(room.url) as response:
        await response.read()


def inbox_of(client):
    return next(c.value for c in client.cookie_jar if c.key == "flipwatch_inbox")


async def say(client, room, text, **more):
    async with client.post(room.url + "/api/chat", json={"text": text, **more}) as r:
        return r.status, await r.json()


class Events:
    """An open event stream."""

    def __init__(self, response):
        self.response = response

    async def next(self):
        """Return the next event as (name, id, data); comments are skipped."""
        name, event_id, data = "", "", None
        async with asyncio.timeout(5):
            while True:
                raw = await self.response.content.readline()
                if not raw:
                    raise EOFError
                text = raw.decode().rstrip("\n")
                field, _, value = text.partition(": ")
                if field == "event":
                    name = value
                elif field == "id":
                    event_id = value
                elif field == "data":
                    data = json.loads(value)
                elif not text and name:
                    return name, event_id, data

    async def until_ready(self):
        """Return all that comes before `ready`."""
        found = []
        while (event := await self.next())[0] != "ready":
            found.append(event)
        return found


async def events(client, room, query="", **headers):
    url = f"{room.url}/api/chat/events{query}"
    response = await client.get(url, headers=headers)
    opened.append(response)
    assert response.status == 200
    assert response.content_type == "text/event-stream"
    return Events(response)
