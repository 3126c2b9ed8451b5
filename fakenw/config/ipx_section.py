"""The section ``ipx`` of a configuration file."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainValidator

from fakenw.config.field_types import some
from fakenw.config.yaml_file import Model, shown
from fakenw.core.ipx_link import IpxBinding, network_number
from fakenw.wire.ipx.frames import FrameType

_NODE = re.compile("[0-9a-fA-F]{12}")


def _network(value: object) -> int:
    if not isinstance(value, str):  # 10 is not the network 10, which is sixteen
        raise ValueError(f"{shown(value)}; expected the number of a network in quotes: 1 to 8 hexadecimal digits")
    return network_number(value)


def _frame(value: object) -> FrameType:
    if isinstance(value, FrameType):
        return value
    return FrameType.parse(str(value))


def _nearest(value: object) -> frozenset[bytes] | None:
    """The nodes; None: all of them."""
    if isinstance(value, bool):
        return None if value else frozenset()
    nodes = value if isinstance(value, list) else [value]
    for node in nodes:
        if not isinstance(node, str) or not _NODE.fullmatch(node):
            raise ValueError(f"{shown(node)}; expected on, off, or a list of nodes: 12 hexadecimal digits in quotes")
    return frozenset(map(bytes.fromhex, nodes))


Network = Annotated[int, BeforeValidator(_network)]
FrameName = Annotated[FrameType, BeforeValidator(_frame)]


def _frames(value: Any) -> Any:
    """A list of frame types is short for the mapping without numbers."""
    if isinstance(value, list):
        return dict.fromkeys(map(str, some(tuple(value))))
    if isinstance(value, dict):
        some(tuple(value))
    return value


class IpxSection(Model):
    """IPX on the links among the listeners; the fields besides the first are those of ``IpxBinding``."""

    internal_network: Network | None = None
    frames: Annotated[dict[FrameName, Network | None], BeforeValidator(_frames)] = dict.fromkeys(FrameType)
    nearest: Annotated[frozenset[bytes] | None, PlainValidator(_nearest)] = None

    def binding(self) -> IpxBinding:
        return IpxBinding(self.frames, self.nearest)
