"""What is answered about settings: the menu, its pages, and the typed forms.

Every answer says how it is now and when I will write. Buttons carry the whole value
they set, so that pressing one twice changes nothing more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot import words, zones
from bot.language import joined, say, word
from bot.message import Block, Button, Line, Message, Moment, TimeStyle, Tone
from bot.model import Asset, Mute
from bot.noise_quiet import digest_due, quiet_from, quiet_until
from bot.preferences import (
    Cadence,
    Digest,
    NewsKind,
    Pace,
    Preferences,
    QuietHours,
    Sound,
)

Rows = tuple[tuple[Button, ...], ...]

_WEEKDAYS = (
    word("Mon"),
    word("Tue"),
    word("Wed"),
    word("Thu"),
    word("Fri"),
    word("Sat"),
    word("Sun"),
)
KIND_NAMES: Mapping[NewsKind, str] = {
    NewsKind.FLIP: word("flips"),
    NewsKind.CROSSING: word("lines"),
    NewsKind.CORRECTION: word("corrections"),
    NewsKind.SUMMARY: word("summaries"),
    NewsKind.DIGEST: word("digests"),
    NewsKind.SOURCE: word("engine trouble"),
}
_PACES: Mapping[Pace, str] = {
    Pace.CALM: word("calm: I wait until two readings agree"),
    Pace.NORMAL: word("normal: at once, and I hold what keeps turning"),
    Pace.FAST: word("fast: every flip, even the tenth of a day"),
}
_SOUND_NAMES: Mapping[Sound, str] = {
    Sound.ON: word("ring"),
    Sound.SILENT: word("silent"),
    Sound.OFF: word("off"),
}
#: what the menus offer; anything else is typed
QUIET_OFFERS = ("22:00-07:00", "23:00-08:00", "00:00-07:00", "21:00-09:00")
DIGEST_OFFERS = ("daily 08:00", "daily 18:00", "weekly mon 08:00")
BUDGET_OFFERS = (1, 3, 5, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the settings pages show.

    `muted` are the assets that are muted one by one; `language` is its own name.
    """

    preferences: Preferences
    now: datetime
    muted: Sequence[Asset] = ()
    muted_all: Mute | None = None
    language: str = "English"


# ------------------------------------------------------------------------- the words


def quiet_text(quiet: QuietHours | None) -> str:
    """Write quiet hours: `22:00–07:00`, or off."""
    if quiet is None:
        return word("off")
    return f"{quiet.start:%H:%M}–{quiet.end:%H:%M}"


def digest_text(digest: Digest | None) -> str:
    """Write a digest: `daily at 08:00`, `Mondays at 08:00`, or off."""
    if digest is None:
        return word("off")
    at = f"{digest.at:%H:%M}"
    if digest.cadence is Cadence.DAILY:
        return word("daily at {at}", at=at)
    return word("weekly, {day} {at}", day=_WEEKDAYS[digest.weekday], at=at)


def zone_text(preferences: Preferences, now: datetime) -> str:
    """Write whose clock counts, and what it shows now."""
    if not preferences.zone:
        return word("not set, so times are UTC")
    return word(
        "{place}, now {at}",
        place=zones.place_name(preferences.zone),
        at=zones.clock_time(now, preferences.zone),
    )


def sound_text(preferences: Preferences) -> str:
    """Write which kinds ring and which do not come at all."""
    kinds = {
        sound: [
            KIND_NAMES[kind]
            for kind in NewsKind
            if preferences.sound_of(kind, is_private=True) is sound
        ]
        for sound in Sound
    }
    if not kinds[Sound.ON]:
        text = word("nothing rings")
    elif len(kinds[Sound.ON]) == len(NewsKind):
        text = word("everything rings")
    else:
        text = word("{kinds}; the rest is silent", kinds=joined(kinds[Sound.ON]))
    if not kinds[Sound.OFF]:
        return text
    return word("{text}; off: {kinds}", text=text, kinds=joined(kinds[Sound.OFF]))


def when_i_write(preferences: Preferences, now: datetime) -> Line:
    """Say when alerts come, by the recipient's own clock."""
    clock, zone = preferences.clock, preferences.zone
    if preferences.digest is not None:
        due = digest_due(now, preferences.digest, clock).astimezone(clock)
        at = f"{due:%H:%M}"
        days = (due.date() - now.astimezone(clock).date()).days
        if days == 0:
            return say("Alerts come as one digest, the next today at {at}.", at=at)
        if days == 1:
            return say("Alerts come as one digest, the next tomorrow at {at}.", at=at)
        day = _WEEKDAYS[due.weekday()]
        return say("Alerts come as one digest, the next {day} at {at}.", day=day, at=at)
    until = quiet_until(now, preferences.quiet, clock)
    if until is not None:
        return say(
            "It is quiet now: I write again at {at}.", at=zones.clock_time(until, zone)
        )
    begins = quiet_from(now, preferences.quiet, clock)
    if begins is not None:
        return say(
            "I write at once, until it is quiet at {at}.",
            at=zones.clock_time(begins, zone),
        )
    return say("I write at once, at any hour.")


