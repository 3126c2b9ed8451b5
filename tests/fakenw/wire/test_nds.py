"""The messages of NDS: strings, filters and requests come back from their bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakenw.wire import nds
from fakenw.wire.layout import Layout, Malformed
from fakenw.wire.nds import NO_HANDLE, Filter, Filtering, Unicode

# What lies in a message


@given(st.text(st.characters(codec="utf-16", exclude_characters="\0"), max_size=30))
def test_unicode_round_trip(text: str) -> None:
    """A string comes back, and ends where the next one begins."""
    raw = Unicode().encode(text)
    assert len(raw) % 4 == 0
    assert Unicode().decode(raw + b"more", 0) == (text, len(raw))


def test_last_string_may_lack_its_padding() -> None:
    """nmap does not pad the class that it searches for."""
    assert Unicode().decode(struct.pack("<I", 10) + "User\0".encode("utf-16-le"), 0) == ("User", 14)


filters: st.SearchStrategy[Filter] = st.deferred(
    lambda: (
        st.builds(
            Filter,
            st.just(Filtering.ITEM),
            st.sampled_from([nds.RDN, nds.BASE_CLASS]),
            st.sampled_from(["*", "User", "CN=J?E"]),
        )
        | st.builds(
            lambda kind, parts: Filter(kind, parts=tuple(parts)),
            st.sampled_from([Filtering.AND, Filtering.OR]),
            st.lists(filters, max_size=3),
        )
        | filters.map(lambda part: Filter(Filtering.NOT, parts=(part,)))
    )
)


@given(filters)
def test_filter_round_trip(wanted: Filter) -> None:
    """A filter comes back, or is too deep."""
    raw = nds.SearchFilter().encode(wanted)
    try:
        assert nds.SearchFilter().decode(raw, 0) == (wanted, len(raw))
    except Malformed:
        assert raw.count(b"\x03\0\0\0") + raw.count(b"\x02\0\0\0") + raw.count(b"\x01\0\0\0") > nds.SearchFilter.DEEPEST


SEARCH = nds.SearchEntries(
    version=3,
    flags=0,
    iteration=NO_HANDLE,
    entry=7,
    scope=2,
    nodes=0,
    info_type=1,
    info_flags=1,
    all_attributes=0,
    attributes=(),
    filter=Filter(Filtering.ITEM, nds.RDN, "*"),
)
MESSAGES = (
    nds.ResolveName(1, 2, 3, "CN=A.O=B", (9, 8), ()),
    nds.Resolved(1, 2, ((9, b"123456"),)),
    SEARCH,
    nds.ListEntries(1, 0, entry=9, info_flags=1, iteration=NO_HANDLE, name_filter="J*", class_filter=""),
)


@pytest.mark.parametrize("layout", MESSAGES, ids=lambda layout: type(layout).__name__)
def test_message_round_trip(layout: Layout) -> None:
    """A message comes back; cut anywhere, it is Malformed."""
    raw = layout.encode()
    assert type(layout).decode(raw) == layout
    for size in range(len(raw) - 3):
        with pytest.raises(Malformed):
            type(layout).decode(raw[:size])
