"""The lock file beside a SQLite database: one program at a time.

The kernel holds the lock and gives it back when the process ends, however it ends, so
a crash never keeps the next start waiting. The file itself stays; only its lock counts.
"""

import fcntl
import os
from pathlib import Path

from bot.errors import StoreError

#: what stands in the file is for people: who holds the lock
_PID_MAX = 32


class LockFile:
    """A lock that this process holds until `release` or its end."""

    def __init__(self, database: Path) -> None:
        """Take the lock of a database file at once.

        Raises `StoreError` if another program has it (naming both), or if the lock
        file can't be written.
        """
        # one database has one lock, whatever links lead to it
        self.path = Path(f"{database.resolve()}.lock")
        try:
            # not inherited by child processes, which would keep the lock after us
            self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreError(
                f"{self.path} can't be written ({error.strerror}): "
                "check its owner and mode"
            ) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._handle, _PID_MAX, 0).decode("ascii", "replace")
            os.close(self._handle)
            raise StoreError(
                f"{database} is in use by another Flipwatch (process"
                f" {holder.strip() or 'unknown'}): stop that one, or give this one"
                " another storage.url"
            ) from None
        except OSError as error:
            os.close(self._handle)
            raise StoreError(
                f"{self.path} can't be locked ({error.strerror}): "
                "put the database on a local disk"
            ) from error
        os.truncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another program have the database; may be called twice."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)
