"""Whether a file can be opened beside its other handles, of which there may be thousands."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from fakenw.volumes.directory_tree import MemoryFile
from fakenw.volumes.sharing import DENY_READ, DENY_WRITE, READ, WRITE, Sharing

PLACE = ("SYS", "OFFER.OFR")
Open = tuple[int, int]
NODE = MemoryFile(b"", datetime(2000, 8, 10))
modes = st.sampled_from([READ, WRITE, READ | WRITE | DENY_READ | DENY_WRITE])
opens = st.tuples(st.integers(1, 2), modes)  # connections and access modes


def denied(access: int) -> int:
    return (READ if access & DENY_READ else 0) | (WRITE if access & DENY_WRITE else 0)


@given(opened=st.lists(st.tuples(opens, st.booleans()), max_size=5), wanted=opens)
def test_what_is_allowed_is_what_no_handle_denies(opened: list[tuple[Open, bool]], wanted: Open) -> None:
    """Each handle of another station that is not closed again is asked."""
    sharing = Sharing()
    made = [sharing.open("SYS:OFFER.OFR", PLACE, NODE, access, 1, serial) for (serial, access), _ in opened]
    handles = [handle for handle, (_, stays) in zip(made, opened, strict=True) if stays]
    for handle in made:
        if handle not in handles:
            handle.end()
    serial, access = wanted
    others = [handle.access for handle in handles if handle.serial != serial]
    assert sharing.allows(PLACE, access, serial) is not any(
        denied(other) & access or denied(access) & other for other in others
    )
    assert list(sharing.by_place.get(PLACE, ())) == handles


def test_nothing_is_kept_of_a_file_that_is_closed() -> None:
    sharing = Sharing()
    for handle in [sharing.open("SYS:OFFER.OFR", PLACE, NODE, READ, 1, serial) for serial in range(3)]:
        handle.end()
    assert not sharing.by_place
