"""Forms with files as bytes (RFC 7578), for what is sent over a `Poster`."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file in a form: under which field, with which name, of which kind."""

    field: str
    name: str
    content: bytes
    content_type: str


def encode(fields: Mapping[str, str], files: Sequence[File]) -> tuple[bytes, str]:
    """Return a form's body and its content type.

    Names of fields and files are our own words; nothing in them is escaped.
    """
    # 144 random bits: no content has them
    boundary = secrets.token_hex(18)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        f"{value}\r\n".encode()
        for name, value in fields.items()
    ]
    for file in files:
        head = (
            f"--{boundary}\r\nContent-Disposition: form-data; "
            f'name="{file.field}"; filename="{file.name}"\r\n'
            f"Content-Type: {file.content_type}\r\n\r\n"
        )
        parts += [head.encode(), file.content, b"\r\n"]
    parts.append(f"--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"