# -------------------------------------------------------------------------- the menu


def menu(view: View) -> Message:
    """Show every setting, with a button for each."""
    p = view.preferences
    budget = (
        word("no limit")
        if p.daily_budget is None
        else word("{n} a day", n=p.daily_budget)
    )
    life = word("a line after a week without news") if p.sign_of_life else word("off")
    body: tuple[Block, ...] = (
        when_i_write(p, view.now),
        Line(),
        say("🌍 Time zone: **{zone}**", zone=zone_text(p, view.now)),
        say("🌙 Quiet hours: **{quiet}**", quiet=quiet_text(p.quiet)),
        say("🗞 Digest: **{digest}**", digest=digest_text(p.digest)),
        say("🎚 Pace: **{pace}**", pace=word(p.pace.value)),
        say("🔔 Sound: **{sound}**", sound=sound_text(p)),
        say("🧮 At most: **{budget}**", budget=budget),
        say("🫧 Sign of life: **{life}**", life=life),
        say("🖼 Pictures: **{pictures}**", pictures=_pictures_text(p)),
        say("🗣 Language: **{language}**", language=view.language),
        *_mutes(view),
    )
    return Message(
        title=say("⚙️ **Your settings**"),
        body=body,
        buttons=(
            (
                Button(word("🌍 Zone"), "v1:set:zone"),
                Button(word("🌙 Quiet"), "v1:set:quiet"),
                Button(word("🗞 Digest"), "v1:set:digest"),
            ),
            (
                Button(word("🎚 Pace"), "v1:set:pace"),
                Button(word("🔔 Sound"), "v1:set:sound"),
                Button(word("🧮 At most"), "v1:set:budget"),
            ),
            (
                Button(word("🫧 Sign of life"), "v1:set:life"),
                Button(word("🗣 Language"), "v1:set:language"),
                Button(word("🔕 Mutes"), "v1:set:mutes"),
            ),
            (Button(word("🖼 Pictures"), "v1:set:pictures"),),
        ),
        is_private=True,
    )


def _mutes(view: View) -> list[Block]:
    found: list[Block] = []
    if view.muted_all is not None:
        found.append(say("🔕 All muted{until}", until=until_text(view.muted_all)))
    if view.muted:
        names = joined([a.symbol for a in view.muted])
        found.append(say("🔕 Muted: **{names}**", names=names))
    return found


def until_text(mute: Mute) -> Line:
    """Say until when a mute holds, with a space before it."""
    if mute.until is None:
        return say(" until the next flip")
    return say(" until {at}", at=Moment(mute.until, TimeStyle.BOTH))


# ------------------------------------------------------------------------- its pages


def _page(
    title: Line, body: tuple[Block, ...], rows: Sequence[Sequence[Button]]
) -> Message:
    back = (Button(word("◀ Settings"), "v1:set:"),)
    return Message(
        title=title,
        body=body,
        buttons=(*(tuple(row) for row in rows), back),
        is_private=True,
    )


def _choice(label: str, key: str, value: str, *, is_chosen: bool) -> Button:
    shown = word("✓ {label}", label=label) if is_chosen else label
    return Button(shown, f"v1:set:{key}:{value}")


def _typed(example: str) -> Line:
    return say("Any other: `{example}`", example=example)


def zone_page(view: View) -> Message:
    """Show the clock that counts, and places to choose from by their time now."""
    chosen = view.preferences.zone
    buttons = [
        _choice(
            f"{zones.clock_time(view.now, zone)} {zones.place_name(zone)}",
            "zone",
            zone,
            is_chosen=zone == chosen,
        )
        for zone in zones.COMMON
    ]
    if chosen:
        title = say(
            "🌍 **Your clock: {zone}**", zone=zone_text(view.preferences, view.now)
        )
    else:
        title = say("🌍 **What time is it where you are?**")
    body: list[Block] = [say("Quiet hours and digests go by this clock.")]
    if zones.is_fixed(chosen):
        body.append(
            say(
                "{zone} knows no summer time; a place does.",
                zone=zones.place_name(chosen),
            )
        )
    body.append(_typed("/timezone Lisbon"))
    return _page(title, tuple(body), _in_rows(buttons, 3))


