"""The section ``ipx`` of a configuration file."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, StrictBool

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


def _node(value: object) -> bytes:
    if not isinstance(value, str) or not _NODE.fullmatch(value):
        raise ValueError(f"{shown(value)} is no node; expected 12 hexadecimal digits in quotes")
    return bytes.fromhex(value)


Network = Annotated[int, BeforeValidator(_network)]
FrameName = Annotated[FrameType, BeforeValidator(_frame)]
Node = Annotated[bytes, BeforeValidator(_node)]


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
    nearest: StrictBool | tuple[Node, ...] = True

    def binding(self) -> IpxBinding:
        nodes = frozenset(self.nearest) if isinstance(self.nearest, tuple) else frozenset()
        return IpxBinding(self.frames, None if self.nearest is True else nodes)
