"""The NCPs we have, as a page: what is declared, and nothing that is not.

Rules of this file:

* ``page`` is a pure function of the services; ``make docs`` writes it to docs/ncp.md, and a test compares the two.
* The meaning of a packet type, a status bit or a completion code is the comment that stands behind it in
  ``fakenw.wire.packet``, and its name in words where there is none.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from fakenw.core.service import NcpService, ServiceFunction
from fakenw.core.services import SERVICES
from fakenw.core.services.nds import VERBS, NdsVerb
from fakenw.wire import known_ncps, layout, nds, nds_login, packet
from fakenw.wire.layout import WITH_LENGTH, WITHOUT_LENGTH, Field, Layout, Nothing, Request
from fakenw.wire.packet import Code

HEAD = """\
# The NCPs of fakenw

Made by `make docs` from the declarations in `fakenw/wire/` and `fakenw/core/services/`.

- `@n` is an offset of n bytes from the NCP header, whose first two bytes are the packet type. `BE` is big-endian
  ("hi-lo" in Novell's words), `LE` little-endian ("lo-hi"). Fields without an offset follow the one before.
- A request of the groups {with_length} has a length word at @7, which is not checked, and its sub-function at @9;
  one of the groups {without_length} has its sub-function at @7.
- Bytes beyond the last field of a request are ignored. Too few are 0x7E.
- *Refuses with*: the completion codes that the function may answer with, as declared beside it; 0xDF among them is no
  refusal, but a login that succeeded although the password has expired. Besides, every function but Logout (25)
  answers 0xFD with status 0x01 on a connection that is not, or no longer, the caller's. An NCP that is not listed is
  0xFB, as is 104 on a server without a tree. 0x7D of a function that reaches into a volume is inferred for all of them:
  sources have it for 23/28 alone.
- An offset in an NDS message counts from its data, behind the verb; in an answer from behind the NDS code. *text* is
  UTF-16LE with a NUL and *octets* are bytes, both behind their length (4 LE) and padded to four bytes.
- *sure*: as the sources say. *inferred*: no source says it all, or they contradict one another.
"""

COLUMNS = ("NCP", "name", "request", "reply", "refuses with", "source", "sure?")
NDS_COLUMNS = ("verb", "name", "message", "answer", "source")
PACKET_TYPES = ("CREATE", "REQUEST", "REPLY", "WATCHDOG", "DESTROY", "BURST", "BEING_PROCESSED", "BROADCAST")


SIGNATURES = """\
## Packet signatures

97 agrees on them: flag 0x02, by the levels 0 to 3 of client and server. They begin with the request behind a login by
23/24 or by verb 60 whose code was 0 or 0xDF, and end with the connection; a logout does not end them. Requests and
destroys carry eight bytes, and so do replies: over TCP behind the header of the frame, over UDP behind the packet. The
top bit of a frame's length makes no difference.

Known, from ncpfs 2.2.6 and the Linux kernel as two clients that are independent of one another: the hash, the roots,
the bytes that are covered, when signing begins, and how either client treats an answer to 97 and a bad reply. Not known
of Novell's own: the code for a login that must sign and does not (here 0xAC), the treatment of a bad signature (here
over UDP the packet is dropped, over TCP the socket is closed), whether Client32 sets the top bit and whether it is
hashed then, and the flags 0x04 (whole packets) and 0x08 (encryption), which are never agreed on.
"""


def page(services: Iterable[NcpService]) -> str:
    """The whole page, in Markdown."""
    groups = {
        "with_length": ", ".join(map(str, sorted(WITH_LENGTH))),
        "without_length": ", ".join(map(str, sorted(WITHOUT_LENGTH))),
    }
    families: dict[str, list[ServiceFunction]] = {}
    for service in services:
        for function in service.functions.values():
            families.setdefault(function.layout.__module__, []).append(function)
    parts = [HEAD.format_map(groups), _count([one for family in families.values() for one in family])]
    for module, functions in families.items():
        title, *_ = (sys.modules[module].__doc__ or module).partition("\n")
        functions.sort(key=lambda entry: (entry.layout.function, entry.layout.subfunction or 0))
        parts.append(_table(title.rstrip("."), COLUMNS, map(_row, functions)))
    verbs = [_message(number, verb) for number, verb in VERBS.items()]
    parts += [_table("NDS messages, which 104/2 carries", NDS_COLUMNS, verbs), SIGNATURES]
    constants = _comments(packet, "")
    status = {name: text.removeprefix("status: ") for name, text in constants.items() if text.startswith("status: ")}
    for title, first, digits, known in (
        ("Packet types", "type", 4, {name: constants.get(name, "") for name in PACKET_TYPES}),
        ("Connection status, @7 of a reply", "bit", 2, status),
    ):
        rows = [(f"0x{getattr(packet, name):0{digits}X}", words(name), text) for name, text in known.items()]
        parts.append(_table(title, (first, "name", "meaning"), rows))
    meanings = _comments(Code, "    ")
    every = sorted(Code.__members__.items(), key=lambda entry: int(entry[1]))
    rows = [(f"0x{code:02X}", words(name), meanings.get(name, "")) for name, code in every]
    parts.append(_table("Completion codes, @6 of a reply", ("code", "name", "meaning"), rows))
    return "\n".join(parts)


def _count(functions: Sequence[ServiceFunction]) -> str:
    """How many functions there are, and how many are lacking."""
    numbers = {(one.layout.function, one.layout.subfunction) for one in functions}
    sure = sum(_is_sure(one.layout) for one in functions)
    lacking = len(known_ncps.known() - numbers)
    return f"""\
