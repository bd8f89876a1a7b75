"""What people do with a bot in the fake Discord: slash commands, proposals, buttons.

Sources: docs.discord.com/developers, "Application Commands" and "Receiving and
Responding" (3 s to acknowledge, 15 minutes for follow-ups, contexts, option types).
"""

import asyncio
from datetime import timedelta
from typing import Any

COMMAND, COMPONENT, COMPLETION = 2, 3, 4

# how an interaction is answered
MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOICES = 4, 5, 6, 7, 8
ANSWERS = {
    COMMAND: {MESSAGE, DEFERRED},
    COMPONENT: {MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE},
    COMPLETION: {CHOICES},
}

GUILD, BOT_DM = 0, 1
GUILD_INSTALL, USER_INSTALL = 0, 1

TOKEN_LIFE = timedelta(minutes=15)
USER_INSTALL_FOLLOW_UPS = 5

SUBCOMMANDS = {1, 2}
PYTHON_TYPES = {3: str, 4: int, 5: bool, 10: (int, float)}
LINK_STYLE = 5


class Interaction:
    """One command, proposal or press: what the person sees of the bot's answer."""

    def __init__(
        self,
        user: Any,
        channel: Any,
        kind: int,
        data: dict[str, Any],
        message: Any = None,
    ) -> None:
        self.world = user.world
        self.id = self.world.new_id()
        self.token = next(self.world.tokens)
        self.user = user
        self.channel = channel
        self.kind = kind
        self.message = message
        self.acknowledged_as: int | None = None
        self.proposals: list[dict[str, Any]] = []
        #: every message the bot answered with, a deferred one once it is filled
        self.answers: list[Any] = []
        #: what @original means after the acknowledgement
        self.original: Any = None
        self.follow_ups = 0
        self.opened_at = self.world.now()
        self._opened = asyncio.get_running_loop().time()
        self._version = message.version if message else 0
        self.world.interactions[self.token] = self
        place = channel.server
        self.world.dispatch("INTERACTION_CREATE", self._payload(data), server=place)

    # ---- what the person sees

    async def reply(self, timeout: float = 10) -> Any:
        """Wait for the bot's first message (after a deferral too), as `Seen`.

        Raises `AssertionError` if the bot did not acknowledge in time.
        """
        return (await self.replies(1, timeout))[0]

    async def replies(self, n: int, timeout: float = 10) -> list[Any]:
        """Wait until the bot answered with `n` messages; return all, as `Seen`."""
        await self.acknowledged()
        came = await self.world.until(lambda: len(self.answers) >= n, timeout)
        assert came, f"acknowledged, but {len(self.answers)} of {n} replies followed"
        return [each.seen() for each in self.answers]

    async def updated(self, timeout: float = 10) -> Any:
        """Wait until the message with the pressed button changed; return it."""
        await self.acknowledged()
        message, before = self.message, self._version
        came = await self.world.until(lambda: message.version > before, timeout)
        assert came, "acknowledged, but the message did not change"
        return message.seen()

    async def choices(self) -> list[tuple[str, Any]]:
        """Wait for the proposals, as (name, value)."""
        await self.acknowledged()
        return [(each["name"], each["value"]) for each in self.proposals]

    async def acknowledged(self) -> int:
        """Wait for the acknowledgement; return its type."""
        left = self._opened + self.world.ack_within - asyncio.get_running_loop().time()
        await self.world.until(lambda: self.acknowledged_as, max(0.0, left))
        assert self.acknowledged_as is not None, "The application did not respond"
        return self.acknowledged_as

    # ---- what Discord knows

    @property
    def is_too_late(self) -> bool:
        """Whether the time to acknowledge is over (real time)."""
        waited = asyncio.get_running_loop().time() - self._opened
        return waited > self.world.ack_within

    @property
    def is_expired(self) -> bool:
        """Whether the token is of no use any more."""
        return self.world.now() - self.opened_at > TOKEN_LIFE

    @property
    def has_follow_ups_left(self) -> bool:
        """Only an app that is installed by the user alone has few follow-ups."""
        owners = self._owners()
        return "0" in owners or self.follow_ups < USER_INSTALL_FOLLOW_UPS

    def _owners(self) -> dict[str, str]:
        server, user = self.channel.server, self.user
        owners = {"1": user.id} if user.has_installed else {}
        if server is not None:
            return owners | ({"0": server.id} if server.has_bot else {})
        return owners | ({"0": "0"} if user.has_mutual_server else {})

    def _payload(self, data: dict[str, Any]) -> dict[str, Any]:
        bot, channel, server = self.world.bot, self.channel, self.channel.server
        rights = str(self.user.permissions_in(channel))
        payload: dict[str, Any] = {
            "id": self.id,
            "application_id": bot.id,
            "type": self.kind,
            "token": self.token,
            "version": 1,
            "data": data,
            "channel": channel.payload | {"permissions": rights},
            "channel_id": channel.id,
            "app_permissions": str(bot.permissions_in(channel)),
            "locale": self.user.locale,
            "entitlements": [],
            "authorizing_integration_owners": self._owners(),
            "context": BOT_DM if server is None else GUILD,
            "attachment_size_limit": 10 << 20,
        }
        if self.message is not None:
            payload["message"] = self.world.show(self.message)
        if server is None:
            return payload | {"user": self.user.payload}
        member = server.member(self.user) | {"permissions": rights}
        return payload | {
            "member": member,
            "guild_id": server.id,
            "guild": {"id": server.id, "locale": "en-US", "features": []},
            "guild_locale": "en-US",
        }


