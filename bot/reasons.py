"""Reason codes in words: why something waited, was skipped or could not be sent."""

from datetime import timedelta

from bot import words

#: why a delivery waited, or waits
HELD = {
    "new": "its turn",
    "sending": "the platform's answer",
    "muted": "it is muted",
    "quiet_hours": "your quiet hours",
    "digest": "your digest",
    "choppy": "it is choppy: until it stays put for 6 hours",
    "turned_off": "you switched this kind of message off",
    "unconfirmed": "a second reading",
    "overtaken": "a newer change that is on its way",
    "away": "I could not reach you",
    "replayed": "it is tried again",
    "turn_lost": "another process's turn",
    "window_over": "an answer that never came",
    "outcome_unknown": "an answer that never came",
    "rate_limited": "the platform held my messages",
    "platform_paused": "the platform held my messages",
    "chat_busy": "the platform's limit for this chat",
    "timeout": "the platform did not answer",
    "server_error": "the platform had trouble",
    "connection_lost": "the connection broke",
    "not_connected": "the platform was unreachable",
    "unreachable": "the platform was unreachable",
}
#: why a delivery was not sent
SKIPPED = {
    "flipped_back": "it had come back by then, so nothing had changed",
    "already_told": "you knew it already",
    "overtaken": "something newer was told instead",
    "unwatched": "you no longer watched it by then",
    "not_confirmed": "the next reading took it back",
    "graded_again": "the engine graded it again by then",
    "dropped": "an operator dropped it",
}
#: why a recipient can't be reached
GONE = {
    "blocked": "you had blocked me",
    "kicked": "I was removed from here",
    "not_member": "I was no longer here",
    "no_rights": "I was not allowed to write here",
    "blocked_by_operator": "an operator blocked this chat",
    "forbidden": "I was not allowed to write here",
    "no_access": "I was not allowed to write here",
    "thread_archived": "this thread was archived",
    "thread_locked": "this thread was locked",
    "dm_closed": "your direct messages were closed",
    "no_mutual_server": "we had no server in common",
    "topic_gone": "this topic was deleted",
    "channel_gone": "this channel was deleted",
    "never_started": "you had not started me yet",
    "banned": "I was removed from here",
}


def held(reason: str) -> str:
    """Say why something waits; unknown codes are shown as they are."""
    return HELD.get(reason) or GONE.get(reason) or reason.replace("_", " ")


def skipped(reason: str) -> str:
    """Say why something was not sent."""
    return SKIPPED.get(reason) or reason.replace("_", " ")


def gone(reason: str) -> str:
    """Say why somebody could not be reached."""
    return GONE.get(reason) or reason.replace("_", " ")


def lateness(length: timedelta) -> str:
    """Write how long something took: in seconds while that says more."""
    seconds = max(0.0, length.total_seconds())
    if seconds < 90:  # noqa: PLR2004 - a minute and a half is felt in seconds
        return f"{seconds:.0f} s"
    return words.span_exact(length)
