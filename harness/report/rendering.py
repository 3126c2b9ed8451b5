"""The templates of every page and chart, by Jinja.

Rules of this file:

* Whatever a template prints is escaped, unless it is Markup, which only templates and our own style and script are.
* What a terminal or a reader could be fooled with (ESC, NUL, marks that turn the direction of writing, halves of
  surrogate pairs) is written out, as everywhere else in the harness; line breaks stay.
"""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fakenw.journal.sentences import clock, harmless_lines


def _printed(value: object) -> object:
    """*value* as a template prints it; None is nothing."""
    if value is None or isinstance(value, Markup):
        return value or ""
    if isinstance(value, float):
        return f"{value:.12g}"
    return harmless_lines(value)


TEMPLATES = Environment(
    loader=PackageLoader("harness", ""),
    autoescape=True,
    finalize=_printed,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters["clock"] = clock


def render(template: str, /, **values: object) -> Markup:
    """The template at this path under ``harness/``, with these values."""
    return Markup(TEMPLATES.get_template(template).render(values))
