"""The services, one file per family of NCPs. The server offers what stands in this list."""

from __future__ import annotations

from fakenw.services import bindery, connection, files, server

SERVICES = (connection.service, server.service, bindery.service, files.service)
