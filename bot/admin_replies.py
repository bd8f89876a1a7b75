"""What is answered to /admin. Pure, one function per answer."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot import reasons as reason_words
from bot import words
from bot.announcing import Announcement, AnnouncementState, PostState
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
from bot.model import DeliveryRecord, PlaceKind, Platform, PollSummary
from bot.notices import announcement
from bot.population import Crowd, Inhabitant, Spending
from bot.ports import Counts
from bot.screening import Found

#: rows of a list
PAGE_SIZE = 10
#: messages a second at which an announcement goes out, as it is told
_PACE = 10


def _button(label: str, arguments: str) -> Button:
    return Button(label, f"v1:admin:{arguments}")


def _answer(
    title: Line,
    *body: Block,
    buttons: tuple[tuple[Button, ...], ...] = (),
    tone: Tone = Tone.PLAIN,
) -> Message:
    return Message(title=title, body=body, buttons=buttons, tone=tone, is_private=True)


# --------------------------------------------------------------------------- figures


def overview(
    counts: Counts, *, troubles: Mapping[str, str], current: Announcement | None
) -> Message:
    """Answer a bare /admin: how it is, and what can be done."""
    known = [f"⚠️ {name}: {text}" for name, text in troubles.items() if text]
    dead = counts.deliveries.get("dead", 0)
    if dead:
        known.append(f"⚠️ {words.count(dead, 'dead letter')}: /admin dead")
    if current is not None:
        known.append(f"📣 announcing: {current.left:,} to go")
    return _answer(
        line(
            "🛠 ", bold(f"{words.count(counts.recipients, 'recipient')}"), _waits(counts)
        ),
        *(line(text) for text in known),
        line(code("/admin stats"), " · ", code("budget"), " · ", code("users")),
        line(code("/admin dead"), " · ", code("dead replay all"), " · ", code("drop")),
        line(code("/admin pause telegram"), " · ", code("resume telegram")),
        line(code("/admin announce Your words")),
        line(code("/admin block telegram:123"), " · ", code("unblock")),
        line(code("/admin invite 5 30d"), " · ", code("invites"), " · ", code("allow")),
    )


def _waits(counts: Counts) -> str:
    waiting = counts.deliveries.get("pending", 0) + counts.deliveries.get("claimed", 0)
    return f" · {waiting:,} alerts wait" if waiting else " · nothing waits"


def stats(
    counts: Counts,
    *,
    crowds: Sequence[Crowd],
    last: PollSummary | None,
    now: datetime,
) -> Message:
    """Answer /admin stats."""
    states = [
        f"{state} {counts.deliveries.get(state, 0):,}"
        for state in ("sent", "pending", "claimed", "parked", "skipped", "dead")
    ]
    body: list[Block] = [
        line(f"{words.count(counts.watches, 'watch', 'watches')} of "
             f"{words.count(counts.watchers, 'watcher')}"),
        line(f"{words.count(counts.assets, 'asset')} · "
             f"{words.count(counts.events, 'event')}"),
        line(f"Deliveries: {' · '.join(states)}"),
        *_crowd_lines(crowds),
    ]  # fmt: skip
    waits = sorted(counts.reasons.items(), key=lambda item: (-item[1], item[0]))[:5]
    if waits:
        shown = ", ".join(f"{reason} {n:,}" for reason, n in waits)
        body.append(line(f"Not sent because: {shown}"))
    if last is not None:
        ended = last.finished_at or last.started_at
        verdict = "worked" if last.is_ok else f"failed: {last.reason}"
        body.append(line(f"Last poll {words.span(now - ended)} ago {verdict}"))
    return _answer(
        line("📊 ", bold(words.count(counts.recipients, "recipient"))), *body
    )


_KINDS = {
    PlaceKind.PRIVATE: "private",
    PlaceKind.GROUP: "group",
    PlaceKind.CHANNEL: "channel",
}


def _crowd_lines(crowds: Sequence[Crowd]) -> list[Block]:
    found: list[Block] = []
    for platform in Platform:
        parts = []
        for crowd in crowds:
            if crowd.platform is platform:
                gone = f" ({crowd.parked:,} gone)" if crowd.parked else ""
                parts.append(f"{crowd.total:,} {_KINDS[crowd.kind]}{gone}")
        if parts:
            found.append(line(f"{platform.value}: {' · '.join(parts)}"))
    return found


def budget(spending: Spending | None, source_title: str) -> Message:
    """Answer /admin budget."""
    if spending is None:
        return _answer(
            line("💳 ", bold(f"{source_title} counts no calls")),
            line("There is no budget to keep."),
        )
    every = spending.every_seconds
    pace = f"{every:.0f} s" if every < 120 else f"{every / 60:.0f} min"  # noqa: PLR2004 - seconds say little from two minutes on
    body: list[Block] = [
        line(f"Of these {spending.extra:,} for names, sizes and prices"),
        line(f"A poll takes {words.count(spending.per_poll, 'call')}; one each {pace}"),
    ]
    if spending.limit is None:
        title = line("💳 ", bold(f"{words.count(spending.used, 'call')} this month"))
        body.append(line("No limit is set: ", code("engine.credits_per_month")))
    else:
        share = spending.used / spending.limit
        title = line(
            "💳 ",
            bold(f"{spending.used:,} of {spending.limit:,} credits used"),
            f" · {share:.0%}",
        )
        body.append(
            line("New ones come on ", Moment(spending.renews_at, TimeStyle.DATE))
        )
    return _answer(title, *body)


def users(
    found: Found[Inhabitant], *, crowds: Sequence[Crowd], page: int, now: datetime
) -> Message:
    """Answer /admin users: numbers, and the newest by address."""
    body: list[Block] = [*_crowd_lines(crowds), Line()]
    for row in found.rows:
        parts = [
            _KINDS[row.kind],
            words.count(row.watches, "watch", "watches"),
            words.age(row.created_at, now),
        ]
        if row.parked_reason:
            parts.append(f"gone: {row.parked_reason}")
        body.append(line(code(str(row.address)), f" · {' · '.join(parts)}"))
    return _answer(
        line("👥 ", bold(words.count(found.total, "recipient"))),
        *body,
        buttons=_pages("users", page, found.total),
    )


def _pages(name: str, page: int, total: int) -> tuple[tuple[Button, ...], ...]:
    pages = max(1, -(-total // PAGE_SIZE))
    if pages == 1:
        return ()
    before, after = (page - 2) % pages + 1, page % pages + 1
    return (
        (
            _button("◀", f"{name} {before}"),
            Button(f"{min(page, pages)}/{pages}", "v1:keep"),
            _button("▶", f"{name} {after}"),
        ),
    )


# ---------------------------------------------------------------------- dead letters


def dead_letters(
    rows: Sequence[DeliveryRecord],
    *,
    total: int,
    reasons: Mapping[str, int],
    page: int,
    now: datetime,
) -> Message:
    """Answer /admin dead."""
    if not total:
        return _answer(line("✅ ", bold("No dead letters")), tone=Tone.OVER)
    body: list[Block] = []
    if reasons:
        shown = ", ".join(f"{n:,} {reason}" for reason, n in reasons.items())
        body += [line(f"Because of: {shown}"), Line()]
    for row in rows:
        age = words.age(row.created_at, now)
        body.append(
            line(
                code(f"{row.id}"),
                f" {row.symbol} {row.kind.value} · ",
                code(str(row.recipient)),
                f" · {reason_words.held(row.reason)} · {age}",
            )
        )
    actions = (
        _button("Replay all", "dead replay all"),
        _button("Drop all", "dead drop all"),
    )
    return _answer(
        line("✉️ ", bold(words.count(total, "dead letter"))),
        *body,
        line("One: ", code(f"/admin dead replay {rows[0].id if rows else 1}")),
        buttons=(*_pages("dead", page, total), actions),
        tone=Tone.TROUBLE,
    )


def dead_settled(word: str, count: int) -> Message:
    """Answer a replay or drop of dead letters."""
    done = {"replay": "sent on their way again", "drop": "dropped"}[word]
    body: tuple[Block, ...] = ()
    if word == "replay" and count:
        body = (line("Each is decided anew: nothing old is told as if current."),)
    return _answer(
        line("✉️ ", bold(f"{words.count(count, 'dead letter')} {done}")), *body
    )


# ---------------------------------------------------------------------------- pauses


def _pause_name(name: str) -> str:
    return "Polls" if name == "polls" else words.PLATFORM_NAMES[Platform(name)]


def pauses(known: Mapping[str, str]) -> Message:
    """Answer a bare /admin pause or resume."""
    if not known:
        return _answer(
            line("▶️ ", bold("Nothing is paused")),
            line("To pause: ", code("/admin pause polls"), " or a platform"),
        )
    return _answer(
        line("⏸ ", bold(f"Paused: {', '.join(known)}")),
        *(line(f"{name}, by {by}: ", code(f"/admin resume {name}"))
          for name, by in known.items()),
    )  # fmt: skip


def paused(name: str) -> Message:
    """Answer /admin pause."""
    effect = (
        "No grades are fetched, so no flips are seen."
        if name == "polls"
        else "Alerts wait; nothing is lost. Commands are answered."
    )
    return _answer(
        line("⏸ ", bold(f"{_first_upper(_pause_name(name))} paused")),
        line(effect),
        buttons=((_button("▶ Resume", f"resume {name}"),),),
    )


def resumed(name: str, *, was_paused: bool) -> Message:
    """Answer /admin resume."""
    state = "goes on" if was_paused else "was not paused"
    if name == "polls":
        state = "go on" if was_paused else "were not paused"
    return _answer(line("▶️ ", bold(f"{_first_upper(_pause_name(name))} {state}")))


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]


# --------------------------------------------------------------------- announcements


def announce_preview(drafted: Announcement) -> Message:
    """Show an announcement as it would look, and to how many it would go."""
    shown = announcement(drafted.text)
    minutes = -(-drafted.left // (_PACE * 60))
    return Message(
        title=shown.title,
        body=(
            *shown.body,
            Line(),
            line(
                f"To {words.count(drafted.left, 'private chat')}, without a sound, "
                f"in about {max(1, minutes)} min. Alerts go first."
            ),
            line("Nothing was sent yet."),
        ),
        buttons=(
            (
                _button(f"Send to {drafted.left:,}", f"announce send {drafted.id}"),
                _button("Cancel", f"announce cancel {drafted.id}"),
            ),
        ),
        is_private=True,
    )


def announcing(found: Announcement | None) -> Message:
    """Answer how far an announcement has come."""
    if found is None:
        return _answer(
            line("📣 ", bold("Nothing is being announced")),
            line("To see how it would look: ", code("/admin announce Your words")),
        )
    sent, failed = found.count(PostState.SENT), found.count(PostState.FAILED)
    unsure = found.count(PostState.SENDING)
    figures = [f"{sent:,} have it"]
    if found.state is not AnnouncementState.DONE:
        figures.append(f"{found.left:,} to go")
    if failed:
        figures.append(f"{failed:,} could not be reached")
    if unsure:
        figures.append(f"{unsure:,} on the way or unsure")
    title = {
        AnnouncementState.DRAFT: "Not sent yet",
        AnnouncementState.SENDING: "Announcing",
        AnnouncementState.DONE: "Announced",
        AnnouncementState.CANCELLED: "Cancelled",
    }[found.state]
    buttons: tuple[tuple[Button, ...], ...] = ()
    if found.state is AnnouncementState.SENDING:
        buttons = (
            (
                _button("↻ Look again", f"announce status {found.id}"),
                _button("Stop", f"announce cancel {found.id}"),
            ),
        )
    return _answer(
        line("📣 ", bold(title), f" · {figures[0]}"),
        line(" · ".join(figures[1:])) if figures[1:] else line(found.text[:100]),
        buttons=buttons,
    )
