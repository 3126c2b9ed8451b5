"""The import rule: a module imports only what stands above it in ORDER, and only EDGES touch the outside world.

The rule is checked on the syntax tree, so imports inside functions and under TYPE_CHECKING count as well.
"""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import pytest

# The rooms, from the top down. "name.*" is a folder: the package and everything in it, where siblings may import one
# another as long as they do not do it in a circle.
ORDER = (
    "fakenw",
    "fakenw.wire",
    "fakenw.wire.layout",
    "fakenw.wire.packet",
    "fakenw.wire.framing",
    "fakenw.wire.nds",
    "fakenw.wire.requests.*",
    "fakenw.peer",
    "fakenw.records",
    "fakenw.deadlines",
    "fakenw.ledger",
    "fakenw.fold",
    "fakenw.config",
    "fakenw.password",
    "fakenw.dosname",
    "fakenw.logincontrol",
    "fakenw.bindery",
    "fakenw.accounts",
    "fakenw.nds",
    "fakenw.tree",
    "fakenw.capfiles",
    "fakenw.overlay",
    "fakenw.sharing",
    "fakenw.volume",
    "fakenw.folder",
    "fakenw.connection",
    "fakenw.table",
    "fakenw.watch",
    "fakenw.service",
    "fakenw.services.*",
    "fakenw.dispatch",
    "fakenw.server",
    "fakenw.delivery",
    "fakenw.journal",
    "fakenw.sentences",
    "fakenw.yamlfile",
    "fakenw.words",
    "fakenw.configfile",
    "fakenw.coverage",
    "fakenw.commandline",
    "fakenw.administration",
    "fakenw.metrics",
    "fakenw.transports.*",
    "fakenw.pcap",
    "fakenw.health",
    "fakenw.serverprocess",
    "fakenw.adminclient",
    "fakenw.remote",
    "fakenw.running",
    "fakenw.twistd",
    "fakenw.__main__",
    "harness",
    "harness.workstation",
    "harness.words",
    "harness.attachment",
    "harness.scavenger",
    "harness.redirector",
    "harness.registry",
    "harness.regfile",
    "harness.hive",
    "harness.nal",
    "harness.naldump",
    "harness.arbiter",
    "harness.selection",
    "harness.logon",
    "harness.files",
    "harness.desk",
    "harness.query",
    "harness.components.*",
    "harness.machine",
    "harness.behaviors",
    "harness.history",
    "harness.forgotten",
    "harness.markup",
    "harness.evidence",
    "harness.signature",
    "harness.books",
    "harness.needs",
    "harness.properties",
    "harness.checks",
    "harness.diagnosis",
    "harness.script",
    "harness.faults",
    "harness.timeline",
    "harness.cable",
    "harness.settings",
    "harness.plan",
    "harness.scenario",
    "harness.catalogue",
    "harness.matrix",
    "harness.explain",
    "harness.report",
    "harness.promises",
    "harness.netware",
    "harness.junit",
    "harness.picture",
    "harness.htmlreport",
    "harness.runners.*",
    "harness.locustfile",
    "harness.pytest_plugin",
    "harness.again",
    "harness.commandline",
    "harness.telling",
    "harness.load.*",
    "harness.bench.*",
    "harness.authoring",
    "harness.asserting",
    "harness.diagnosing",
    "harness.__main__",
)

# Sockets, clocks, the environment, processes, entropy. Of random the type Random is free for all: whoever takes one
# gets it from an edge, seeded.
WORLD = {"asyncio", "os", "random", "secrets", "select", "selectors", "signal", "socket", "subprocess", "threading"}
WORLD |= {"time", "twisted"}

# The rooms at the edge, and what of WORLD each may import.
EDGES = {
    "fakenw.folder": {"os"},  # a volume that is a directory of the host
    "fakenw.journal": {"os"},  # a record is out before its reply: write(2)
    "fakenw.transports.*": {"asyncio", "socket", "time", "twisted"},
    "fakenw.health": {"os", "socket"},
    "fakenw.serverprocess": {"os", "signal", "subprocess", "time"},
    "fakenw.remote": {"time"},
    "fakenw.running": {"asyncio", "os", "time", "twisted"},
    "fakenw.twistd": {"secrets", "twisted"},
    "fakenw.__main__": WORLD,
    "harness.runners.*": WORLD,
    "harness.bench.*": WORLD,
    "harness.locustfile": {"time"},
    "harness.load.*": WORLD,
    "harness.pytest_plugin": {"threading"},
    "harness.netware": {"socket", "subprocess", "time"},
    "harness.asserting": {"time"},
    "harness.__main__": WORLD,
}


