"""An announcement of the operator to everybody: its state and its figures. Values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class AnnouncementState(StrEnum):
    """Where an announcement stands."""

    DRAFT = "draft"
    SENDING = "sending"
    DONE = "done"
    CANCELLED = "cancelled"


class PostState(StrEnum):
    """What became of an announcement for one recipient.

    `SENDING` that stays is one whose answer never came: it may have arrived, and is
    not sent again.
    """

    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """One announcement; `posts` counts recipients by state, `left` those to come."""

    id: int
    text: str
    state: AnnouncementState
    created_by: str
    created_at: datetime
    posts: Mapping[PostState, int] = field(default_factory=dict)
    left: int = 0

    def count(self, state: PostState) -> int:
        """Return how many recipients are in this state."""
        return self.posts.get(state, 0)