def quiet_page(view: View) -> Message:
    """Show the quiet hours, what becomes of alerts in them, and hours to choose."""
    p = view.preferences
    chosen = "off" if p.quiet is None else str(p.quiet)
    offers = [
        *(
            _choice(o.replace("-", "–"), "quiet", o, is_chosen=o == chosen)
            for o in QUIET_OFFERS
        ),
        _choice(word("Off"), "quiet", "off", is_chosen=chosen == "off"),
    ]
    body: list[Block] = [when_i_write(p, view.now)]
    if p.quiet is None:
        title = say("🌙 **No quiet hours**")
    else:
        title = say(
            "🌙 **Quiet {hours}** · {place}",
            hours=quiet_text(p.quiet),
            place=zones.place_name(p.zone),
        )
        body.append(
            say(
                "What happens in between comes at {at} as one summary.",
                at=f"{p.quiet.end:%H:%M}",
            )
        )
        body.append(say("A watch with the word `urgent` comes at once."))
    if p.quiet is not None and not p.zone:
        return _ask_zone(title, body, view)
    body.append(_typed("/quiet 22:30-06:45"))
    return _page(title, tuple(body), _in_rows(offers, 2))


def _ask_zone(title: Line, body: list[Block], view: View) -> Message:
    """Ask whose clock is meant: until somebody says, it is UTC."""
    shown = zone_page(view)
    body += [
        Line(),
        say("❓ These are UTC times, now {at}.", at=zones.clock_time(view.now, "")),
        say("What time is it where you are? Or type `/timezone Lisbon`"),
    ]
    return Message(
        title=title, body=tuple(body), buttons=shown.buttons, is_private=True
    )


def digest_page(view: View) -> Message:
    """Show the digest, and times to choose from."""
    p = view.preferences
    chosen = "off" if p.digest is None else _digest_value(p.digest)
    labels = (
        word("Daily 08:00"),
        word("Daily 18:00"),
        word("Mondays 08:00"),
    )
    buttons = [
        _choice(label, "digest", offer, is_chosen=offer == chosen)
        for label, offer in zip(labels, DIGEST_OFFERS, strict=True)
    ]
    buttons.append(_choice(word("Off"), "digest", "off", is_chosen=chosen == "off"))
    body: list[Block] = [when_i_write(p, view.now)]
    if p.digest is None:
        title = say("🗞 **No digest: alerts come one by one**")
    else:
        title = say(
            "🗞 **Digest {digest}** · {place}",
            digest=digest_text(p.digest),
            place=zones.place_name(p.zone),
        )
        body.append(
            say("It tells what changed, net. A watch with `urgent` comes at once.")
        )
        if not p.zone:
            return _ask_zone(title, body, view)
    body.append(_typed("/digest weekly fri 18:00"))
    return _page(title, tuple(body), _in_rows(buttons, 2))


def _digest_value(digest: Digest) -> str:
    at = f"{digest.at:%H:%M}"
    if digest.cadence is Cadence.DAILY:
        return f"daily {at}"
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    return f"weekly {days[digest.weekday]} {at}"


def pace_page(view: View) -> Message:
    """Show how soon a change is believed."""
    chosen = view.preferences.pace
    labels = {
        Pace.CALM: word("Calm"),
        Pace.NORMAL: word("Normal"),
        Pace.FAST: word("Fast"),
    }
    buttons = [
        _choice(labels[pace], "pace", pace.value, is_chosen=pace is chosen)
        for pace in Pace
    ]
    return _page(
        say("🎚 **Pace: {pace}**", pace=word(chosen.value)),
        tuple(say("• {meaning}", meaning=_PACES[pace]) for pace in Pace),
        [buttons],
    )


def sound_page(view: View) -> Message:
    """Show how each kind of message arrives, with a button for each kind."""
    p = view.preferences
    body = tuple(
        say("• {kind}: **{sound}**", kind=KIND_NAMES[kind], sound=_sound(p, kind))
        for kind in NewsKind
    )
    buttons = [
        Button(KIND_NAMES[kind], f"v1:set:sound:{kind.value}") for kind in NewsKind
    ]
    return _page(
        say("🔔 **What rings**"),
        (*body, _typed("/sound lines on")),
        _in_rows(buttons, 3),
    )


def kind_page(view: View, kind: NewsKind) -> Message:
    """Show how one kind of message arrives."""
    chosen = view.preferences.sound_of(kind, is_private=True)
    labels = {
        Sound.ON: word("Ring"),
        Sound.SILENT: word("Silent"),
        Sound.OFF: word("Off"),
    }
    buttons = [
        _choice(
            labels[sound], f"sound:{kind.value}", sound.value, is_chosen=sound is chosen
        )
        for sound in Sound
    ]
    body: list[Block] = []
    if chosen is Sound.OFF:
        body.append(say("Off means that they do not come at all."))
    return _page(
        say(
            "🔔 **{kind}: {sound}**",
            kind=KIND_NAMES[kind],
            sound=_sound(view.preferences, kind),
        ),
        tuple(body),
        [buttons, [Button(word("◀ Sound"), "v1:set:sound")]],
    )


