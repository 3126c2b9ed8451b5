"""Where each target begins: real frames and files that the tests have already, each with its source beside it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from fakenw.config.server_file import example
from harness.scenario import catalogue
from tests.fakenw.stage import Stage
from tests.trust.fuzz.server_targets import MOST_EVENTS
from tests.trust.fuzz.wire_targets import LAYOUTS, REQUESTS

TESTS = Path(__file__).parents[2]
FRAMES = TESTS / "fakenw" / "wire" / "data"
CASES = TESTS / "harness" / "lab" / "cases"
HIVE = TESTS / "harness" / "data" / "nal.hive.gz"
NAL_PATHS = (  # KB Q239828, Q235873, Q267558, Q208618, Q287716
    r'["Display=\\SMSSVR\"]MSWNET:["SMS_SITE=XXX"]\\SMSSVR' + "\\",
    r'NWBIND:["SMS_SITE=zzz"]\\ServerName\VolumeName\CAP_zzz' + "\\",
    r'MSWNET:["SMS_SITE=zzz", "PREFERRED"]\\ServerName\CAP_zzz',
    r'["Display=\\MYNDSTREE\.MYVOLS_VOL1.QUALITY.CHARLOTTE"]NWNDS:["SMS_SITE=GS1"]'
    r"\\MYNDSTREE\.MYVOLS_VOL1.QUALITY.CHARLOTTE\CAP_GS1" + "\\",
    r"ABEXPRT:\\CAP List for site ABC",
    "MSWNET:\\\\DELLSERVER\\",
)
OPERATIONS = (
    b"connections/1/clear\n{}",
    b"connections/9/clear\n{}",
    b'mark\n{"text": "noon"}',
    b'login\n{"enabled": false}',
    b'set\n{"licenses": 3, "watchdog": "5400t,1080t,10", "clear_idle": "15m"}',
    b'reset\n{"force": true}',
    b"down\n{}",
    b'clock/advance\n{"seconds": 3600}',
)


@cache
def frames() -> tuple[bytes, ...]:
    """Frames that Wireshark, libncp or nmap define, as they are on the wire."""
    texts = (path.read_text(encoding="ascii") for path in sorted(FRAMES.glob("frames*.json")))
    return tuple(bytes.fromhex(frame["hex"]) for text in texts for frame in json.loads(text))


def _packets() -> Iterator[bytes]:
    for frame in frames():
        head = {b"DmdT": 16, b"tNcP": 8}.get(frame[:4], 0)
        yield frame[head:]


def _layouts() -> Iterator[bytes]:
    """The body of each request under its own layout, and every frame's data under some other."""
    for n, packet in enumerate(_packets()):
        yield (n % len(LAYOUTS)).to_bytes(2, "big") + packet[8:]
        for at, layout in enumerate(LAYOUTS):
            if layout in REQUESTS and packet[:2] == b"\x22\x22" and packet[6:7] == bytes([layout.function]):
                yield at.to_bytes(2, "big") + packet[(7 if layout.subfunction is None else 10) :]


def _sequences() -> Iterator[bytes]:
    attach = bytes([5 << 2 | 0, 5 << 2 | 1, 5 << 2 | 2])
    login = bytes([7 << 2 | 0, 0, 7 << 2 | 1, 1, 7 << 2 | 2, 2])
    ways = bytes([9 << 2, 0, 9 << 2, 1, 10 << 2, 12 << 2, 13 << 2, 0x40, 0, 11 << 2 | 2, 15 << 2, 0, 1, 15 << 2, 1, 0])
    raw = b"".join(
        bytes([n & 3, len(frame)]) + frame for n, frame in enumerate(frames()[:MOST_EVENTS]) if len(frame) < 256
    )
    for choice in (0, 1, 2, 3, 4, 0x82, 0x43, 0x23, 0x13):
        yield bytes([choice]) + attach + login + ways
    yield b"\3" + attach + login + raw[:2000]
    for n, layout in enumerate(REQUESTS):
        body = next((item[2:] for item in _layouts() if LAYOUTS[int.from_bytes(item[:2], "big")] is layout), b"\0" * 8)
        request = bytes([1 << 2]) + n.to_bytes(2, "big") + bytes([min(len(body), 255)]) + body[:255]
        yield bytes([0x82]) + attach + login + request


def _journals() -> Iterator[bytes]:
    for policy in ("attach", "nls", "ual"):
        stage = Stage(policy, licenses=2)
        station = stage.station("udp:10.0.0.1:1025").licensed("JOE", "SECRET")
        station.open()
        other = stage.station("tcp:10.0.0.2:40001").licensed("ANN")
        other.change(0)
        other.lost()
        stage.wait(2000)
        stage.carry_out(stage.server.stop(stage.now))
        yield "".join(record.line() for record in stage.records).encode()


def _files(*patterns: str) -> Iterator[bytes]:
    for pattern in patterns:
        for path in sorted(CASES.rglob(pattern)):
            yield path.read_bytes()


def seeds(target: str) -> list[bytes]:
    """The inputs with which *target* begins."""
    match target:
        case "framing":
            return [*frames(), b"".join(frame for frame in frames() if frame.startswith(b"DmdT"))[:4000]]
        case "packets":
            return [*_packets()]
        case "layouts":
            return [*_layouts()]
        case "sequences":
            return [*_sequences()]
        case "administration":
            return [*OPERATIONS]
        case "nal-paths":
            return [path.encode() for path in NAL_PATHS]
        case "reg-files":
            return [*_files("*.reg")]
        case "hives":
            return [gzip.decompress(HIVE.read_bytes())]
        case "configurations":
            return [example().encode(), b"format: 1\nserver: {name: FAKENW}\n"]
        case "scenarios":
            return [path.read_bytes() for path in sorted(Path(catalogue.__file__).parent.glob("scenarios/*.yaml"))]
        case "journals":
            return [*_journals()]
    return [*_files("*.csv", "*.txt")]
