"""Only edges touch the outside world. Which package may import which is told to import-linter, in pyproject.toml.

The rule is checked on the syntax tree, so imports inside functions and under TYPE_CHECKING count as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Sockets, clocks, the environment, processes, entropy. The type random.Random is free for all: its user gets one from
# an edge, seeded.
WORLD = {"asyncio", "os", "random", "secrets", "select", "selectors", "signal", "socket", "subprocess", "threading"}
WORLD |= {"time", "twisted"}

# The edges, files or folders, and what of WORLD each may import.
EDGES = {
    "fakenw/admin/bounded_http.py": {"twisted"},
    "fakenw/admin/client.py": {"time"},
    "fakenw/admin/http.py": {"twisted"},
    "fakenw/admin/ready_file.py": {"os"},
    "fakenw/cli/around.py": {"twisted"},
    "fakenw/cli/serving.py": WORLD,
    "fakenw/cli/following.py": {"time"},
    "fakenw/cli/running.py": {"asyncio", "os", "time", "twisted"},
    "fakenw/cli/start.py": {"os", "signal"},
    "fakenw/cli/wire.py": {"twisted"},
    "fakenw/cli/twistd.py": {"secrets", "twisted"},
    "fakenw/health.py": {"os", "socket"},
    "fakenw/journal/pipe.py": {"os", "select"},
    "fakenw/journal/writer.py": {"os"},  # a record is out before its reply: write(2)
    "fakenw/server_process.py": {"os", "signal", "subprocess", "time"},
    "fakenw/transports/ipx/tap_link.py": {"os", "socket"},
    "fakenw/transports/monotonic_clock.py": {"time"},
    "fakenw/transports/": {"asyncio", "socket", "twisted"},
    "fakenw/volumes/host_directory.py": {"os"},
    "fakenw/volumes/host_listings.py": {"os", "time"},
    "harness/cli/asserting.py": {"time"},
    "harness/cli/exploring.py": {"threading", "time"},
    "harness/cli/holding.py": {"threading"},
    "harness/cli/load.py": WORLD,
    "harness/cli/progress.py": {"time"},
    "harness/cli/stopping.py": {"signal", "threading"},
    "harness/cli/worker_options.py": {"os"},
    "harness/load/": WORLD,
    "harness/runners/": WORLD,
    "harness/testing/netware.py": {"socket", "subprocess", "time"},
    "harness/testing/pytest_plugin.py": {"threading"},
}


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The imports of a module: (line, dotted name), and what is taken from random as an attribute."""
    aliases = [alias for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    randoms = {alias.asname or alias.name for alias in aliases if alias.name == "random"}
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from ((node.lineno, alias.name) for alias in node.names)
            case ast.ImportFrom(module=str(owner), level=0):
                yield from ((node.lineno, f"{owner}.{alias.name}") for alias in node.names)
            case ast.Attribute(value=ast.Name(id=name)) if name in randoms:
                yield node.lineno, f"random.{node.attr}"


def trespasses(path: str, text: str) -> list[str]:
    """A sentence for each import in the file *path* that only an edge may have."""
    allowed = next((world for edge, world in EDGES.items() if path.startswith(edge)), set())
    return [
        f"{path}:{line}: imports {name}: only an edge touches the outside world; EDGES grants this file "
        f"{', '.join(sorted(allowed)) or 'nothing'}"
        for line, name in imported(ast.parse(text, path))
        if name.split(".")[0] in WORLD - allowed and name not in ("random", "random.Random")
    ]


def test_only_edges_touch_the_outside_world() -> None:
    """Every file of both packages keeps the rule, and every edge is a file or a folder."""
    paths = [path for package in ("fakenw", "harness") for path in sorted(ROOT.glob(f"{package}/**/*.py"))]
    assert len(paths) > 100
    wrong = [line for path in paths for line in trespasses(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))]
    assert not wrong, "\n".join(wrong)
    assert all((ROOT / edge).exists() for edge in EDGES)


def test_a_trespass_is_named() -> None:
    """With its line, inside a function too; the type random.Random is free for all."""
    text = (
        "import time\nimport random as dice\ndef late(seed: dice.Random):\n    from os import path\n    dice.random()"
    )
    told = trespasses("fakenw/core/server.py", text)
    assert [line.split(": only")[0] for line in told] == [
        f"fakenw/core/server.py:{line}: imports {name}"
        for line, name in ((1, "time"), (4, "os.path"), (5, "random.random"))
    ]
    assert trespasses("fakenw/transports/tcp.py", "from twisted.internet import protocol") == []
