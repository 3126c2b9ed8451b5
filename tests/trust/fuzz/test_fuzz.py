"""The targets without atheris: real frames and files, and some hundred changes of them, the same every time.

And a defect that is planted in a reader is found by its target.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fakenw.journal import record
from fakenw.wire import framing, layout
from fakenw.wire.packet import RequestPacket
from harness.client.nal_path import NalPath
from harness.client.reg_file import RegError
from tests.trust.fuzz.corpus import seeds
from tests.trust.fuzz.findings import keep, minimised, raised
from tests.trust.fuzz.targets import TARGETS, target

CHANGES = {"hives": 20, "scenarios": 40, "configurations": 60, "sequences": 40, "administration": 60}
MOST_SEEDS = 60


def changed(random: Random, inputs: list[bytes]) -> bytes:
    """One of *inputs* with a few bytes changed, taken out, doubled, or from another one."""
    data = bytearray(random.choice(inputs))
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(data) + 1)
        match random.randrange(5):
            case 0:
                data[at : at + 1] = bytes([random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))])
            case 1:
                del data[at : at + random.randint(1, 16)]
            case 2:
                data[at:at] = data[at : at + random.randint(1, 16)]
            case 3:
                other = random.choice(inputs)
                place = random.randrange(len(other) + 1)
                data[at : at + 8] = other[place : place + 8]
            case _:
                del data[at:]
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_real_frames_and_files(name: str) -> None:
    tried, inputs = target(name), seeds(name)
    assert inputs
    for data in inputs[:: 1 + len(inputs) // MOST_SEEDS]:
        tried(data)


@pytest.mark.parametrize("name", TARGETS)
def test_changed_frames_and_files(name: str) -> None:
    tried, inputs, random = target(name), seeds(name), Random(name)
    for _ in range(CHANGES.get(name, 300)):
        data = changed(random, inputs)
        problem = raised(tried, data)
        assert problem is None, (problem, data[:2000])


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_at_all(name: str) -> None:
    target(name)(b"")


def _beginning_that_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream forgets the part of a frame that came before."""
    whole = framing.Deframer.feed

    def feed(self: framing.Deframer, data: bytes) -> list[bytes]:
        self.rest = b""
        return whole(self, data)

    monkeypatch.setattr(framing.Deframer, "feed", feed)


def _header_that_swaps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection above 255 comes out as another one."""
    whole = RequestPacket.encode

    def encode(self: RequestPacket) -> bytes:
        return whole(self._replace(connection=self.connection & 0xFF))

    monkeypatch.setattr(RequestPacket, "encode", encode)


def _text_past_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A length byte without text behind it is an IndexError."""

    def decode(self: layout.Counted, data: bytes, at: int) -> tuple[str, int]:
        return data[at + 1 : at + 1 + data[at]].decode("cp437"), at + 1 + data[at]

    monkeypatch.setattr(layout.Counted, "decode", decode)
    for one in target_layouts():
        decoders = tuple((name, field.decode) for name, field in one.forms())
        monkeypatch.setattr(one, "_decoders", decoders)


def target_layouts() -> tuple[type[layout.Layout], ...]:
    from tests.trust.fuzz.wire_targets import LAYOUTS

    return LAYOUTS


def _license_that_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that ends does not say so to the ledger."""
    monkeypatch.setattr("fakenw.core.ledger.Ledger.release", lambda *_: None)


def _clear_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def connection(self: Any, number: str) -> Any:
        return self.server.table.by_number[int(number)]

    monkeypatch.setattr("fakenw.admin.operations.Administration._connection", connection)


def _path_without_its_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NalPath, "__str__", lambda self: f"{self.type}:{self.path}")


def _escape_that_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quoted text keeps its escapes when it is read."""
    monkeypatch.setattr("harness.client.reg_file._Reader._unescaped", lambda self, quoted, start: quoted)


def _line_written_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line is written as the same one."""
    monkeypatch.setattr(record.Record, "line", lambda self: '{"t": 0, "role": "x", "event": "y"}\n')


def _mistake_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake is an error of another kind, which names no file."""

    def fail(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr("harness.lab.connection_list._fail", fail)
    monkeypatch.setattr("fakenw.config.yaml_file._Document.blame", fail)


def _hive_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged file is an error of the library's."""

    def values(*_: object) -> None:
        raise RegError("a damaged value")

    monkeypatch.setattr("harness.client.hive._values", values)
    monkeypatch.setattr("harness.client.hive.RegError", KeyError)


PLANTED: dict[str, tuple[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "the beginning of a frame is lost": ("framing", _beginning_that_is_lost),
    "the high byte of a connection is lost": ("packets", _header_that_swaps),
    "text past its end": ("layouts", _text_past_its_end),
    "a license stays": ("sequences", _license_that_stays),
    "a connection is not looked for": ("administration", _clear_of_nobody),
    "a path is written without its lists": ("nal-paths", _path_without_its_display),
    "an escape stays": ("reg-files", _escape_that_stays),
    "a damaged hive": ("hives", _hive_without_an_end),
    "a field that is wrong": ("configurations", _mistake_without_a_file),
    "a step that is wrong": ("scenarios", _mistake_without_a_file),
    "a line is written as another one": ("journals", _line_written_wrongly),
    "a column that is wrong": ("connection-lists", _mistake_without_a_file),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_defect_is_found(monkeypatch: pytest.MonkeyPatch, planted: str) -> None:
    name, plant = PLANTED[planted]
    tried, inputs, random = target(name), seeds(name), Random(name)
    plant(monkeypatch)
    some = [*inputs, *(changed(random, inputs) for _ in range(CHANGES.get(name, 300)))]
    assert any(raised(tried, data) is not None for data in some)


def test_a_finding_is_made_small() -> None:
    def tried(data: bytes) -> None:
        if b"A" in data and b"B" in data:
            raise KeyError("both")

    assert minimised(tried, b"....A......B......" * 20) in (b"AB", b"BA")


def test_a_finding_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a file that is named after its target, as small as it gets; with what was raised."""
    monkeypatch.setattr(NalPath, "parse", lambda text: 1 // ("X" not in text))
    path, what = keep("nal-paths", b"12X34", tmp_path / "found")
    assert path.name.startswith("nal-paths-")
    assert (path.read_bytes(), what.partition(":")[0]) == (b"X", "ZeroDivisionError")