# --------------------------------------------------------------------------- commands


def command_interaction(
    user: Any,
    typed: str,
    channel: Any,
    given: dict[str, Any],
    *,
    is_typing: bool = False,
) -> Interaction:
    """Open the interaction of a typed command, or of its last option half typed."""
    name, *inner = typed.removeprefix("/").split()
    command = _find_command(user, name, channel)
    resolved: dict[str, Any] = {}
    options = _options(user, command, inner, given, resolved, is_typing=is_typing)
    data = {"id": command["id"], "name": name, "type": 1, "options": options}
    if command.get("guild_id"):
        data["guild_id"] = command["guild_id"]
    if resolved:
        data["resolved"] = resolved
    return Interaction(user, channel, COMPLETION if is_typing else COMMAND, data)


def _find_command(user: Any, name: str, channel: Any) -> dict[str, Any]:
    world, server = user.world, channel.server
    known = world.commands.get(server.id, []) if server else []
    known = [*known, *world.commands.get(None, [])]
    named = [c for c in known if c["name"] == name and c.get("type", 1) == 1]
    assert named, f"/{name} is not registered, only {sorted(c['name'] for c in known)}"
    command: dict[str, Any] = named[0]
    contexts = command.get("contexts")
    if contexts is None:
        contexts = [GUILD, BOT_DM] if command.get("dm_permission", True) else [GUILD]
    place = GUILD if server else BOT_DM
    assert place in contexts, f"/{name} is not offered in context {place}: {contexts}"
    if server:
        assert user.id in server.members, f"{user} is not in {server.name}"
        assert not channel.is_deleted, f"{channel} is deleted"
    is_by_server = server.has_bot if server else user.has_mutual_server
    installs = {GUILD_INSTALL: is_by_server, USER_INSTALL: user.has_installed}
    wanted = command.get("integration_types") or [GUILD_INSTALL]
    assert any(installs[each] for each in wanted), f"{user} has nothing with /{name}"
    needed = int(command.get("default_member_permissions") or 0)
    lacking = needed & ~user.permissions_in(channel) if server else 0
    assert not lacking, f"{user} lacks the permissions {lacking} for /{name}"
    return command


