"""The command that says from captures why a client does not come in over IPX."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from fakenw.cli.parameters import ListenParam, TimeParam
from fakenw.cli.terminal import say
from fakenw.core.ipx_link import IpxLink, Listener
from fakenw.core.peer import Peer
from fakenw.journal.record import SECOND
from fakenw.journal.sentences import harmless
from fakenw.transports.captured_frames import CaptureRefused, read_frames
from fakenw.transports.ipx.wire_findings import WireFinding, dotted, findings
from fakenw.transports.ipx.wire_log import WireLog

MOST_FRAMES = 6  # whose numbers are printed
FOUND = 1


@click.command(epilog="Exit codes: 0 all clients came in, 1 findings, 2 bad usage, or no capture.")
@click.argument("captures", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--listen",
    type=ListenParam(),
    metavar="ipx:LINK",
    help="Watch a link instead, as `fakenw serve --listen` names it. Nothing is sent, but to join a tunnel of DOSBox.",
)
@click.option(
    "--for", "how_long", type=TimeParam(), default="30s", show_default=True, help="How long; Ctrl-C ends it earlier."
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def wire(captures: tuple[Path, ...], listen: Listener | None, how_long: int, as_json: bool) -> None:
    """Why does a client not come in over IPX? From captures of its wire.

    A capture is a file of pcap or pcapng with the Ethernet frames of client and server. A client asks by SAP for a
    server, by RIP for the way to it, and then for a connection. For each client the first step that fails is told,
    with the numbers of the frames that show it, as Wireshark counts them: another frame type or network number, no
    answer, an answer that does not arrive, a refusal. A "problem" hinders a client, a "note" does not.

    \b
    qemu-system-i386 ... -object filter-dump,id=f,netdev=lan,file=lab.pcap
    tcpdump -i tap0 -w lab.pcap
    fakenw serve --listen ipx:tap:tap0 --pcap lab.pcap
    fakenw wire lab.pcap
    fakenw wire --listen ipx:eth:eth0 --for 1m
    fakenw wire --json *.pcapng

    On a link of QEMU or DOSBox only the frames that come there are seen, and on a card that of a switch only what is
    sent to all: what the server captures itself shows both sides.
    """
    if bool(captures) == (listen is not None):
        raise click.UsageError("expected captures, or --listen with a link")
    if isinstance(listen, Peer):
        raise click.UsageError(f"--listen {listen} is not a link of IPX")
    reports = [_watched(listen, how_long / SECOND)] if listen is not None else [_captured(path) for path in captures]
    if as_json:
        click.echo(json.dumps({"captures": reports}, indent=2))
    else:
        for report in reports:
            for line in _lines(report):
                say(harmless(line))
    if any(found["serious"] for report in reports for found in report["findings"]):
        sys.exit(FOUND)


def _captured(path: Path) -> dict[str, Any]:
    try:
        frames, cut = read_frames(path)
    except CaptureRefused as problem:
        raise click.UsageError(f"{path}: {problem}") from None
    log = WireLog()
    for number, time, data in frames:
        log.saw(number, time, data)
    more = (
        [WireFinding("file-cut", f"the file is cut off behind frame {len(frames)}", (), serious=False)] if cut else []
    )
    return _report(str(path), log, more)


def _watched(link: IpxLink, seconds: float) -> dict[str, Any]:
    """What is seen on *link* from now on."""
    from twisted.internet import reactor as installed  # with Twisted, which --help does without

    from fakenw.transports.ipx.edge import LINKS
    from fakenw.transports.ipx.link import LinkRefused
    from fakenw.transports.ipx.wire_watch import UNUSED_NODE, WireWatch

    reactor: Any = installed
    watch = WireWatch(reactor.seconds)
    try:
        opened = LINKS[link.kind](reactor, link, UNUSED_NODE, watch)
    except (OSError, OverflowError, LinkRefused) as problem:
        raise click.UsageError(f"cannot watch {link}: {getattr(problem, 'strerror', None) or problem}") from None

    def begin() -> None:
        say(f"watching {opened.name}", err=True)
        reactor.callLater(seconds, reactor.stop)

    reactor.callWhenRunning(begin)
    reactor.addSystemEventTrigger("before", "shutdown", opened.stop)
    reactor.run()
    return _report(opened.name, watch.log, [])


def _report(where: str, log: WireLog, more: list[WireFinding]) -> dict[str, Any]:
    return {
        "file": where,
        "frames": log.frames,
        "packets": log.packets,
        "servers": {name: list(map(str, addresses)) for name, addresses in log.servers().items()},
        "clients": [dotted(client.node) for client in log.clients()],
        "findings": [one._asdict() for one in (*more, *findings(log))],
    }


def _lines(report: dict[str, Any]) -> Iterable[str]:
    servers = ", ".join(report["servers"]) or "none"
    yield f"{report['file']}: IPX in {report['packets']} of {report['frames']} frames, servers: {servers}"
    for found in report["findings"]:
        text = found["text"] + _shown(found["frames"])
        yield f"  {'problem' if found['serious'] else 'note'.ljust(7)}  {text}"


def _shown(frames: tuple[int, ...]) -> str:
    if not frames:
        return ""
    numbers = ", ".join(map(str, frames[:MOST_FRAMES]))
    more = f" and {len(frames) - MOST_FRAMES} more" if len(frames) > MOST_FRAMES else ""
    return f" (frame{'s' * (len(frames) > 1)} {numbers}{more})"
