"""The objects of the bindery: make, rename, find, forget, and who may do so.

The codes of a refusal are mars_nwe's (nwbind.c) where Wireshark's list of the function has none that fits.
"""

from __future__ import annotations

from typing import Any

from fakenw.bindery.objects import (
    WILD_TYPE,
    Bindery,
    BinderyObject,
    Level,
    has_wild_card,
    is_name,
    may_read,
    may_set,
)
from fakenw.core.service import Call, NcpService
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import bindery as ncp

service = NcpService()

NOBODY = 0xFFFFFFFF  # the id of a caller who has not logged in
BOTH_NIBBLES = 0x11

# The codes of an object that is not there
NO_OBJECT = (Code.NO_SUCH_OBJECT, Code.BINDERY_LOCKED)


def level(call: Call[Any], owner: int) -> Level:
    """Who the caller is to the object with the id *owner*. A supervisor is whoever was one when logging in."""
    connection = call.connection
    if not connection.object_id:
        return Level.ANYONE
    if connection.operator:
        return Level.SUPERVISOR
    return Level.OBJECT if connection.object_id == owner else Level.LOGGED_IN


def opened(call: Call[Any]) -> Bindery:
    """The bindery, unless a supervisor has closed it."""
    closer = call.host.bindery_closer
    if closer is not None and closer.closes_bindery:
        raise Refused(Code.BINDERY_LOCKED)
    return call.host.bindery


def named(call: Call[Any], kind: int, name: str) -> BinderyObject:
    """The object that a request names."""
    item = opened(call).find(kind, name)
    if item is None:
        raise Refused(Code.NO_SUCH_OBJECT)
    return item


def numbered(call: Call[Any], object_id: int) -> BinderyObject:
    """The object with the id that a request gives."""
    item = opened(call).objects.get(object_id)
    if item is None:
        raise Refused(Code.NO_SUCH_OBJECT)
    return item


@service.answers(
    ncp.CreateObject,
    refuses=(
        *(Code.NO_OBJECT_CREATE, Code.WILD_CARD, Code.ILLEGAL_NAME, Code.BINDERY_SECURITY, Code.OBJECT_EXISTS),
        Code.BINDERY_LOCKED,
    ),
)
def create_object(call: Call[ncp.CreateObject]) -> None:
    request = call.request
    if not call.connection.operator:
        raise Refused(Code.NO_OBJECT_CREATE)
    if request.object_type == WILD_TYPE or has_wild_card(request.name):
        raise Refused(Code.WILD_CARD)
    if not is_name(request.name):
        raise Refused(Code.ILLEGAL_NAME)
    if not may_set(Level.SUPERVISOR, request.security):
        raise Refused(Code.BINDERY_SECURITY)
    if opened(call).find(request.object_type, request.name) is not None:
        raise Refused(Code.OBJECT_EXISTS)
    item = call.host.bindery.add(request.object_type, request.name)
    item.flags, item.security = request.flags, request.security


@service.answers(ncp.DeleteObject, refuses=(Code.NO_OBJECT_DELETE, Code.WILD_CARD, *NO_OBJECT))
def delete_object(call: Call[ncp.DeleteObject]) -> None:
    """Who is logged in as the object stays so until logging out; its name is its connection's."""
    if not call.connection.operator:
        raise Refused(Code.NO_OBJECT_DELETE)
    if has_wild_card(call.request.name):
        raise Refused(Code.WILD_CARD)
    call.host.bindery.remove(named(call, call.request.object_type, call.request.name))


@service.answers(
    ncp.RenameObject,
    refuses=(Code.NO_OBJECT_RENAME, Code.WILD_CARD, *NO_OBJECT, Code.ILLEGAL_NAME, Code.OBJECT_EXISTS),
)
def rename_object(call: Call[ncp.RenameObject]) -> None:
    request = call.request
    if not call.connection.operator:
        raise Refused(Code.NO_OBJECT_RENAME)
    if has_wild_card(request.name) or has_wild_card(request.new_name):
        raise Refused(Code.WILD_CARD)
    item = named(call, request.object_type, request.name)
    if not is_name(request.new_name):
        raise Refused(Code.ILLEGAL_NAME)
    if call.host.bindery.find(request.object_type, request.new_name) not in (None, item):
        raise Refused(Code.OBJECT_EXISTS)
    call.host.bindery.rename(item, request.new_name)