def _options(
    asker: Any,
    command: dict[str, Any],
    inner: list[str],
    given: dict[str, Any],
    resolved: dict[str, Any],
    *,
    is_typing: bool,
) -> list[dict[str, Any]]:
    known = {each["name"]: each for each in command.get("options") or []}
    label = command["name"]
    if inner:
        sub = known.get(inner[0])
        assert sub and sub["type"] in SUBCOMMANDS, f"/{label} has no {inner[0]}"
        below = _options(asker, sub, inner[1:], given, resolved, is_typing=is_typing)
        return [{"name": sub["name"], "type": sub["type"], "options": below}]
    assert not any(o["type"] in SUBCOMMANDS for o in known.values()), (
        f"/{label} needs one of {sorted(known)}"
    )
    unknown = sorted(given.keys() - known.keys())
    assert not unknown, f"/{label} has no option {unknown}, only {sorted(known)}"
    if not is_typing:
        missing = [n for n, o in known.items() if o.get("required") and n not in given]
        assert not missing, f"/{label} requires {missing}"
    filled = [
        {"name": name, "type": known[name]["type"]}
        | {"value": _value(asker, known[name], value, resolved, is_typing=is_typing)}
        for name, value in given.items()
    ]
    if is_typing:
        assert filled, "an option to complete must be given"
        last = filled[-1]
        assert known[last["name"]].get("autocomplete"), (
            f"option {last['name']} of /{label} proposes nothing"
        )
        last["focused"] = True
    return filled


def _value(
    asker: Any,
    option: dict[str, Any],
    value: Any,
    resolved: dict[str, Any],
    *,
    is_typing: bool,
) -> Any:
    name, kind = option["name"], option["type"]
    if kind == 6:
        resolved.setdefault("users", {})[value.id] = value.payload
        return value.id
    if kind == 7:
        # those of the one who asks (resources/channel, `permissions`)
        rights = str(asker.permissions_in(value))
        kinds = option.get("channel_types")
        assert not kinds or value.kind in kinds, f"{name} does not offer {value}"
        assert value.server is not None, f"{name} offers channels of servers only"
        shown = value.payload | {"permissions": rights}
        resolved.setdefault("channels", {})[value.id] = shown
        return value.id
    if kind == 11:
        resolved.setdefault("attachments", {})[value["id"]] = value
        return value["id"]
    if is_typing:
        return value
    expected = PYTHON_TYPES[kind]
    is_flag = isinstance(value, bool) and kind != 5
    assert isinstance(value, expected) and not is_flag, f"{name} is no {expected}"
    if option.get("choices"):
        offered = [each["value"] for each in option["choices"]]
        assert value in offered, f"{name} is one of {offered}"
    size = len(value) if kind == 3 else value
    low = option.get("min_length" if kind == 3 else "min_value")
    high = option.get("max_length" if kind == 3 else "max_value")
    assert low is None or size >= low, f"{name} is less than {low}"
    assert high is None or size <= high, f"{name} is more than {high}"
    return value


# ---------------------------------------------------------------------------- presses


def press(user: Any, message: Any, label: str) -> Interaction:
    """Press a button of a message by its label."""
    assert not message.is_deleted, "the message is deleted"
    is_mine = not message.is_ephemeral or message.interaction.user is user
    assert is_mine, f"{user} can't see this message"
    buttons = [b for row in message.components for b in row["components"]]
    labels = [each.get("label") for each in buttons]
    assert label in labels, f"no button {label!r}, only {labels}"
    button = buttons[labels.index(label)]
    assert button["style"] != LINK_STYLE, f"{label!r} is a link to {button.get('url')}"
    assert not button.get("disabled"), f"{label!r} is disabled"
    number = labels.index(label) + 2
    data = {"custom_id": button["custom_id"], "component_type": 2, "id": number}
    return Interaction(user, message.channel, COMPONENT, data, message)
