"""The bindery as a server finds it when it starts: SUPERVISOR, the server, GUEST, EVERYONE, and who is configured.

A user is in EVERYONE and in the groups it names, and has LOGIN_CONTROL; NODE_CONTROL only where stations are named.
"""

from __future__ import annotations

from fakenw.bindery import FILE_SERVER, GROUP, NODE_CONTROL, SECURITY_EQUALS, SUPERVISOR_ID, USER, Bindery
from fakenw.config import Config, UserSpec
from fakenw.logincontrol import (
    ANY_TIME,
    MAY_NOT_CHANGE_PASSWORD,
    UNIQUE_PASSWORDS,
    LoginControl,
    node,
    week,
)
from fakenw.wire.layout import encode_text

EVERYONE = "EVERYONE"
_SOCKET = b"\x04\x51"  # NCP


def furnish(config: Config) -> Bindery:
    """The bindery for *config*. Raises ValueError for a name, a time or a station that is none."""
    bindery = Bindery()
    bindery.add(USER, "SUPERVISOR", "", SUPERVISOR_ID)
    server = bindery.add(FILE_SERVER, config.name)
    server.security = 0x40
    server.add("NET_ADDRESS", 0, 0x40, net_address(config))
    bindery.add(GROUP, EVERYONE)
    for group in config.groups:
        bindery.add(GROUP, group)
    _enter(bindery, UserSpec("SUPERVISOR"), keep_password=True)
    _enter(bindery, UserSpec("GUEST"))
    for given in config.users:
        spec = given if isinstance(given, UserSpec) else UserSpec(*given)
        ours = spec.name.upper() in ("SUPERVISOR", "GUEST")  # default account restrictions are for the users one makes
        _enter(bindery, spec, default_connections=0 if ours else config.user_connections)
    return bindery


def net_address(config: Config) -> bytes:
    """Network, node, socket. The internal network is made up, here the serial number; the node is 1 (mars_nwe)."""
    return config.serial_number.to_bytes(4, "big") + (1).to_bytes(6, "big") + _SOCKET


def _enter(bindery: Bindery, spec: UserSpec, *, keep_password: bool = False, default_connections: int = 0) -> None:
    user = bindery.add(USER, spec.name, None if keep_password else spec.password)
    for name in (EVERYONE, *spec.groups):
        bindery.enlist(user, bindery.add(GROUP, name))
    if spec.supervisor:
        user.join(SECURITY_EQUALS, SUPERVISOR_ID, 0x32)
    if spec.full_name:
        user.add("IDENTIFICATION", 0, 0x31, encode_text(spec.full_name))
    user.control = LoginControl(
        expires=spec.expires,
        disabled=0xFF if spec.disabled else 0,
        password_expires=spec.password_expires,
        grace_logins=spec.grace_logins,
        password_days=spec.password_days,
        most_grace_logins=spec.grace_logins,
        least_password=spec.least_password,
        max_connections=default_connections if spec.max_connections is None else spec.max_connections,
        hours=week(spec.hours) if spec.hours else ANY_TIME,
        restrictions=(0 if spec.may_change_password else MAY_NOT_CHANGE_PASSWORD)
        | (UNIQUE_PASSWORDS if spec.unique_passwords else 0),
    )
    if spec.stations:
        user.add(NODE_CONTROL, 0, 0x32, b"".join(map(node, spec.stations)))
