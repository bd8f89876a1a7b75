"""What is answered to /admin about who may use the bot. Pure."""

from collections.abc import Sequence

from bot import words
from bot.access import Invite, Rule
from bot.message import (
    Block,
    Button,
    Line,
    Message,
    Moment,
    TimeStyle,
    bold,
    code,
    line,
)
from bot.screening import Found

#: rows of a list
ROWS = 10


def _answer(
    title: Line, *body: Block, buttons: tuple[tuple[Button, ...], ...] = ()
) -> Message:
    return Message(title=title, body=body, buttons=buttons, is_private=True)


def blocked(subject: str, *, places: int) -> Message:
    """Answer /admin block."""
    held = (
        f"{words.count(places, 'inbox', 'inboxes')} put to rest, nothing deleted."
        if places
        else "It has no inbox here."
    )
    return _answer(
        line("⛔ ", bold(f"{subject} is blocked")),
        line(f"It gets no answers and no alerts. {held}"),
        buttons=((Button("↩ Unblock", f"v1:admin:unblock {subject}"),),),
    )


def unblocked(subject: str, *, was_blocked: bool) -> Message:
    """Answer /admin unblock."""
    if not was_blocked:
        return _answer(line("⛔ ", bold(f"{subject} was not blocked")))
    return _answer(
        line("✅ ", bold(f"{subject} is let in again")),
        line("What it missed comes as one message."),
    )


def allowed(subject: str, *, access: str) -> Message:
    """Answer /admin allow."""
    tail = _open_note(access)
    return _answer(line("✅ ", bold(f"{subject} may use the bot")), *tail)


def _open_note(access: str) -> list[Block]:
    if access != "open":
        return []
    return [line("Everybody may now: ", code('app.access = "open"'))]


def rules(found: Found[Rule], *, is_allowed: bool, access: str) -> Message:
    """Answer a list of those let in or blocked."""
    title = "let in by name" if is_allowed else "blocked"
    return _answer(
        line("🚪 ", bold(f"{found.total:,} {title}")),
        *(
            line(code(rule.subject), ", ", Moment(rule.set_at, TimeStyle.DATE))
            for rule in found.rows
        ),
        *(_open_note(access) if is_allowed else ()),
    )


def invited(invite: Invite, *, link: str, access: str) -> Message:
    """Answer /admin invite: the code, once."""
    uses = "one person or group" if invite.uses == 1 else f"{invite.uses:,} of them"
    body: list[Block] = [
        line(f"Lets in {uses} until ", Moment(invite.expires_at, TimeStyle.BOTH)),
        line("They type ", code(f"/start {invite.code}")),
    ]
    if link:
        body.append(line("or open ", code(link)))
    if access != "invite":
        body.append(line("It counts only with ", code('app.access = "invite"')))
    return _answer(line("🎟 ", bold("An invite: "), code(invite.code)), *body)


def invites(known: Sequence[Invite]) -> Message:
    """Answer /admin invites."""
    if not known:
        return _answer(
            line("🎟 ", bold("No open invites")),
            line("To make one: ", code("/admin invite 5 30d")),
        )
    return _answer(
        line("🎟 ", bold(words.count(len(known), "open invite"))),
        *(
            line(
                code(invite.code),
                f" · used {invite.used:,} of {invite.uses:,}, until ",
                Moment(invite.expires_at, TimeStyle.DATE),
            )
            for invite in known[:ROWS]
        ),
        line("To end one: ", code("/admin invite drop CODE")),
    )


def invite_dropped() -> Message:
    """Answer /admin invite drop."""
    return _answer(
        line("🎟 ", bold("That invite lets nobody in any more")),
        line("Those it let in stay in."),
    )
