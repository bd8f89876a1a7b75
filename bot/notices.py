"""What is answered about the bot itself, settings and broadcasts. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot import words
from bot.errors import UserError
from bot.message import (
    Block,
    Button,
    Line,
    Message,
    Moment,
    TimeStyle,
    Tone,
    bold,
    code,
    line,
)
from bot.model import Mute, PlaceKind, PollSummary

#: younger than this is now
_JUST_NOW = timedelta(minutes=1)
#: what only one member of a group has use for is taken away again after so long
FADES_AFTER = timedelta(seconds=60)


def start(kind: PlaceKind, *, source_title: str) -> Message:
    """Answer the first /start."""
    if kind is not PlaceKind.PRIVATE:
        return greeting()
    return Message(
        title=line("👋 ", bold("I write when a crypto signal flips")),
        body=(
            line(f"Signals and grades come from {source_title}."),
            line(
                "Type ", code("/watch BTC ETH"), ", or only the symbols: ", code("BTC")
            ),
            line("I stay silent until one of them turns bullish or bearish."),
        ),
        buttons=((Button("👁 Watch BTC", "v1:watch:BTC"), _SAMPLE),),
        is_private=True,
    )


_SAMPLE = Button("👀 Show a sample", "v1:sample")


def welcome_back(watches: int, *, was_parked: bool) -> Message:
    """Answer a /start of somebody who is known already."""
    body: list[Block] = [
        line(
            f"Your watchlist has {words.count(watches, 'watch', 'watches')}: /watchlist"
        )
    ]
    if was_parked:
        body.append(
            line("What changed while I could not reach you comes next, if any.")
        )
    return Message(
        title=line("👋 ", bold("You are back")), body=tuple(body), is_private=True
    )


def greeting() -> Message:
    """Greet a group the bot was added to."""
    return Message(
        title=line("👋 ", bold("I post when a crypto signal flips")),
        body=(
            line("Silent until an admin says ", code("/broadcast")),
            line("Information, not financial advice."),
        ),
        is_silent=True,
    )


#: command, arguments, what it is for; in the order of /help and of the menus
COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("start", "", "begin, or resume after a block"),
    ("help", "", "this list"),
    ("watch", "BTC ETH 80 50", "hear when these flip or pass a line"),
    ("unwatch", "BTC", "stop hearing of it"),
    ("watchlist", "", "what you watch, freshest flip first"),
    ("signal", "BTC", "signal, grade and price now"),
    ("flips", "3d bullish", "what turned in the last days"),
    ("top", "10 #ai", "the highest grades"),
    ("screen", "grade>80 flipped<3d", "what meets these conditions"),
    ("why", "BTC", "what became of its last change"),
    ("chart", "BTC 90d", "price, flips and grade in a picture"),
    ("market", "", "how much of the market is bullish"),
    ("record", "BTC", "what past signals were worth"),
    ("simulate", "BTC grade>=80", "what a watch would have sent"),
    ("threshold", "BTC 80 50", "set lines for one asset, or for all"),
    ("mute", "BTC 24h", "hold alerts: 1h, 24h or flip"),
    ("unmute", "BTC", "let them through again"),
    ("settings", "", "quiet hours, digest, sound, language"),
    ("quiet", "22:00-07:00", "silence at night"),
    ("timezone", "Berlin", "whose clock counts"),
    ("digest", "daily 08:00", "one message in place of many"),
    ("link", "", "one watchlist for two chats"),
    ("export", "", "your watches as a file"),
    ("import", "BTC ETH", "bring watches, a file or a list"),
    ("forgetme", "", "erase everything about you"),
    ("broadcast", "top100", "what this group or channel gets"),
    ("preview", "", "a sample alert, as it would look"),
    ("status", "", "how the bot is doing"),
)


def help_text() -> Message:
    """Answer /help."""
    rows = [
        line(code(f"/{name} {arguments}".strip()), f" {purpose}")
        for name, arguments, purpose in COMMANDS
    ]
    return Message(
        title=line("❔ ", bold("I write when a crypto signal flips")),
        body=(
            line("🟢 bullish, 🔴 bearish, and a grade from 0 to 100."),
            Line(),
            *rows,
            Line(),
            line(
                "More: ",
                code("/watch #ai bullish grade>=80"),
                " · ",
                code("/watch all"),
            ),
            line("Information, not financial advice."),
        ),
        is_private=True,
    )


#: what a button that types a line for the presser begins with
SAY = "v1:say:"
#: core.telegram.org/bots/api#inlinekeyboardbutton
_ACTION_BYTES = 64
#: commands that only look: of them "nothing was changed" says nothing
_LOOKING = frozenset({"flips", "top", "screen", "signal", "why", "chart", "record"})


def wrong(error: UserError, *, command: str | None = None) -> Message:
    """Answer something that cannot be done: what is wrong, and what to type.

    `command` is the one it was typed after, so that a button can put it right.
    """
    body: list[Block] = []
    if error.marked:
        body.append(line(code(error.marked)))
    fixed = error.suggestion
    hint = error.hint
    if fixed.startswith("/"):
        hint = hint or f"Did you mean {fixed}?"
    elif fixed and command:
        fixed = f"/{command} {fixed}"
    elif fixed:
        fixed = f"/watch {fixed}"
    tail = "" if command in _LOOKING else "Nothing was changed."
    last = " ".join(x for x in (hint, tail) if x)
    if last:
        body.append(line(last))
    action = f"{SAY}{fixed}"
    buttons: tuple[tuple[Button, ...], ...] = ()
    if fixed and len(action.encode()) <= _ACTION_BYTES:
        buttons = ((Button(f"Yes, {fixed}"[:40], action),),)
    return Message(
        title=line("✋ ", bold(error.title)),
        body=tuple(body),
        buttons=buttons,
        tone=Tone.TROUBLE,
        is_private=True,
    )


def too_fast(wait: timedelta) -> Message:
    """Answer once whoever types faster than anybody reads."""
    return Message(
        title=line("⏳ ", bold("That was a lot at once")),
        body=(
            line(f"I answer again in {wait.total_seconds():.0f} s."),
            line("Your alerts come as always."),
        ),
        is_private=True,
    )


def private_bot(*, by_invite: bool) -> Message:
    """Answer somebody who was not let in."""
    if by_invite:
        hint = line("With an invite: open its link, or type ", code("/start CODE"))
    else:
        hint = line("Its operator decides who may use it.")
    return Message(
        title=line("🔒 ", bold("This bot is private")), body=(hint,), is_private=True
    )


def announcement(text: str) -> Message:
    """Word what the operator has to say to everybody: the first line stands alone."""
    first, *rest = [part.strip() for part in text.strip().splitlines() if part.strip()]
    return Message(
        title=line("📣 ", bold(first)),
        body=tuple(line(each) for each in rest),
        footer=line("From the operator of this bot"),
        is_silent=True,
    )


def refused(title: str, hint: str = "") -> Message:
    """Answer somebody who may not do this."""
    body = (line(hint),) if hint else ()
    return Message(title=line("🔒 ", bold(title)), body=body, is_private=True)


def believed(*, is_new: bool) -> Message:
    """Answer an operator who says that what the engine sent is so."""
    if not is_new:
        return Message(
            title=line("👌 ", bold("Nothing is held")),
            body=(line("The last poll was believed, or brought nothing at all."),),
            is_private=True,
        )
    return Message(
        title=line("👌 ", bold("I believe it once")),
        body=(line("The next poll is taken as it comes, if it looks the same."),),
        is_private=True,
    )


def failed() -> Message:
    """Answer when the bot itself could not do it."""
    return Message(
        title=line("⚠️ ", bold("That did not work here")),
        body=(line("Nothing was changed. Try again in a minute."),),
        tone=Tone.TROUBLE,
        is_private=True,
    )


# ----------------------------------------------------------------- private elsewhere


def go_private(symbols: Sequence[str], link: str) -> Message:
    """Answer a personal command in a group where the bot can't write first."""
    name = words.names(list(symbols), 3) if symbols else "that"
    what = f"Watch {name} privately" if symbols else "Open the private chat"
    return Message(
        title=line(f"👁 {name}: I alert you privately, not here."),
        buttons=((Button(what, url=link),),) if link else (),
        is_private=True,
        is_silent=True,
        fades=FADES_AFTER,
    )


