"""What would decide an open question, and what to do about a license that leaked, in sentences.

Rules of this file:

* A ``Need`` is one thing that is missing about one subject: a machine, a user, a file. Needs of a kind are one
  sentence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from fakenw.journal.sentences import harmless

Kind = Literal["account", "list", "server", "tree", "dump", "machine", "path", "names", "which", "log"]
SHOWN = 5  # subjects of a sentence

_SENTENCES: dict[Kind, str] = {
    "account": "the client connection accounts of SMS: --account {0}, if it is one",
    "list": "one more list, taken half an hour later, with the columns since and requests (--connections for each)",
    "server": "the server of the list: --server NAME, or a column server",
    "tree": "the server that holds the volume in the tree {0}: --tree {0}=SERVER",
    "dump": r"the registry of {0}, key HKEY_LOCAL_MACHINE\Software\Microsoft\NAL: --registry ADDRESS=FILE",
    "machine": "the machine of {0}: --registry ADDRESS={0}",
    "path": "the value with the NAL path in {0}: --value-name path=NAME",
    "names": "the names of the counts in {0}: --value-name persistence=NAME and --value-name reference=NAME",
    "which": "the registry of {0} again, after one of its connections to that server has ended",
    "log": "NAL's log on {0} (KB Q243385), from the time when the connection was made: was its release refused?",
}


@dataclass(frozen=True, slots=True)
class Need:
    """Something that is missing; *subject* is the machine, user, tree or file that it is about."""

    kind: Kind
    subject: str = ""


def sentences(needs: Iterable[Need]) -> list[str]:
    """A sentence for each kind of need, in the order of their first."""
    subjects: dict[Kind, dict[str, None]] = {}
    for need in needs:
        subjects.setdefault(need.kind, {})[need.subject] = None
    return [_sentence(kind, list(about)) for kind, about in subjects.items()]


def _sentence(kind: Kind, subjects: list[str]) -> str:
    if kind == "account":
        return _SENTENCES[kind].format(harmless(" or --account ".join(subjects[:SHOWN])))
    if kind in ("tree", "machine") and len(subjects) > 1:  # the options of each
        return "; ".join(_SENTENCES[kind].format(harmless(subject)) for subject in subjects[:SHOWN])
    sentence = _SENTENCES[kind].format(harmless(listed(subjects)))
    one_machine = kind == "dump" and not subjects[1:] and " " not in subjects[0]
    return sentence.replace("ADDRESS=", f"{harmless(subjects[0])}=") if one_machine else sentence


def listed(subjects: list[str]) -> str:
    """Some of *subjects*, and how many there are besides."""
    more = f" and {len(subjects) - SHOWN} more" if subjects[SHOWN:] else ""
    return ", ".join(subjects[:SHOWN]) + more
