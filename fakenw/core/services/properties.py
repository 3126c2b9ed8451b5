"""Properties and sets: what the caller may not read is not there for a scan, and refused where it is named."""

from __future__ import annotations

from itertools import islice
from typing import Any

from fakenw.bindery.objects import (
    FILE_SERVER,
    NET_ADDRESS,
    SEGMENT,
    START,
    WILD_TYPE,
    BinderyObject,
    Property,
    has_wild_card,
    is_property_name,
    may_read,
    may_set,
    may_write,
)
from fakenw.core.service import Call, NcpService
from fakenw.core.services import bindery
from fakenw.core.services.bindery import level, named
from fakenw.volumes.dos_name import fold
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import properties as ncp

service = NcpService()

# The codes where the object is not there, and where it has no such property
NO_OBJECT = (Code.WILD_CARD, *bindery.NO_OBJECT)
NO_PROPERTY = (*NO_OBJECT, Code.NO_SUCH_PROPERTY)

MOST_MEMBERS = 255 * 32  # what 255 segments hold


@service.answers(
    ncp.CreateProperty,
    refuses=(*NO_OBJECT, Code.ILLEGAL_NAME, Code.NO_PROPERTY_CREATE, Code.BINDERY_SECURITY, Code.PROPERTY_EXISTS),
)
def create_property(call: Call[ncp.CreateProperty]) -> None:
    request = call.request
    item = _object(call)
    if has_wild_card(request.name):
        raise Refused(Code.WILD_CARD)
    if not is_property_name(request.name):
        raise Refused(Code.ILLEGAL_NAME)
    own = level(call, item.id)
    if not may_write(own, item.security):
        raise Refused(Code.NO_PROPERTY_CREATE)
    if not may_set(own, request.security):
        raise Refused(Code.BINDERY_SECURITY)
    if fold(request.name) in item.properties:
        raise Refused(Code.PROPERTY_EXISTS)
    item.add(request.name, request.flags, request.security)


@service.answers(ncp.DeleteProperty, refuses=(*NO_PROPERTY, Code.NO_PROPERTY_DELETE))
def delete_property(call: Call[ncp.DeleteProperty]) -> None:
    """All that match and that the caller may write; 0xF6 where there are only others."""
    item = _object(call)
    found = list(call.host.bindery.scan_properties(item, 0, call.request.name))
    if not found:
        raise Refused(Code.NO_SUCH_PROPERTY)
    own = level(call, item.id)
    deleted = [p for p in found if may_write(own, p.security)]
    if not deleted:
        raise Refused(Code.NO_PROPERTY_DELETE)
    for each in deleted:
        del item.properties[each.name]


@service.answers(ncp.ChangePropertySecurity, refuses=(*NO_PROPERTY, Code.BINDERY_SECURITY))
def change_property_security(call: Call[ncp.ChangePropertySecurity]) -> None:
    item = _object(call)
    found = _property(call, item)
    own = level(call, item.id)
    if not may_write(own, found.security) or not may_set(own, call.request.security):
        raise Refused(Code.BINDERY_SECURITY)
    found.security = call.request.security


@service.answers(ncp.ScanProperties, refuses=NO_PROPERTY)
def scan_properties(call: Call[ncp.ScanProperties]) -> ncp.ScannedProperty:
    item = _object(call)
    own = level(call, item.id)
    matching = call.host.bindery.scan_properties(item, call.request.last, call.request.pattern)
    found = list(islice((p for p in matching if may_read(own, p.security)), 2))
    if not found:
        raise Refused(Code.NO_SUCH_PROPERTY)
    one = found[0]
    has_value, more = 0xFF if one.value() else 0, 0xFF if len(found) > 1 else 0
    return ncp.ScannedProperty(one.name, one.flags, one.security, one.number, has_value, more)


@service.answers(ncp.ReadProperty, refuses=(*NO_PROPERTY, Code.NO_PROPERTY_READ, Code.NO_SUCH_SEGMENT))
def read_property(call: Call[ncp.ReadProperty]) -> ncp.PropertyValue:
    """The server's own NET_ADDRESS is the one at which the asker reaches it."""
    found, host, request = _readable(call), call.host, call.request
    own = found.name == NET_ADDRESS and (request.object_type, fold(request.object_name)) == (
        FILE_SERVER,
        host.settings.name,
    )
    segments = [host.net_address(call.connection.peer).ljust(SEGMENT, b"\0")] if own else found.value()
    number = request.segment
    if not 1 <= number <= len(segments):
        raise Refused(Code.NO_SUCH_SEGMENT)
    return ncp.PropertyValue(segments[number - 1], 0xFF if number < len(segments) else 0, found.flags)