def private_chat_opened() -> Message:
    """The first words in a private chat the bot opens itself."""
    return Message(
        title=line("👋 ", bold("Your alerts come here")),
        body=(
            line("Change them here with ", code("/watchlist"), " and ", code("/mute")),
        ),
        is_silent=True,
    )


def private_chat_closed(*, again_action: str = "", command: str = "") -> Message:
    """Answer when the direct messages of the asker are closed.

    `again_action` is the button that tries once more; without it `command` is to be
    typed again.
    """
    way = "Open them (server name → Privacy settings → Direct messages), then "
    if again_action:
        way_out = line(way, "press Try again.")
    else:
        way_out = line(way, "type ", code(command), " again.")
    return Message(
        title=line("⚠️ ", bold("I cannot reach you, so nothing was changed")),
        body=(line("Your direct messages from this server are closed."), way_out),
        buttons=((Button("Try again", again_action),),) if again_action else (),
        tone=Tone.TROUBLE,
        is_private=True,
    )


# ------------------------------------------------------------------------- settings


def thresholds(
    name: str, lines: Sequence[float], *, was_changed: bool, is_default: bool
) -> Message:
    """Answer /threshold: the lines of one asset, or the default of all watches."""
    shown = " · ".join(words.threshold(t) for t in sorted(lines, reverse=True))
    subject = "watches without their own" if is_default else name
    if not lines:
        title = f"No lines for {subject}"
        body = [line("I write of flips only.")]
    else:
        title = f"{'Lines' if len(lines) > 1 else 'Line'} for {subject}: {shown}"
        body = [line("I write when the grade passes one, either way.")]
    if not was_changed:
        example = f"/threshold {'80 50' if is_default else f'{name} 80 50'}"
        body.append(
            line(
                "To change: ",
                code(example),
                " · none: ",
                code(f"{example.removesuffix(' 80 50')} off"),
            )
        )
    return Message(title=line("📏 ", bold(title)), body=tuple(body), is_private=True)