@service.answers(ncp.ChangeObjectSecurity, refuses=(Code.WILD_CARD, *NO_OBJECT, Code.BINDERY_SECURITY))
def change_object_security(call: Call[ncp.ChangeObjectSecurity]) -> None:
    request = call.request
    if has_wild_card(request.name):
        raise Refused(Code.WILD_CARD)
    item = named(call, request.object_type, request.name)
    if not call.connection.operator or not may_set(Level.SUPERVISOR, request.security):
        raise Refused(Code.BINDERY_SECURITY)
    item.security = request.security


@service.answers(ncp.GetObjectId, refuses=NO_OBJECT)
def get_object_id(call: Call[ncp.GetObjectId]) -> ncp.ObjectInfo:
    item = named(call, call.request.object_type, call.request.name)
    return ncp.ObjectInfo(item.id, item.type, item.name)


@service.answers(ncp.GetObjectName, refuses=(*NO_OBJECT, Code.BINDERY_SECURITY))
def get_object_name(call: Call[ncp.GetObjectName]) -> ncp.ObjectInfo:
    item = numbered(call, call.request.object_id)
    if not may_read(level(call, item.id), item.security):
        raise Refused(Code.BINDERY_SECURITY)
    return ncp.ObjectInfo(item.id, item.type, item.name)


@service.answers(ncp.ScanObjects, refuses=NO_OBJECT)
def scan_objects(call: Call[ncp.ScanObjects]) -> ncp.ScannedObject:
    request, bindery = call.request, opened(call)
    last = request.last_id
    while (item := bindery.scan(last, request.object_type, request.pattern)) is not None:
        if may_read(level(call, item.id), item.security):
            has_properties = 0xFF if item.properties else 0
            return ncp.ScannedObject(item.id, item.type, item.name, item.flags, item.security, has_properties)
        last = item.id
    raise Refused(Code.NO_SUCH_OBJECT)


@service.answers(ncp.GetOwnAccess)
def get_own_access(call: Call[ncp.GetOwnAccess]) -> ncp.OwnAccess:
    own = call.connection.object_id
    return ncp.OwnAccess(level(call, own) * BOTH_NIBBLES, own or NOBODY)


@service.answers(ncp.GetObjectAccess, refuses=NO_OBJECT)
def get_object_access(call: Call[ncp.GetObjectAccess]) -> ncp.ObjectAccess:
    return ncp.ObjectAccess(level(call, numbered(call, call.request.object_id).id) * BOTH_NIBBLES)


@service.answers(ncp.IsManager, refuses=(Code.FAILURE,))
def is_manager(call: Call[ncp.IsManager]) -> None:
    if not call.connection.operator:
        raise Refused(Code.FAILURE)


@service.answers(ncp.CloseBindery, refuses=(Code.FAILURE, Code.BINDERY_LOCKED))
def close_bindery(call: Call[ncp.CloseBindery]) -> None:
    """Until it is opened, or the closer logs out or is gone (inferred), nothing of the bindery can be asked.

    From 4.x on the bindery is an emulation, which has no files to close (Novell): nothing is locked (inferred).
    """
    _supervisor(call)
    opened(call)
    if call.host.settings.release.startswith("3"):
        call.host.bindery_closer, call.connection.closes_bindery = call.connection, True
    _emit(call, "close-bindery")


@service.answers(ncp.OpenBindery, refuses=(Code.FAILURE,))
def open_bindery(call: Call[ncp.OpenBindery]) -> None:
    """Any supervisor may open it."""
    _supervisor(call)
    call.host.bindery_closer = None
    _emit(call, "open-bindery")


def _supervisor(call: Call[Any]) -> None:
    if not call.connection.operator:
        raise Refused(Code.FAILURE)


def _emit(call: Call[Any], action: str) -> None:
    by = call.connection
    call.host.emit("operator", {"action": action, "by": by.user, "station": by.station})
