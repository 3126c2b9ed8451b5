"""Is there room for a load on this computer? Descriptors, ports and memory, before anything is begun.

Rules of this file:

* What is wanting is said with the command that mends it.
* Over the loopback interface more source addresses are free: all of 127.0.0.0/8 is ours (Linux).
"""

from __future__ import annotations

import ipaddress
import resource
from pathlib import Path

from fakenw.core.peer import TRANSPORTS
from harness.load.specification import LoadSpecification

SPARE = 200  # descriptors besides those of the clients
SERVER_BYTES, CLIENT_BYTES = 12_000, 30_000  # of memory, a connection; measured, generously
SMALLEST_RANGE = 0.9  # how much of the ports can be counted on


def connections(spec: LoadSpecification) -> int:
    """How many there may be at once: a leaking machine has one more."""
    return spec.clients + round(spec.leak * spec.clients * (1 if spec.leak_by == "machine" else spec.days))


def sources(spec: LoadSpecification, server: str | None, given: list[str]) -> list[str]:
    """The addresses to come from: those that were given, or as many of the loopback's as ports make necessary."""
    if given or not (server is None or _is_loopback(server)):
        return given
    needed = -(-connections(spec) // int(_ports() * SMALLEST_RANGE))
    return [f"127.0.0.{n}" for n in range(1, needed + 1)] if needed > 1 else []


def wanting(spec: LoadSpecification, processes: int, own: bool, from_addresses: list[str]) -> list[str]:
    """What there is too little of, each with what mends it. Raises the soft limit of descriptors as a side effect."""
    found = []
    number = connections(spec)
    each = -(-number // processes) + SPARE
    needed = max(each, number + SPARE if own and TRANSPORTS[spec.transport].framed else 0)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        try:  # root may
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, needed))
        except (ValueError, OSError):
            found.append(
                f"{needed} file descriptors are needed in one process and {hard} allowed: ulimit -Hn {needed} as root, "
                f"or more --processes where the server is not ours"
            )
    elif soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ports = int(_ports() * SMALLEST_RANGE) * max(1, len(from_addresses))
    if ports < number:
        found.append(
            f"{number} ports are needed and about {ports} there: --source with more addresses of this computer, or "
            'sysctl -w net.ipv4.ip_local_port_range="1025 65000"'
        )
    bytes_needed = number * (CLIENT_BYTES + (SERVER_BYTES if own else 0))
    free = _memory()
    if free is not None and free < bytes_needed:
        found.append(
            f"about {bytes_needed >> 20} MiB of memory are needed and {free >> 20} MiB free: fewer --clients, or "
            "clients on several machines (docs/load.md)"
        )
    return found


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _ports() -> int:
    try:
        first, last = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    except (OSError, ValueError):
        return 16_384  # 49152 to 65535, as IANA has it
    return int(last) - int(first) + 1


def _memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")), None)