@service.answers(
    ncp.WriteProperty, refuses=(*NO_PROPERTY, Code.NO_PROPERTY_WRITE, Code.NOT_ITEM_PROPERTY, Code.NO_SUCH_SEGMENT)
)
def write_property(call: Call[ncp.WriteProperty]) -> None:
    """A set is not written as a value: its members are added and deleted."""
    found = _writable(call)
    if found.is_set:
        raise Refused(Code.NOT_ITEM_PROPERTY)
    if not found.write(call.request.segment, call.request.data, last=call.request.erase == 0xFF):
        raise Refused(Code.NO_SUCH_SEGMENT)


@service.answers(
    ncp.AddToSet, refuses=(*NO_PROPERTY, Code.NO_PROPERTY_WRITE, Code.NOT_A_SET, Code.MEMBER_EXISTS, Code.FAILURE)
)
def add_to_set(call: Call[ncp.AddToSet]) -> None:
    members, member = _members(_writable(call)), _member(call)
    if member in members:
        raise Refused(Code.MEMBER_EXISTS)
    if len(members) >= MOST_MEMBERS:
        raise Refused(Code.FAILURE)
    members.append(member)


@service.answers(ncp.DeleteFromSet, refuses=(*NO_PROPERTY, Code.NO_PROPERTY_WRITE, Code.NOT_A_SET, Code.NO_SUCH_MEMBER))
def delete_from_set(call: Call[ncp.DeleteFromSet]) -> None:
    members, member = _members(_writable(call)), _member(call)
    if member not in members:
        raise Refused(Code.NO_SUCH_MEMBER)
    members.remove(member)


@service.answers(ncp.IsInSet, refuses=(*NO_PROPERTY, Code.NO_PROPERTY_READ, Code.NOT_A_SET, Code.NO_SUCH_MEMBER))
def is_in_set(call: Call[ncp.IsInSet]) -> None:
    members, member = _members(_readable(call)), _member(call)
    if member not in members:
        raise Refused(Code.NO_SUCH_MEMBER)


@service.answers(ncp.ListRelations, refuses=NO_OBJECT)
def list_relations(call: Call[ncp.ListRelations]) -> ncp.Relations:
    """What the caller may read, as many as its buffer holds."""
    item, request = _object(call), call.request
    name, last = fold(request.name), -1 if request.last == START else request.last
    found = (
        other.id
        for other in call.host.bindery.objects.values()
        if other.id > last
        and (related := other.properties.get(name)) is not None
        and item.id in related.members
        and may_read(level(call, other.id), related.security)
    )
    return ncp.Relations(tuple(islice(found, (call.connection.buffer - 10) // 4)))


PropertyCall = Call[Any]


def _object(call: PropertyCall) -> BinderyObject:
    if call.request.object_type == WILD_TYPE or has_wild_card(call.request.object_name):
        raise Refused(Code.WILD_CARD)
    return named(call, call.request.object_type, call.request.object_name)


def _property(call: PropertyCall, item: BinderyObject) -> Property:
    if has_wild_card(call.request.name):
        raise Refused(Code.WILD_CARD)
    found = item.properties.get(fold(call.request.name))
    if found is None:
        raise Refused(Code.NO_SUCH_PROPERTY)
    return found


def _readable(call: PropertyCall) -> Property:
    item = _object(call)
    found = _property(call, item)
    if not may_read(level(call, item.id), found.security):
        raise Refused(Code.NO_PROPERTY_READ)
    return found


def _writable(call: PropertyCall) -> Property:
    item = _object(call)
    found = _property(call, item)
    if not may_write(level(call, item.id), found.security):
        raise Refused(Code.NO_PROPERTY_WRITE)
    return found


def _members(found: Property) -> list[int]:
    if not found.is_set:
        raise Refused(Code.NOT_A_SET)
    return found.members


def _member(call: PropertyCall) -> int:
    return named(call, call.request.member_type, call.request.member_name).id
