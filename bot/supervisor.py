"""Tells systemd how we are, where systemd has started us; else says nothing.

The protocol is a datagram to the socket named by `NOTIFY_SOCKET`
(freedesktop.org/software/systemd/man/sd_notify).
"""

import os
import socket
from contextlib import suppress

READY = "READY=1"
STOPPING = "STOPPING=1"
ALIVE = "WATCHDOG=1"


def notify(state: str) -> None:
    """Tell a state; a supervisor that does not listen is none of our trouble."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    # an @ stands for the zero byte of Linux's abstract names
    address = "\0" + path[1:] if path.startswith("@") else path
    with (
        suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock,
    ):
        sock.sendto(state.encode(), address)
