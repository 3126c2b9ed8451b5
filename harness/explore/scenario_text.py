"""A plan as the text of a scenario file, which ``harness run`` carries out in the same way.

Rules of this file:

* All settings stand at the servers and clients that have them. The one variant has its name, and its title.
* A user's own file of behaviors is not in it: it is given with ``--behaviors`` again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from fakenw.config.field_types import seconds
from harness.scenario.plan import Plan
from harness.scenario.scenario import Scenario


def as_data(plan: Plan, strangers: Sequence[str] = ()) -> dict[str, Any]:
    """The content of the file; *strangers* are those of the plan's scenario."""
    dumped = plan.model_dump(mode="json", exclude_defaults=True)
    times = {name: seconds(time) for name in ("idle_after", "timeout") if (time := getattr(plan, name)) is not None}
    kept = {
        name: dumped[name] for name in ("servers", "clients", "faults", "checks", "expect", "fails") if dumped.get(name)
    }
    variant = {"title": plan.why} if plan.why else {}
    return {
        **{"format": 1, "id": plan.scenario, "title": plan.title, "source": plan.source},
        **{"transport": plan.transport, "seed": plan.seed, **times},
        **({"strangers": list(strangers)} if strangers else {}),
        **kept,
        "variants": {plan.variant: variant},
    }


def as_text(plan: Plan, strangers: Sequence[str] = (), comment: Sequence[str] = ()) -> str:
    """The file, with the lines of *comment* above."""
    lines = "".join(f"# {line}".rstrip() + "\n" for line in comment)
    return lines + yaml.safe_dump(as_data(plan, strangers), sort_keys=False, allow_unicode=True, width=120)


def plan_of(text: str, behaviors: Sequence[str] = ()) -> Plan:
    """The plan from the text of such a file, or from the same data as JSON. Raises ScenarioError."""
    (plan,) = Scenario.read(yaml.safe_load(text), "the plan").plans(behaviors=behaviors)
    return plan
