"""Trustees, inherited rights masks and effective rights.

The right of access control to an entry is needed to change its trustees. A user that reaches an entry may look.
"""

from __future__ import annotations

from fakenw.core.service import Call, NcpService
from fakenw.core.services.bindery import numbered
from fakenw.core.services.changes import is_wanted
from fakenw.core.services.namespace import entry_info
from fakenw.core.services.paths import (
    NO_DIRECTORY,
    NO_ENTRY,
    NOT_FOUND,
    FileCall,
    entry_at,
    loaded,
    may,
    path_of,
    remark_of,
    remark_to_change,
    rights,
)
from fakenw.volumes.remarks import ALL_RIGHTS, Right
from fakenw.volumes.volume import Found, VolumePath
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import trustees as ncp

service = NcpService()

OWN_RIGHTS = 0xFFFF  # the mask of 87/10: each trustee has rights of its own

# The codes of rights that cannot be assigned, and of those that cannot be taken away
NOT_ASSIGNED = (Code.NO_MODIFY_RIGHTS, Code.NO_SUCH_OBJECT, Code.DIRECTORY_FULL)
NOT_TAKEN = (Code.NO_MODIFY_RIGHTS, Code.NO_TRUSTEE)


@service.answers(ncp.ModifyMaximumRights, refuses=(*NO_DIRECTORY, Code.NO_MODIFY_RIGHTS, Code.DIRECTORY_FULL))
def modify_maximum_rights(call: Call[ncp.ModifyMaximumRights]) -> None:
    request = call.request
    path, _ = call.host.volumes.look_up_directory(path_of(call, request.directory, request.path))
    may(call, path, Right.ACCESS_CONTROL, Code.NO_MODIFY_RIGHTS)
    remark = remark_to_change(call, path)
    remark.inherited = (remark.inherited | request.granted) & ~request.revoked


@service.answers(ncp.AddTrustee, refuses=(*NO_DIRECTORY, *NOT_ASSIGNED))
def add_trustee(call: Call[ncp.AddTrustee]) -> None:
    request = call.request
    path, _ = call.host.volumes.look_up_directory(path_of(call, request.directory, request.path))
    _assign(call, path, [(request.trustee, request.rights)])


@service.answers(ncp.AddExtendedTrustee, refuses=(*NO_ENTRY, *NOT_ASSIGNED))
def add_extended_trustee(call: Call[ncp.AddExtendedTrustee]) -> None:
    request = call.request
    found = call.host.volumes.look_up(path_of(call, request.directory, request.path))
    _assign(call, found.path, [(request.trustee, request.rights)])


@service.answers(ncp.DeleteTrustee, refuses=(*NO_DIRECTORY, *NOT_TAKEN))
def delete_trustee(call: Call[ncp.DeleteTrustee]) -> None:
    path, _ = call.host.volumes.look_up_directory(path_of(call, call.request.directory, call.request.path))
    _take(call, path, [call.request.trustee], Code.NO_MODIFY_RIGHTS)


@service.answers(ncp.DeleteExtendedTrustee, refuses=(*NO_ENTRY, Code.NO_TRUSTEE))
def delete_extended_trustee(call: Call[ncp.DeleteExtendedTrustee]) -> None:
    """0xFF without the right (Wireshark: unauthorized to change privileges of this trustee)."""
    found = call.host.volumes.look_up(path_of(call, call.request.directory, call.request.path))
    _take(call, found.path, [call.request.trustee], Code.FAILURE)


@service.answers(ncp.ScanTrustees, refuses=NO_ENTRY)
def scan_trustees(call: Call[ncp.ScanTrustees]) -> ncp.TrusteesOf:
    request = call.request
    found = call.host.volumes.look_up(path_of(call, request.directory, request.path))
    return ncp.TrusteesOf.of(_listed(call, found.path, request.sequence * ncp.TWENTY))


@service.answers(ncp.GetEntryRights, refuses=NO_ENTRY)
def get_entry_rights(call: Call[ncp.GetEntryRights]) -> ncp.EntryRights:
    found = call.host.volumes.look_up(path_of(call, call.request.directory, call.request.path))
    return ncp.EntryRights(rights(call, found.path))


