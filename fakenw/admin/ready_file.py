"""The file with which a server says that it listens: where, and which start of the server this is.

Rules of this file:

* It appears whole, when every listener is bound, and is removed by the next start and by an orderly stop.
* After a kill -9 it is left. A reader therefore asks the process, or the administration, for the instance.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil


@dataclass(frozen=True, slots=True)
class ReadyServer:
    """A server that listens: its process, its ``instance``, and its addresses; *admin* is a URL, or empty."""

    pid: int
    instance: str
    tcp: tuple[str, ...] = ()
    udp: tuple[str, ...] = ()
    admin: str = ""
    ipx: tuple[str, ...] = ()  # links

    @classmethod
    def of(cls, instance: str, listeners: Iterable[str]) -> Self:
        """This process, from the lines that it prints, such as ``listening tcp 127.0.0.1:40123``."""
        words = [line.split() for line in listeners]
        found = {name: tuple(word[2] for word in words if word[1] == name) for name in ("tcp", "udp", "ipx", "admin")}
        admin = next(iter(found["admin"]), "")
        return cls(os.getpid(), instance, found["tcp"], found["udp"], admin, found["ipx"])

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises OSError, and ValueError for a file that is none."""
        try:
            fields: Any = json.loads(path.read_bytes())
            tcp, udp, ipx = (tuple(items) for items in (fields["tcp"], fields["udp"], fields.get("ipx", ())))
            server = cls(fields["pid"], fields["instance"], tcp, udp, fields["admin"], ipx)
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"{path} is no file of fakenw serve --ready-file") from None
        texts = (server.instance, server.admin, *server.tcp, *server.udp, *server.ipx)
        if type(server.pid) is not int or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"{path} is no file of fakenw serve --ready-file")
        return server

    def runs(self) -> bool:
        """Whether its process is there."""
        return psutil.pid_exists(self.pid)

    def write(self, path: Path) -> None:
        """Raises OSError."""
        fields = {"pid": self.pid, "instance": self.instance, "tcp": self.tcp, "udp": self.udp, "admin": self.admin}
        fields |= {"ipx": self.ipx} if self.ipx else {}
        beside = path.with_name(f".{path.name}.{self.pid}")
        beside.write_text(json.dumps(fields) + "\n", encoding="utf-8")
        beside.replace(path)
