"""Two scenario files, the smallest and one with everything, and what comes of reading them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.scenario.scenario import Scenario, ScenarioError, load

MINUTE = 60_000_000

LEAST = """\
format: 1
id: mine
title: the least
source: ours
servers: [{name: FAKENW}]
clients:
  - name: workstation
    script: [nal.close]
"""

FULL = r"""format: 1
id: mine
title: a bit of everything
source: ours
servers:
  - name: fakenw
    release: "3.12"
    users: [joe:a:b, ANN]
clients:
  - name: workstation
    user: joe:secret
    script:
      - nal.open: {path: 'NWBIND:["SMS_SITE=GS1"]\\FAKENW\SYS\CAP\', owner: SMSCCMBootAcct}
      - apm.open:
          file: SYS:PUBLIC/NLIST.EXE
      - wait: 10m
      - repeat:
          times: 2
          script: [nal.close]
checks:
  - released: {within: 5m}
variants:
  shipped: {expect: leaked}
"""


def read(folder: Path, text: str | bytes) -> Scenario:
    """Write a file and read it as a scenario."""
    path = folder / "my.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(path)


def mistakes(folder: Path, text: str | bytes) -> list[str]:
    """What is wrong with a file, without the folder it is in."""
    with pytest.raises(ScenarioError) as caught:
        read(folder, text)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return [problem.replace(f"{folder}/", "") for problem in caught.value.problems]


def changed(old: str, new: str, text: str = FULL) -> str:
    """*text* with one thing changed; it must be there exactly once."""
    assert text.count(old) == 1
    return text.replace(old, new)
