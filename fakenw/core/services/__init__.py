"""The functions that answer NCPs, one file for each family."""

from __future__ import annotations

from fakenw.core.services import (
    bindery,
    connection,
    console,
    directories,
    directory_entries,
    disk_space,
    entries,
    file_information,
    files,
    login,
    message,
    namespace,
    nds,
    properties,
    server,
    status,
    trustees,
    volumes,
)

SERVICES = (
    connection.service,
    server.service,
    status.service,
    console.service,
    message.service,
    login.service,
    bindery.service,
    properties.service,
    volumes.service,
    directories.service,
    files.service,
    namespace.service,
    entries.service,
    trustees.service,
    disk_space.service,
    directory_entries.service,
    file_information.service,
    nds.service,
)