**{len(functions)} functions**: {sure} sure, {len(functions) - sure} inferred. Wireshark 4.0 knows {lacking} more, which
are refused with 0xFB; the journal names each that a station asks for (`unsupported`).
"""


def fields(kind: type[Layout], at: int) -> list[str]:
    """The fields of a layout whose first byte is at *at*: offset, size, byte order, name."""
    lines, known = [], True
    for name, field in kind.forms():
        size, order = _shape(field)
        lines.append(" ".join(filter(None, (f"@{at}" if known else "", order, name))))
        known = known and size is not None
        at += size or 0
    return lines


def _shape(field: Field) -> tuple[int | None, str]:
    """How many bytes a field takes, None where that depends on its value, and how that is written."""
    match field:
        case layout.Number():
            return _number(field.encode(1))
        case layout.Raw() | layout.Padded():
            return field.size, f"{field.size}{' text' * isinstance(field, layout.Padded)}"
        case layout.Counted():
            return None, "pstr"
        case layout.Loose():
            return None, "4 LE (or its first 1 to 3)"
        case layout.Items():
            count, (_, item) = field.encode((1,)), _number(field.encode((1,))[len(field.encode(())) :])
            return None, f"{_number(count[: len(field.encode(()))])[1]} count, then {item} each:"
        case layout.Texts():
            return (
                (field.room, f"{field.room} count, then pstr each:")
                if field.room
                else (None, "1 count, then pstr each:")
            )
        case layout.Remaining():
            return None, "the rest:"
        case layout.DateAndTime():
            return 7, "7 time"
        case nds.Unicode():
            return None, "text"
        case nds_login.Bytes():
            return None, "octets"
        case nds.Repeated(item=item):
            return None, f"4 LE count, then {_shape(item)[1]} each:"
        case nds.Address():
            return None, "4 LE type, octets address"
        case nds.SearchFilter():
            return None, "filter"
    raise TypeError(f"{type(field).__name__} has no words yet: how does it lie on the wire?")


def _number(one: bytes) -> tuple[int, str]:
    """The shape of a number, given how 1 is written in it."""
    return len(one), f"{len(one)}{'' if len(one) == 1 else ' LE' if one[0] else ' BE'}"


def words(name: str) -> str:
    """A name of the source in words: ``GetServerInfo`` and ``TABLE_FULL``."""
    return name.replace("_", " ").lower() if name.isupper() else re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)


def _row(function: ServiceFunction) -> tuple[str, ...]:
    request = function.layout
    kind, group, sub = request.reply, request.function, request.subfunction
    start = 7 if sub is None else 10 if group in WITH_LENGTH else 8
    said = {request.__doc__, kind.__doc__} - {Nothing.__doc__}
    notes = [inspect.cleandoc(doc) for doc in sorted(filter(None, said)) if not _made(doc)]
    layouts = [one for one in (request, kind) if one is not Nothing]
    return (
        f"{group} (0x{group:02X})" if sub is None else f"{group}/{sub}",
        "<br>".join([f"**{words(request.__name__)}**", *notes]),
        "<br>".join(fields(request, start)) or "none",
        "<br>".join(fields(kind, 8)) or "none",
        ", ".join(f"0x{code:02X}" for code in sorted(function.refuses)),
        "<br>".join(dict.fromkeys(one.source for one in layouts)),
        "sure" if _is_sure(request) else "inferred",
    )


def _message(number: int, verb: NdsVerb) -> tuple[str, ...]:
    layouts = list(filter(None, (verb.message, verb.reply)))
    notes = [inspect.cleandoc(one.__doc__) for one in layouts if one.__doc__ and not _made(one.__doc__)]
    name = words(verb.message.__name__) if verb.message else "Logout"
    return (
        str(number),
        "<br>".join([f"**{name}**", *notes]),
        "<br>".join(fields(verb.message, 0)) if verb.message else "none",
        "<br>".join(fields(verb.reply, 0)) if verb.reply else "see the note" if number in (2, 5, 6) else "none",
        "<br>".join(dict.fromkeys(one.source for one in layouts)),
    )


def _is_sure(request: type[Request[Any]]) -> bool:
    return request.sure and request.reply.sure


def _made(doc: str) -> bool:
    """Whether a docstring is the one that ``dataclass`` makes: ``Name(field: type, ...)``."""
    return re.match(r"\w+\(", doc) is not None


def _comments(source: Any, indent: str) -> dict[str, str]:
    """The comments behind the constants in a piece of source."""
    return dict(re.findall(rf"^{indent}([A-Z_]+) = \w+  # (.*)$", inspect.getsource(source), re.MULTILINE))


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    cells = (" | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in line) for line in lines)
    return "\n".join([f"## {title}", "", *(f"| {line} |" for line in cells), ""])


if __name__ == "__main__":
    print(page(SERVICES), end="")
