"""NDS, as far as a client needs it to look around and to log in. Without a tree, none of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from fakenw.bindery.nds_tree import NdsTree
from fakenw.core.peer import told_to
from fakenw.core.service import Call, NcpService
from fakenw.core.services import nds_login
from fakenw.volumes.dos_name import fold
from fakenw.wire import nds as wire
from fakenw.wire import nds_login as login
from fakenw.wire.layout import Layout, Malformed
from fakenw.wire.nds import NO_HANDLE, NdsCode, NdsExchange, NdsRefused, Start
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import nds as ncp

service = NcpService()


@service.answers(ncp.Ping)
def ping(call: Call[ncp.Ping]) -> ncp.Pong:
    """Answering makes clients that know NDS try it; not answering is what a bindery server does."""
    return ncp.Pong(tree=_tree(call).name.ljust(32, "_"))


@service.answers(ncp.Fragment, refuses=(Code.INVALID_LENGTH, Code.FAILURE, Code.NO_LICENSE))
def fragment(call: Call[ncp.Fragment]) -> ncp.FragmentReply:
    """One message at a time: a client waits for the last fragment before it asks again.

    A login needs a license at once where every user that is logged in does (the policies login and attach).
    """
    tree, connection, request = _tree(call), call.connection, call.request
    exchange = connection.exchange
    if request.handle == NO_HANDLE:
        start = Start.decode(request.data)
        if start.message_size < wire.MESSAGE_HEADER:
            raise Refused(Code.INVALID_LENGTH)
        if start.message_size > wire.LARGEST_MESSAGE:
            return _answer(NO_HANDLE, _code(NdsCode.INSUFFICIENT_BUFFER))
        # The count of requests makes its handle another one than that of the message before.
        exchange = NdsExchange(connection.serial << 8 & 0x7FFFFF00 | connection.requests & 0xFF, start)
        exchange.add(start.data)
    elif exchange is None or exchange.handle != request.handle:
        raise Refused(Code.FAILURE)  # as 104/3 has it (inferred)
    elif exchange.reply is None:
        exchange.add(request.data)
    if exchange.missing:
        connection.exchange = exchange
        return _answer(exchange.handle, b"")
    if exchange.reply is None:
        connection.exchange = None
        exchange.reply = _execute(call, tree, exchange.start, bytes(exchange.request))
    largest = wire.LARGEST_FRAGMENT if connection.transport.framed else connection.buffer - ncp.AROUND_FRAGMENT
    handle, part = exchange.next(largest)
    connection.exchange = None if handle == NO_HANDLE else exchange
    return _answer(handle, part)


@service.answers(ncp.CloseFragment, refuses=(Code.FAILURE,))
def close_fragment(call: Call[ncp.CloseFragment]) -> None:
    _tree(call)
    exchange = call.connection.exchange
    if exchange is None or exchange.handle != call.request.handle:
        raise Refused(Code.FAILURE)
    call.connection.exchange = None


@service.answers(ncp.GetBinderyContext)
def get_bindery_context(call: Call[ncp.GetBinderyContext]) -> ncp.BinderyContext:
    return ncp.BinderyContext(wire.Unicode().encode(_tree(call).context))


@service.answers(ncp.MonitorConnection)
def monitor_connection(call: Call[ncp.MonitorConnection]) -> None:
    """Marks the connection that a client of the 5.x era keeps for NDS alone; it costs nothing."""
    _tree(call)


def _tree(call: Call[Any]) -> NdsTree:
    tree = call.host.tree
    assert tree is not None, "a bindery server does not dispatch NDS functions"
    return tree


def _answer(handle: int, data: bytes) -> ncp.FragmentReply:
    return ncp.FragmentReply(4 + len(data), handle, data)


def _code(code: int) -> bytes:
    return code.to_bytes(4, "little", signed=True)


def _execute(call: Call[ncp.Fragment], tree: NdsTree, start: Start, data: bytes) -> bytes:
    """The answer to a whole message: its NDS code, then the data."""
    verb = VERBS.get(start.verb)
    if verb is None:
        call.host.unsupported(call.connection, call.request.function, call.request.subfunction, start.verb)
        return _code(NdsCode.INVALID_REQUEST)
    room = min(start.reply_size, wire.LARGEST_MESSAGE)
    try:
        found = verb.answer(call, tree, data, room)
        if len(found) > room:
            raise NdsRefused(NdsCode.INSUFFICIENT_BUFFER)
    except NdsRefused as refusal:
        return _code(refusal.code) + refusal.data
    except Refused as refusal:  # by the account: what a bindery login is refused with
        return _code(NdsCode.FAILED_AUTHENTICATION if refusal.code == Code.FAILURE else -refusal.code)
    except Malformed:
        return _code(NdsCode.INVALID_REQUEST)
    return _code(NdsCode.OK) + found


def _resolve_name(call: Call[Any], tree: NdsTree, data: bytes, room: int) -> bytes:
    _version(data, 0, 1)
    entry = tree.resolve(wire.ResolveName.decode(data).name)
    return wire.Resolved(wire.LOCAL_ENTRY, entry, _addresses(call)).encode()


def _list(call: Call[Any], tree: NdsTree, data: bytes, room: int) -> bytes:
    _version(data, 1, 2)
    asked = wire.ListEntries.decode(data)
    name, kind = asked.name_filter or "*", asked.class_filter or "*"
    wanted = wire.Filter(
        wire.Filtering.AND,
        parts=tuple(wire.Filter(wire.Filtering.ITEM, *test) for test in ((wire.RDN, name), (wire.BASE_CLASS, kind))),
    )
    entries = [entry for entry in tree.below(asked.entry) if tree.matches(entry, wanted)]
    if asked.flags & wire.ONLY_CONTAINERS:
        entries = [entry for entry in entries if tree.container(entry)]

    def encode(entry: int) -> bytes:
        return wire.encode_entry(tree.entry(entry, asked.flags), asked.info_flags)

    iteration, parts = _step(asked.iteration, entries, encode, room - 8)
    return _longs(iteration, len(parts)) + b"".join(parts)


def _search(call: Call[Any], tree: NdsTree, data: bytes, room: int) -> bytes:
    """Attributes are not told: every entry says that it has none."""
    _version(data, 3, 3)
    asked = wire.SearchEntries.decode(data)
    looked = tree.within(asked.entry, asked.scope)
    entries = [entry for entry in looked if tree.matches(entry, asked.filter)]

    def encode(entry: int) -> bytes:
        return wire.encode_entry(tree.entry(entry, asked.flags), asked.info_flags) + _longs(asked.info_type, 0)

    iteration, parts = _step(asked.iteration, entries, encode, room - 28)
    found = _longs(len(parts)) + b"".join(parts)
    return _longs(iteration, len(looked), asked.info_type, len(found)) + found + _longs(4, 0)  # no referrals


def _addresses(call: Call[Any]) -> tuple[tuple[int, bytes], ...]:
    """By what the station reaches the server, as far as it is IPX or IPv4: type and address."""
    told = told_to(call.connection.peer, call.host.addresses)
    return tuple((peer.transport.nds, peer.packed) for peer in told if any(peer.network) or peer.on_one_wire)


def _read_info(call: Call[Any], tree: NdsTree, data: bytes, room: int) -> bytes:
    _version(data, 2, 2)
    asked = login.ReadInfo.decode(data)
    return wire.encode_entry(tree.entry(asked.entry, asked.flags), asked.info_flags)


def _read(call: Call[Any], tree: NdsTree, data: bytes, room: int) -> bytes:
    """The only attribute is the key, which servers and users have."""
    _version(data, 0, 1)
    asked, host = login.Read.decode(data), call.host
    keyed = tree.entry(asked.entry).base_class in ("User", "NCP Server")
    wanted = {fold(name) for name in asked.attributes}
    if not keyed or not (asked.all_attributes or fold(login.PUBLIC_KEY) in wanted):
        raise NdsRefused(NdsCode.NO_SUCH_ATTRIBUTE)
    values = {login.PUBLIC_KEY: nds_login.public_key(host, asked.entry)}
    return login.attribute_values(asked.info_type, values)


def _server_address(call: Call[Any], tree: NdsTree, data: bytes, room: int) -> bytes:
    _version(data, 0, 0)
    asked = login.GetServerAddress.decode(data)
    entry = tree.entry(nds_login.server_entry(call.host), asked.flags)
    return login.ServerAddress(entry.dn, _addresses(call)).encode()


Verb = Callable[[Call[Any], NdsTree, bytes, int], bytes]


class NdsVerb(NamedTuple):
    """What answers a verb; the layouts of its message and of the answer, where these have one."""

    answer: Verb
    message: type[Layout] | None = None
    reply: type[Layout] | None = None


def _of_version(version: int, verb: Callable[[Call[Any], bytes], bytes]) -> Verb:
    def step(call: Call[Any], tree: NdsTree, data: bytes, room: int) -> bytes:
        _version(data, version, version)
        return verb(call, data)

    return step


VERBS: dict[int, NdsVerb] = {
    1: NdsVerb(_resolve_name, wire.ResolveName, wire.Resolved),
    2: NdsVerb(_read_info, login.ReadInfo),
    3: NdsVerb(_read, login.Read, login.AttributeValue),
    5: NdsVerb(_list, wire.ListEntries),
    6: NdsVerb(_search, wire.SearchEntries),
    53: NdsVerb(_server_address, login.GetServerAddress, login.ServerAddress),
    57: NdsVerb(_of_version(0, nds_login.begin_login), login.BeginLogin, login.LoginBegun),
    58: NdsVerb(_of_version(2, nds_login.finish_login), login.FinishLogin, login.LoginFinished),
    59: NdsVerb(_of_version(0, nds_login.begin_authentication), login.BeginAuthentication, login.AuthenticationBegun),
    60: NdsVerb(_of_version(0, nds_login.finish_authentication), login.FinishAuthentication),
    61: NdsVerb(_of_version(0, nds_login.log_out)),
}


def _version(data: bytes, least: int, most: int) -> None:
    """Every verb begins with its version."""
    if not least <= int.from_bytes(data[:4], "little") <= most:
        raise NdsRefused(NdsCode.INVALID_API_VERSION)


def _longs(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "little") for number in numbers)


def _step(iteration: int, entries: list[int], encode: Callable[[int], bytes], room: int) -> tuple[int, list[bytes]]:
    """The entries that fit, from the *iteration*-th on, and where to go on when the client repeats its request."""
    begin = 0 if iteration == NO_HANDLE else iteration
    if begin and begin >= len(entries):
        raise NdsRefused(NdsCode.INVALID_ITERATION)
    parts: list[bytes] = []
    for number, entry in enumerate(entries[begin:], begin):
        part = encode(entry)
        room -= len(part)
        if room < 0 and not parts:
            raise NdsRefused(NdsCode.INSUFFICIENT_BUFFER)
        if room < 0:
            return number, parts
        parts.append(part)
    return NO_HANDLE, parts