def name_of(path: str) -> str:
    """The dotted name of the module in the file *path*."""
    return ".".join(PurePosixPath(path).with_suffix("").parts).removesuffix(".__init__")


def room_of(module: str) -> str | None:
    """The entry of ORDER where *module* stands, None where it has no place."""
    for room in ORDER:
        folder = room.removesuffix(".*")
        if module == folder or (room != folder and module.startswith(f"{folder}.")):
            return room
    return None


def imported(path: str, tree: ast.AST) -> Iterator[tuple[int, str]]:
    """What the file *path* imports: (line, absolute dotted name), with what it takes from the module at the end.

    What is taken from random as an attribute counts too: "import random" alone says nothing.
    """
    package = PurePosixPath(path).parent.parts
    aliases = [alias for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    randoms = {alias.asname or alias.name for alias in aliases if alias.name == "random"}
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from ((node.lineno, alias.name) for alias in node.names)
            case ast.ImportFrom():
                owner = node.module or ""
                if node.level:
                    owner = ".".join([*package[: len(package) - node.level + 1], *filter(None, [owner])])
                yield from ((node.lineno, f"{owner}.{alias.name}") for alias in node.names)
            case ast.Attribute(value=ast.Name(id=name)) if name in randoms:
                yield node.lineno, f"random.{node.attr}"


def wrong_arrows(files: Mapping[str, str]) -> list[str]:
    """A sentence for every import in *files* (source text by path) that breaks the rule: which arrow, and why."""
    modules = {name_of(path) for path in files} | {room.removesuffix(".*") for room in ORDER}
    wrong: list[str] = []
    siblings: dict[str, set[str]] = {}
    for path, text in files.items():
        module = name_of(path)
        room = room_of(module)
        if room is None:
            wrong.append(f"{path}: {module} is not in ORDER: give it a place in ORDER (tests/test_imports.py)")
            continue
        allowed = EDGES.get(room, set())
        for line, name in imported(path, ast.parse(text, path)):
            arrow = f"{path}:{line}: {module} -> {name}"
            package = name.split(".")[0]
            if package in WORLD - allowed and name not in ("random", "random.Random"):
                which = f"only {', '.join(sorted(allowed))}" if allowed else "nothing"
                wrong.append(f"{arrow}: only an edge touches the outside world; EDGES grants {room} {which} of it")
            if package not in ("fakenw", "harness"):
                continue
            target = name
            while target not in modules:
                target = target.rpartition(".")[0]
            above = room_of(target)
            if target == module:
                continue
            if target.endswith(".__main__"):
                wrong.append(f"{arrow}: a __main__ is run, never imported")
            elif package == "harness" and module.startswith("fakenw"):
                wrong.append(f"{arrow}: the harness imports fakenw, never the reverse")
            elif above == room:
                siblings.setdefault(module, set()).add(target)
            elif above is not None and ORDER.index(above) > ORDER.index(room):
                wrong.append(f"{arrow}: {above} stands below {room} in ORDER, and imports point upwards only")
    try:
        graphlib.TopologicalSorter(siblings).prepare()
    except graphlib.CycleError as circle:
        wrong.append(f"{' -> '.join(reversed(circle.args[1]))}: siblings import one another in a circle")
    return wrong


def test_every_import_points_upwards() -> None:
    """Both packages keep the rule, and both were found."""
    root = Path(__file__).parents[1]
    files = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for package in ("fakenw", "harness")
        for path in sorted(root.glob(f"{package}/**/*.py"))
    }
    assert {"fakenw/__init__.py", "fakenw/records.py", "harness/__init__.py"} <= files.keys()
    wrong = wrong_arrows(files)
    assert not wrong, "\n".join(["imports that break the rule:", *wrong])