def muted(name: str, mute: Mute) -> Message:
    """Answer /mute: until when, and what follows then."""
    target = name or "Everything"
    if mute.until is None:
        title = line("🔕 ", bold(f"{target} muted until the next flip"))
        body = (line("That flip is told; lines are not."),)
    else:
        title = line(
            "🔕 ", bold(f"{target} muted until "), Moment(mute.until, TimeStyle.BOTH)
        )
        body = (line("What changed by then comes as one message."),)
    action = f"v1:unmute:{mute.asset_id or 0}"
    return Message(
        title=title,
        body=body,
        buttons=((Button("🔔 Unmute", action),),),
        is_private=True,
    )


def unmuted(name: str, count: int) -> Message:
    """Answer /unmute."""
    if not count:
        title = f"{name or 'Nothing'} was not muted" if name else "Nothing was muted"
        return Message(title=line("🔔 ", bold(title)), is_private=True)
    return Message(
        title=line("🔔 ", bold(f"{name or 'Everything'} is heard again")),
        body=(line("What was held comes now, if it still stands."),),
        is_private=True,
    )


# --------------------------------------------------------------------------- status


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What /status tells: the last polls and what is in trouble."""

    source_title: str
    last: PollSummary | None
    last_good: PollSummary | None
    troubles: Mapping[str, str] = field(default_factory=dict)
    deliveries: Mapping[str, int] = field(default_factory=dict)
    watches: int = 0
    assets: int = 0


def status(health: Health, now: datetime) -> Message:
    """Answer /status: is it watching, since when, what waits."""
    good, troubles = (
        health.last_good,
        [f"{k}: {v}" for k, v in health.troubles.items() if v],
    )
    last = health.last
    is_saving = last is not None and last.reason == "budget"
    is_blind = good is None or (last is not None and not last.is_ok and not is_saving)
    if good is None:
        title = line("⚠️ ", bold("No grades yet"))
    elif is_blind or troubles:
        title = line("⚠️ ", bold("Running with trouble"))
    else:
        title = line("✅ ", bold("All is well"))
    body: list[Block] = [line(f"Engine: {health.source_title}")]
    if good is not None:
        age = now - (good.finished_at or good.started_at)
        seen = "just now" if age < _JUST_NOW else f"{words.span(age)} ago"
        body.append(line(f"Last grades {seen}"))
    if is_saving:
        body.append(line("Polls are spread to keep within the engine's credits."))
    elif last is not None and not last.is_ok:
        body.append(line(f"The last poll failed: {last.reason}"))
    body += [line(f"⚠️ {text}") for text in troubles]
    waiting = health.deliveries.get("pending", 0) + health.deliveries.get("claimed", 0)
    body.append(
        line(
            f"{words.count(health.watches, 'watch', 'watches')} · "
            f"{health.deliveries.get('sent', 0):,} alerts sent · {waiting:,} waiting"
        )
    )
    dead = health.deliveries.get("dead", 0)
    if dead:
        body.append(line(f"{words.count(dead, 'alert')} could not be delivered"))
    return Message(
        title=title,
        body=tuple(body),
        tone=Tone.TROUBLE if is_blind or troubles else Tone.OVER,
        is_private=True,
    )


def claimed(*, is_new: bool) -> Message:
    """Answer a right /claim code."""
    title = "You are an operator now" if is_new else "You are an operator already"
    return Message(
        title=line("🔑 ", bold(title)),
        body=(line("Trouble with the engine or a platform is told to you here."),),
        is_private=True,
    )


def no_sample(source_title: str) -> Message:
    """Answer /preview before the first grades came."""
    return Message(
        title=line("👀 ", bold("No sample yet")),
        body=(
            line(f"{source_title} has not sent any grades so far. /status tells more."),
        ),
        is_private=True,
    )