@service.answers(ncp.GetObjectRights, refuses=(*NO_ENTRY, Code.NO_SUCH_OBJECT))
def get_object_rights(call: Call[ncp.GetObjectRights]) -> ncp.EntryRights:
    request = call.request
    found = call.host.volumes.look_up(path_of(call, request.directory, request.path))
    return ncp.EntryRights(rights(call, found.path, numbered(call, request.object_id).id))


@service.answers(ncp.ScanTrusteeSet, refuses=NOT_FOUND)
def scan_trustee_set(call: Call[ncp.ScanTrusteeSet]) -> ncp.TrusteeSet:
    request = call.request
    found = _found(call, request, request.search)
    listed = _listed(call, found.path, request.sequence)
    return ncp.TrusteeSet(request.sequence + len(listed), len(listed), ncp.pack(listed))


@service.answers(ncp.AddTrusteeSet, refuses=(*NOT_FOUND, *NOT_ASSIGNED))
def add_trustee_set(call: Call[ncp.AddTrusteeSet]) -> None:
    request = call.request
    found = _found(call, request, request.search)
    trustees = ncp.unpack(request.trustees, request.count)
    if request.mask != OWN_RIGHTS:
        trustees = [(one, request.mask) for one, _ in trustees]
    _assign(call, found.path, trustees)


@service.answers(ncp.DeleteTrusteeSet, refuses=(*NOT_FOUND, *NOT_TAKEN))
def delete_trustee_set(call: Call[ncp.DeleteTrusteeSet]) -> None:
    found = _found(call, call.request)
    _take(
        call,
        found.path,
        [one for one, _ in ncp.unpack(call.request.trustees, call.request.count)],
        Code.NO_MODIFY_RIGHTS,
    )


@service.answers(ncp.GetEffectiveRights, refuses=NOT_FOUND)
def get_effective_rights(call: Call[ncp.GetEffectiveRights]) -> ncp.EntryRightsAndInfo:
    request = call.request
    space = loaded(call, request.to_name_space)
    found = _found(call, request, request.search)
    info = entry_info(call, found.path, found.entry, request.mask, space)
    return ncp.EntryRightsAndInfo(rights(call, found.path), info)


def _found(
    call: FileCall,
    request: ncp.ScanTrusteeSet | ncp.AddTrusteeSet | ncp.DeleteTrusteeSet | ncp.GetEffectiveRights,
    search: int | None = None,
) -> Found:
    """The entry that a request of 87/x means, if *search* admits it."""
    space = loaded(call, request.name_space)
    found = entry_at(call, request.volume, request.base, request.flag, request.path, space)
    if search is not None and not is_wanted(found, search):
        raise Refused(Code.FAILURE)
    return found


def _assign(call: FileCall, path: VolumePath, trustees: list[ncp.Trustee]) -> None:
    may(call, path, Right.ACCESS_CONTROL, Code.NO_MODIFY_RIGHTS)
    for one, _ in trustees:
        numbered(call, one)
    remark_to_change(call, path).trustees.update((one, held & ALL_RIGHTS) for one, held in trustees)


def _take(call: FileCall, path: VolumePath, ids: list[int], denied: Code) -> None:
    """Take all rights of these objects away that begin here. Refuses where one of them has none."""
    may(call, path, Right.ACCESS_CONTROL, denied)
    trustees = remark_of(call, path).trustees
    if not trustees.keys() >= set(ids):
        raise Refused(Code.NO_TRUSTEE)
    for one in set(ids):
        del trustees[one]


def _listed(call: FileCall, path: VolumePath, first: int) -> list[ncp.Trustee]:
    """The next trustees, beginning with number *first*. Refuses with INVALID_PATH where there are no more."""
    listed = list(remark_of(call, path).trustees.items())[first : first + ncp.TWENTY]
    if not listed:
        raise Refused(Code.INVALID_PATH)
    return listed