def _sound(preferences: Preferences, kind: NewsKind) -> str:
    return _SOUND_NAMES[preferences.sound_of(kind, is_private=True)]


def budget_page(view: View) -> Message:
    """Show the number of messages a day that is wanted."""
    chosen = view.preferences.daily_budget
    buttons = [
        _choice(str(n), "budget", str(n), is_chosen=n == chosen) for n in BUDGET_OFFERS
    ]
    buttons.append(_choice(word("No limit"), "budget", "off", is_chosen=chosen is None))
    if chosen is None:
        title = say("🧮 **No limit on messages a day**")
    else:
        title = say(
            "🧮 **{n} message a day is fine**|🧮 **{n} messages a day are fine**",
            n=chosen,
        )
    return _page(
        title,
        (
            say("Over it I say which setting would help, and why."),
            say("Nothing is held back for it: no flip is lost."),
            _typed("/budget 4"),
        ),
        [buttons],
    )


def life_page(view: View) -> Message:
    """Show whether a silent line comes after a week without news."""
    is_on = view.preferences.sign_of_life
    state = word("on") if is_on else word("off")
    return _page(
        say("🫧 **Sign of life: {state}**", state=state),
        (
            say("After a week without any message, one silent line says that I watch."),
            say("It counts the checks done, so that silence can be trusted."),
        ),
        [
            [
                _choice(word("On"), "life", "on", is_chosen=is_on),
                _choice(word("Off"), "life", "off", is_chosen=not is_on),
            ]
        ],
    )


def _pictures_text(preferences: Preferences) -> str:
    return word("with alerts") if preferences.pictures else word("when I ask")


def pictures_page(view: View) -> Message:
    """Show whether alerts carry a chart."""
    is_on = view.preferences.pictures
    state = _pictures_text(view.preferences)
    return _page(
        say("🖼 **Pictures: {state}**", state=state),
        (
            say("An alert about one asset can carry its chart of 90 days."),
            say("No alert ever waits for it: without one in time, words go alone."),
            _typed("/pictures on"),
        ),
        [
            [
                _choice(word("On"), "pictures", "on", is_chosen=is_on),
                _choice(word("Off"), "pictures", "off", is_chosen=not is_on),
            ]
        ],
    )


def language_page(
    view: View, offers: Sequence[tuple[str, str]], chosen: str
) -> Message:
    """Show the languages, each under its own name."""
    buttons = [
        _choice(name, "language", code, is_chosen=code == chosen)
        for code, name in offers
    ]
    return _page(
        say("🗣 **Language: {language}**", language=view.language),
        (
            say(
                "Alerts and replies come in it. Commands are the same words everywhere."
            ),
        ),
        _in_rows(buttons, 3),
    )


def mutes_page(view: View) -> Message:
    """Show what is muted, with buttons for silence and for its end."""
    body = _mutes(view)
    title = say("🔕 **Muted**") if body else say("🔔 **Nothing is muted**")
    rows = [
        [
            Button(word("All 1 h"), "v1:set:mutes:1h"),
            Button(word("All 24 h"), "v1:set:mutes:24h"),
            Button(word("Until the next flip"), "v1:set:mutes:flip"),
        ]
    ]
    if body:
        rows.append([Button(word("🔔 Hear everything"), "v1:set:mutes:off")])
    body.append(_typed("/mute BTC 3d"))
    return _page(title, tuple(body), rows)


def _in_rows(buttons: Sequence[Button], width: int) -> list[Sequence[Button]]:
    return [buttons[i : i + width] for i in range(0, len(buttons), width)]


# ------------------------------------------------------------------- what goes wrong


def unknown_place(text: str, suggestions: Sequence[str], now: datetime) -> Message:
    """Answer a place nobody knows, with those that sound alike."""
    buttons = [
        Button(
            f"{zones.clock_time(now, zone)} {zones.place_name(zone)}",
            f"v1:set:zone:{zone}",
        )
        for zone in suggestions
    ]
    hint = (
        say(
            "Did you mean {names}?",
            names=joined([zones.place_name(z) for z in suggestions]),
        )
        if suggestions
        else say("A large city nearby works, or `/timezone UTC+2`")
    )
    return Message(
        title=say("✋ **I don't know the place “{place}”**", place=words.fit(text, 20)),
        body=(hint, say("Nothing was changed.")),
        buttons=((tuple(buttons),) if buttons else ()),
        tone=Tone.TROUBLE,
        is_private=True,
    )
