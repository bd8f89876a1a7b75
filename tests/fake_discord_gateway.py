"""The gateway of the fake Discord: sessions over websockets, as API v10 plays them.

Source: docs.discord.com/developers/events/gateway (opcodes, close codes, intents,
120 events a minute, sharding formula).
"""

import asyncio
import json
import zlib
from collections import deque
from typing import Any

from aiohttp import WSMsgType, web
from fake_discord_places import GUILDS
from fake_discord_world import World

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, VOICE, RESUME = 0, 1, 2, 3, 4, 6
RECONNECT, REQUEST_MEMBERS, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 7, 8, 9, 10, 11

#: members, presences, message content: to be switched on in the developer portal
PRIVILEGED = (1 << 1) | (1 << 8) | (1 << 15)

#: the operator's mistakes, not the bot's: wrong token, intents not switched on
MISCONFIGURED = {4004, 4014}

HEARTBEAT_INTERVAL_MS = 41_250
EVENTS_MAX, EVENTS_PER = 120, 60.0
PAYLOAD_MAX = 4096


class Refused(Exception):  # noqa: N818 (a close code is no error of ours)
    """The gateway closes the connection with a code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Session:
    """What a bot identified for; outlives its connection until it is resumed."""

    def __init__(self, number: int, identify: dict[str, Any]) -> None:
        self.id = f"session-{number}"
        self.intents: int = identify["intents"]
        self.shard, self.shards = identify.get("shard") or (0, 1)
        self.sent: list[dict[str, Any]] = []
        self.connection: Connection | None = None

    def is_for(self, server_id: str | None) -> bool:
        """Whether events of a server (None: of a DM) go to this shard."""
        number = int(server_id) >> 22 if server_id else 0
        return number % self.shards == self.shard

    def dispatch(self, event: str, data: dict[str, Any]) -> None:
        frame = {"op": DISPATCH, "t": event, "s": len(self.sent) + 1, "d": data}
        self.sent.append(frame)
        if self.connection is not None:
            self.connection.send(frame)


class Connection:
    """One websocket; frames go out through a queue so that anybody may send."""

    def __init__(self, socket: web.WebSocketResponse, *, is_compressed: bool) -> None:
        self.socket = socket
        self.session: Session | None = None
        self.frames: asyncio.Queue[str] = asyncio.Queue()
        self._zlib = zlib.compressobj() if is_compressed else None

    def send(self, frame: dict[str, Any]) -> None:
        # as text now: what a frame speaks of may change before it is written
        self.frames.put_nowait(json.dumps(frame))

    async def write(self) -> None:
        while True:
            text = await self.frames.get()
            if self._zlib is None:
                await self.socket.send_str(text)
                continue
            packed = self._zlib.compress(text.encode())
            await self.socket.send_bytes(packed + self._zlib.flush(zlib.Z_SYNC_FLUSH))


class Gateway:
    """All sessions and connections, and what bots did wrong."""

    def __init__(self, world: World, token: str, violations: list[str]) -> None:
        self.world = world
        self.token = token
        self.url = ""
        self.sessions: dict[str, Session] = {}
        self.connections: set[Connection] = set()
        #: close codes that bots were refused with, in order
        self.refusals: list[int] = []
        self.identifies = 0
        #: what Discord recommends to a bot that asks
        self.shards = 1
        self.is_paced = True
        self._violations = violations
        world.send = self._send

    def _send(
        self, event: str, data: dict[str, Any], *, server_id: str | None, intent: int
    ) -> None:
        for session in self.sessions.values():
            is_asked = not intent or session.intents & intent
            if is_asked and session.is_for(server_id):
                session.dispatch(event, data)

    async def close_all(self, code: int = 4000) -> None:
        """Close every websocket; sessions stay and may be resumed."""
        sockets = [connection.socket for connection in self.connections]
        await asyncio.gather(*(socket.close(code=code) for socket in sockets))

    def ask_to_reconnect(self) -> None:
        """Send every bot a Reconnect, as Discord does before it restarts a machine."""
        for connection in self.connections:
            connection.send({"op": RECONNECT, "d": None})

    def is_ready(self) -> bool:
        """Whether every shard of a bot is connected."""
        live = [s for s in self.sessions.values() if s.connection is not None]
        return bool(live) and len({s.shard for s in live}) >= live[0].shards

    # ---- one connection

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        # discord.py answers a close only when it reads it; nobody waits long for that
        socket = web.WebSocketResponse(timeout=1.0)
        await socket.prepare(request)
        is_compressed = request.query.get("compress") == "zlib-stream"
        connection = Connection(socket, is_compressed=is_compressed)
        self.connections.add(connection)
        writer = asyncio.create_task(connection.write())
        connection.send(
            {"op": HELLO, "d": {"heartbeat_interval": HEARTBEAT_INTERVAL_MS}}
        )
        try:
            await self._listen(connection)
        except Refused as refused:
            self.refusals.append(refused.code)
            if refused.code not in MISCONFIGURED:
                self._violations.append(f"gateway {refused.code}: {refused.reason}")
            await socket.close(code=refused.code, message=refused.reason.encode())
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            self._forget(connection)
        return socket

    def _forget(self, connection: Connection) -> None:
        self.connections.discard(connection)
        session = connection.session
        if session is not None and session.connection is connection:
            session.connection = None
            if connection.socket.close_code in {1000, 1001}:
                # the bot said goodbye: such a session can't be resumed
                self.sessions.pop(session.id, None)
        self.world.touch()

    async def _listen(self, connection: Connection) -> None:
        received: deque[float] = deque()
        async for message in connection.socket:
            if message.type is not WSMsgType.TEXT:
                raise Refused(4002, "not a text frame")
            self._pace(received)
            try:
                frame = json.loads(message.data)
                code, data = frame["op"], frame.get("d")
            except (ValueError, KeyError, TypeError):
                raise Refused(4002, "no JSON object with an op") from None
            if len(message.data) > PAYLOAD_MAX:
                raise Refused(4002, f"more than {PAYLOAD_MAX} bytes")
            self._take(connection, code, data)

    def _pace(self, received: deque[float]) -> None:
        now = self.world.now().timestamp()
        while received and received[0] <= now - EVENTS_PER:
            received.popleft()
        received.append(now)
        if self.is_paced and len(received) > EVENTS_MAX:
            raise Refused(4008, f"more than {EVENTS_MAX} events in {EVENTS_PER:g} s")

    def _take(self, connection: Connection, code: int, data: Any) -> None:
        if code == HEARTBEAT:
            connection.send({"op": HEARTBEAT_ACK})
        elif code == IDENTIFY:
            self._identify(connection, data)
        elif code == RESUME:
            self._resume(connection, data)
        elif code not in {PRESENCE, VOICE, REQUEST_MEMBERS}:
            raise Refused(4001, f"unknown opcode {code}")
        elif connection.session is None:
            raise Refused(4003, "not identified")

    def _identify(self, connection: Connection, data: dict[str, Any]) -> None:
        if connection.session is not None:
            raise Refused(4005, "identified twice")
        if data.get("token") != self.token:
            raise Refused(4004, "wrong token")
        if not isinstance(data.get("intents"), int):
            raise Refused(4013, "no intents")
        if data["intents"] & PRIVILEGED:
            raise Refused(4014, "privileged intents are switched off")
        shard, shards = data.get("shard") or (0, 1)
        if not 0 <= shard < shards:
            raise Refused(4010, f"no shard {shard} of {shards}")
        self.identifies += 1
        session = Session(self.identifies, data)
        for old in list(self.sessions.values()):
            # nobody will resume what a dead process left behind
            if old.connection is None and old.shard == session.shard:
                del self.sessions[old.id]
        self.sessions[session.id] = session
        self._join(connection, session)
        world = self.world
        servers = [s for s in world.servers.values() if s.has_bot]
        mine = [s for s in servers if session.is_for(s.id)]
        session.dispatch(
            "READY",
            {
                "v": 10,
                "user": world.bot.payload | {"verified": True, "mfa_enabled": True},
                "guilds": [{"id": s.id, "unavailable": True} for s in mine],
                "session_id": session.id,
                "resume_gateway_url": self.url,
                "shard": [session.shard, session.shards],
                "application": {"id": world.bot.id, "flags": 0},
            },
        )
        for server in mine if session.intents & GUILDS else ():
            session.dispatch("GUILD_CREATE", server.payload | {"unavailable": False})
        world.touch()

    def _resume(self, connection: Connection, data: dict[str, Any]) -> None:
        if data.get("token") != self.token:
            raise Refused(4004, "wrong token")
        session = self.sessions.get(data.get("session_id", ""))
        if session is None:
            connection.send({"op": INVALID_SESSION, "d": False})
            return
        if data.get("seq") is None or data["seq"] > len(session.sent):
            raise Refused(4007, "sequence from the future")
        self._join(connection, session)
        for frame in session.sent[data["seq"] :]:
            connection.send(frame)
        session.dispatch("RESUMED", {})
        self.world.touch()

    def _join(self, connection: Connection, session: Session) -> None:
        connection.session = session
        session.connection = connection
