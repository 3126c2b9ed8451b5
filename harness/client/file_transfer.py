"""Reading and writing whole files over a redirector's connection."""

from __future__ import annotations

from fakenw.wire.requests.files import CreateFile, ReadFile, WriteFile
from harness.client.attachment import BUFFER_SIZE, Attachment, ClientFile
from harness.client.redirector import Redirector

PIECE = BUFFER_SIZE // 2


async def read(redirector: Redirector, connection: Attachment, path: str) -> bytes:
    """The content of the file *path*, such as ``SYS:DIR/FILE``. Raises Refused, Gone, Lost."""
    file = await redirector.open(connection, path)
    content = b""
    try:
        while True:
            reply = await redirector.call(connection, ReadFile(0, file.handle, len(content), PIECE))
            content += reply.data(len(content))
            if reply.size < PIECE:
                return content
    finally:
        await redirector.close(file)


async def write(redirector: Redirector, connection: Attachment, path: str, content: bytes) -> None:
    """Create the file *path*, or truncate it, and write *content*. Raises Refused, Gone, Lost."""
    made = await redirector.call(connection, CreateFile(0, 0, path))
    file = ClientFile(0, connection, path, made.handle)
    try:
        for at in range(0, len(content), PIECE):
            piece = content[at : at + PIECE]
            await redirector.call(connection, WriteFile(0, file.handle, at, len(piece), piece))
    finally:
        await redirector.close(file)
