"""HTML and SVG as text that is escaped by construction.

Rules of this file:

* Whatever is put into an element or an attribute is escaped, unless it is Markup, and Markup comes from here.
* What a terminal or a reader could be fooled with (ESC, NUL, marks that turn the direction of writing, halves of
  surrogate pairs) is written out, as everywhere else in the harness; line breaks stay.
"""

from __future__ import annotations

import html

from fakenw.journal.sentences import harmless

_EMPTY = frozenset({"meta", "br", "hr", "link", "img", "input"})  # elements of HTML that have no end


class Markup(str):
    """Text that is markup already."""


def escaped(text: object) -> Markup:
    """*text* as the content of an element or of an attribute in quotes."""
    if isinstance(text, Markup):
        return text
    return Markup(html.escape("\n".join(harmless(line) for line in str(text).split("\n"))))


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """The element *name*. Attributes that are None or False are left out; ``class_`` is class, ``stroke_width`` too."""
    given = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escaped(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _EMPTY:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{joined(*children)}</{name}>")


def joined(*parts: object) -> Markup:
    """Parts one behind the other; None is nothing."""
    return Markup("".join(escaped(part) for part in parts if part is not None))
