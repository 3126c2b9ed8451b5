"""Frames of the bindery that Wireshark dissected without complaint: read, written, and answered by a server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fakenw.wire.framing import DMDT, Deframer, frame_request
from fakenw.wire.layout import Layout, Nothing, Request, split_body
from fakenw.wire.packet import decode_reply, decode_request
from fakenw.wire.requests import bindery, properties

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage

OpenStage = Callable[..., "Stage"]

FRAMES: dict[str, Layout] = {
    "access_level_object_72_request": bindery.GetObjectAccess(0x02000017),
    "access_level_object_72_reply": bindery.ObjectAccess(0x33),
    "is_manager_73_request": bindery.IsManager(),
    "is_manager_73_reply_FF": Nothing(),
    "file_read_property": properties.ReadProperty(1, "SMSCCMBOOTACCT", 1, "LOGIN_CONTROL"),
    "file_access_level": bindery.GetOwnAccess(),
    "change_user_password_1": bindery.ChangeUserPassword("JOE", "SECRET", "OTHER"),
    "change_user_password_1_reply": Nothing(),
    "close_bindery_68": bindery.CloseBindery(),
    "close_bindery_68_reply": Nothing(),
    "open_bindery_69": bindery.OpenBindery(),
    "open_bindery_69_reply": Nothing(),
    "list_relations_76": properties.ListRelations(0xFFFFFFFF, 1, "JOE", "GROUP_MEMBERS"),
    "list_relations_76_reply": properties.Relations((0x02000002, 0x02000005)),
}


def load() -> dict[str, dict[str, Any]]:
    text = (Path(__file__).parent / "data" / "frames_bindery.json").read_text(encoding="ascii")
    return {frame["name"]: frame for frame in json.loads(text)}


def unwrapped(frame: dict[str, Any]) -> bytes:
    """The NCP packet inside a frame."""
    data = bytes.fromhex(frame["hex"])
    return Deframer(DMDT).feed(data)[0] if frame["transport"] == "tcp" else data


def test_table_is_complete() -> None:
    """Every frame that is carried is in the table, and the reverse."""
    assert load().keys() == FRAMES.keys()


@pytest.mark.parametrize("name", FRAMES)
def test_frame_decodes_and_encodes(name: str) -> None:
    """The layout reads the values of the table, and they make the same bytes again; the header is what tshark saw."""
    frame, expected = load()[name], FRAMES[name]
    data, seen = unwrapped(frame), frame["tshark"]
    if isinstance(expected, Request):
        request = decode_request(data)
        subfunction, content = split_body(request.function, request.body)
        assert (request.function, subfunction) == (expected.function, expected.subfunction)
        assert (request.function, subfunction) == (int(seen["func"], 16), int(seen["subfunc"]))
        assert type(expected).decode(content) == expected
        assert request._replace(body=expected.body()).encode() == data
        if frame["transport"] == "tcp":
            assert frame_request(data, int(seen["ip.replybufsize"])).hex() == frame["hex"]
    else:
        reply = decode_reply(data)
        assert reply.completion == int(seen["completion_code"], 16)
        assert type(expected).decode(reply.data) == expected
        assert reply._replace(data=expected.encode()).encode() == data


def test_a_server_answers_as_the_frames_do(open_stage: OpenStage) -> None:
    """A supervisor asks for his own level, somebody unknown whether he is a manager: the replies are the frames'."""
    known = load()
    for name, reply, user in (
        ("access_level_object_72_request", "access_level_object_72_reply", "SUPERVISOR"),
        ("is_manager_73_request", "is_manager_73_reply_FF", None),
    ):
        stage = open_stage("service")
        stations = [stage.station(f"udp:10.0.0.1:{1025 + port}").attached() for port in range(5)]
        assert stations[-1].number == 5
        assert user is None or stations[-1].login(user) == 0
        asked = bytes.fromhex(known[name]["hex"].replace("02000017", "00000001"))
        assert [answered.hex() for answered in stations[-1].send(asked)] == [known[reply]["hex"]]