def test_tables_are_sound() -> None:
    """No module has two places, and every edge is a room."""
    assert len({room.removesuffix(".*") for room in ORDER}) == len(ORDER)
    assert EDGES.keys() <= set(ORDER)


DOWNWARDS = "fakenw.server stands below fakenw.ledger in ORDER"
OUTSIDE = "only an edge touches the outside world"


@pytest.mark.parametrize(
    ("path", "text", "arrow", "reason"),
    [
        ("fakenw/ledger.py", "import fakenw.server", "fakenw.ledger -> fakenw.server", DOWNWARDS),
        ("fakenw/ledger.py", "from fakenw import server", "fakenw.ledger -> fakenw.server", DOWNWARDS),
        ("fakenw/ledger.py", "from .server import Server", "fakenw.ledger -> fakenw.server.Server", DOWNWARDS),
        ("fakenw/ledger.py", "def late():\n    from . import server", "ledger.py:2: fakenw.ledger -> ", DOWNWARDS),
        (
            "fakenw/wire/packet.py",
            "from .requests.files import Open",
            "fakenw.wire.packet -> fakenw.wire.requests.files.Open",
            "fakenw.wire.requests.* stands below fakenw.wire.packet in ORDER",
        ),
        (
            "fakenw/services/__init__.py",
            "from ..server import Server",
            "fakenw.services -> fakenw.server.Server",
            "fakenw.server stands below fakenw.services.* in ORDER",
        ),
        ("fakenw/__main__.py", "import harness", "fakenw.__main__ -> harness", "never the reverse"),
        ("harness/report.py", "from fakenw.__main__ import main", "harness.report -> fakenw.__main__.main", "is run"),
        ("fakenw/gadget.py", "", "fakenw.gadget", "give it a place in ORDER"),
        ("fakenw/server.py", "import time", "fakenw.server -> time", f"{OUTSIDE}; EDGES grants fakenw.server nothing"),
        ("fakenw/journal.py", "import time", "fakenw.journal -> time", "EDGES grants fakenw.journal only os of it"),
        ("harness/nal.py", "from os import path", "harness.nal -> os.path", OUTSIDE),
        ("harness/nal.py", "from twisted.internet import reactor", "harness.nal -> twisted.internet.reactor", OUTSIDE),
        ("harness/faults.py", "from random import choice", "harness.faults -> random.choice", OUTSIDE),
        ("harness/faults.py", "import random\nrandom.random()", "py:2: harness.faults -> random.random", OUTSIDE),
        ("harness/faults.py", "import random as dice\ndice.random()", "harness.faults -> random.random", OUTSIDE),
    ],
)
def test_wrong_arrow_is_named(path: str, text: str, arrow: str, reason: str) -> None:
    """A wrong import is reported once, with both ends and the reason."""
    (sentence,) = wrong_arrows({path: text})
    assert arrow in sentence
    assert reason in sentence


def test_circle_of_siblings_is_named() -> None:
    """Siblings in a folder may import one another, but not in a circle."""
    there = {"harness/runners/memory.py": "from harness.runners.heap import Heap", "harness/runners/heap.py": ""}
    assert wrong_arrows(there) == []
    (sentence,) = wrong_arrows(there | {"harness/runners/heap.py": "from . import memory"})
    assert "harness.runners.memory -> harness.runners.heap" in sentence
    assert "circle" in sentence


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("fakenw/server.py", "import json\nfrom fakenw.ledger import Ledger\nfrom . import table"),
        ("fakenw/services/__init__.py", "from fakenw.services import files\nfrom fakenw.service import Service"),
        ("fakenw/server.py", "from fakenw import __doc__ as words"),
        ("fakenw/password.py", "import random\nfrom random import Random\n\ndef key(seed: random.Random): ..."),
        ("fakenw/bindery.py", "from random import Random\n\ndef key(random: Random):\n    random.random()"),
        ("fakenw/transports/tcp.py", "from twisted.internet import protocol"),
        ("harness/__main__.py", "import os, time\nfrom harness import bench\nfrom fakenw.server import Server"),
    ],
)
def test_right_arrow_passes(path: str, text: str) -> None:
    """What the rule allows is not reported."""
    assert wrong_arrows({path: text}) == []
