"""The use cases behind every command, free of any platform; a file per subject."""

from bot.commands.desk import CommandDesk
from bot.commands.room import Room, SourceInfo

__all__ = ["CommandDesk", "Room", "SourceInfo"]
