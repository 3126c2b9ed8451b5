"""The section ``ipx`` of a configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakenw.config.server_file import ConfigFile, load
from fakenw.config.yaml_file import DocumentError
from fakenw.core.ipx_link import IpxBinding, IpxLink
from fakenw.wire.ipx.frames import FrameType

EVERY_FRAME = dict.fromkeys(FrameType)


def read(folder: Path, text: str) -> ConfigFile:
    path = folder / "lab.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path)


@pytest.mark.parametrize(
    ("text", "binding"),
    [
        ("{}", IpxBinding(EVERY_FRAME)),
        (
            "{frames: [ethernet_802.2, SNAP]}",
            IpxBinding({FrameType.ETHERNET_802_2: None, FrameType.ETHERNET_SNAP: None}),
        ),
        (
            '{frames: {ETHERNET_802.3: "10", ETHERNET_II: }}',
            IpxBinding({FrameType.ETHERNET_802_3: 0x10, FrameType.ETHERNET_II: None}),
        ),
        ("{nearest: on}", IpxBinding(EVERY_FRAME)),
        ("{nearest: off}", IpxBinding(EVERY_FRAME, frozenset())),
        ('{nearest: ["525400123456"]}', IpxBinding(EVERY_FRAME, frozenset([bytes.fromhex("525400123456")]))),
    ],
)
def test_the_binding(tmp_path: Path, text: str, binding: IpxBinding) -> None:
    assert read(tmp_path, f"ipx: {text}").ipx.binding() == binding


def test_the_internal_network_and_links(tmp_path: Path) -> None:
    """Links stand among the listeners, as with --listen."""
    file = read(tmp_path, 'server: {listen: [ipx:eth:eth0, "ipx:qemu:127.0.0.1:0"]}\nipx: {internal_network: "BEEF"}')
    assert file.settings()["ipx_network"] == 0xBEEF
    assert file.server.listen == (IpxLink("eth", card="eth0"), IpxLink("qemu", ("127.0.0.1", 0)))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{internal_network: 10}", "10; expected the number of a network in quotes: 1 to 8 hexadecimal digits"),
        ('{internal_network: "FFFFFFFF"}', "'FFFFFFFF' is no IPX network"),
        ("{frames: [802.2, TOKEN-RING]}", "'TOKEN-RING' is no frame type; expected ETHERNET_II, ETHERNET_802.3"),
        ("{frames: []}", "empty; expected at least one"),
        ('{frames: {ETHERNET_II: "1", ETHERNET_SNAP: 2}}', "2; expected the number of a network in quotes"),
        ("{nearest: [525400123456]}", "525400123456; expected on, off, or a list of nodes"),
        ("{nearest: sometimes}", "ipx.nearest: 'sometimes'; expected on, off, or a list of nodes"),
        ("{network: 1}", "network"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(DocumentError) as found:
        read(tmp_path, f"ipx: {text}")
    assert problem in str(found.value)
    assert len(found.value.problems) == 1, found.value.problems
