"""The tree of errors: who reads each one decides how it is worded.

`UserError` is read in a chat, `ConfigError` by the operator on the command line,
`SourceError` and `DeliveryError` by the code that decides what happens next.
"""

from dataclasses import dataclass
from datetime import timedelta


class FlipwatchError(Exception):
    """Whatever Flipwatch raises on purpose."""


@dataclass(eq=False)
class UserError(FlipwatchError):
    """Something typed in chat cannot be done; `title` says what is wrong.

    `marked` shows what was typed with the wrong word between ▸ and ◂,
    `hint` says what to do. Nothing was changed when this is raised.
    """

    title: str
    hint: str = ""
    marked: str = ""
    #: a corrected command line that a button may offer
    suggestion: str = ""

    def __str__(self) -> str:
        """Join what is known, for logs and tests."""
        return " · ".join(x for x in (self.title, self.marked, self.hint) if x)


class ConfigError(FlipwatchError):
    """The configuration is wrong: says what, where, and what to do."""


class StoreError(FlipwatchError):
    """The database could not do what was asked; nothing was changed."""


class NotFoundError(StoreError):
    """The row asked for is not there."""


class LeaseLostError(StoreError):
    """Another worker holds what this one had claimed; its result counts."""


class SourceError(FlipwatchError):
    """A grading engine gave no snapshot; no state may change because of it.

    Attributes:
        reason: a short code for logs, metrics and /status, such as `http_500`.
        retry_after: wait at least so long before asking again, if the engine said.
    """

    def __init__(
        self, text: str, *, reason: str, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(text)
        self.reason = reason
        self.retry_after = retry_after


class SourceUnavailableError(SourceError):
    """The engine is unreachable or overloaded: try again later."""


class SourceRefusedError(SourceError):
    """Key or plan do not allow it (401, 402, 403): the operator must act."""


class SourceProtocolError(SourceError):
    """The engine answered something that is not a snapshot."""


class SourceImplausibleError(SourceError):
    """The engine's snapshot can't be true; nothing is detected on it.

    Attributes:
        count: of how many readings that is said.
    """

    def __init__(self, text: str, *, reason: str, count: int) -> None:
        super().__init__(text, reason=reason)
        self.count = count


class SourceEndedError(SourceError):
    """A replay has no further snapshot."""


class DeliveryError(FlipwatchError):
    """A message did not reach its recipient; a sender raises nothing else.

    Attributes:
        reason: a short code kept with the delivery, such as `blocked`.
        is_unknown: True when the platform may have taken the message all the same
            (timeout, 5xx, connection lost after the request left). Only then the
            frozen message must be sent again exactly as it was.
    """

    def __init__(self, text: str, *, reason: str, is_unknown: bool = False) -> None:
        super().__init__(text)
        self.reason = reason
        self.is_unknown = is_unknown


class TemporaryDeliveryError(DeliveryError):
    """Try again later.

    Attributes:
        retry_after: the wait the platform ordered for this chat, None if it named none.
        is_global: the wait concerns the whole platform, not this chat alone.
    """

    def __init__(
        self,
        text: str,
        *,
        reason: str,
        is_unknown: bool = False,
        retry_after: timedelta | None = None,
        is_global: bool = False,
    ) -> None:
        super().__init__(text, reason=reason, is_unknown=is_unknown)
        self.retry_after = retry_after
        self.is_global = is_global


class RecipientGoneError(DeliveryError):
    """Blocked, kicked, closed or deleted: park, keep the watchlist."""


class RecipientMovedError(DeliveryError):
    """The recipient has a new address (a group became a supergroup).

    Attributes:
        new_chat: the new `Address.chat` on the same platform.
    """

    def __init__(self, text: str, *, reason: str, new_chat: str) -> None:
        super().__init__(text, reason=reason)
        self.new_chat = new_chat


class MessageRejectedError(DeliveryError):
    """The platform refuses this very message: plain text once, then dead."""


class SenderMisconfiguredError(DeliveryError):
    """The bot's own token or set-up is wrong: pause the platform, lose nothing."""


class PictureError(FlipwatchError):
    """A picture could not be had; the words go out without it.

    `reason` is a short code for the log, such as `slow`.
    """

    def __init__(self, text: str, *, reason: str) -> None:
        super().__init__(text)
        self.reason = reason
