"""The mutants of a module: the operators of cosmic-ray that mean something here, and the deletion of a statement."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator, operator_names

# cosmic-ray replaces every operator by every other one. A text that is subtracted, or an `is` instead of `==`, tells
# nothing about the tests: a comparison becomes its opposite or moves its limit, arithmetic becomes its reverse.
COMPARISONS = "Eq_NotEq NotEq_Eq Is_IsNot IsNot_Is Lt_LtE Lt_GtE LtE_Lt LtE_Gt Gt_GtE Gt_LtE GtE_Gt GtE_Lt"
REPLACEMENTS = {
    "ReplaceComparisonOperator": COMPARISONS.split(),
    "ReplaceBinaryOperator": [
        "Add_Sub",
        "Sub_Add",
        "Mul_FloorDiv",
        "Div_Mul",
        "FloorDiv_Mul",
        "Mod_FloorDiv",
        "BitOr_BitAnd",
    ],
    "ReplaceUnaryOperator": ["Delete_Not", "Delete_USub"],
}


class DeleteStatement(Operator):  # type: ignore[misc]
    """Replaces a statement of a function by ``pass``; the operators of cosmic-ray leave out none."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        if node.type == "simple_stmt" and node.search_ancestor("funcdef"):
            if node.children[0].type in ("string", "assert_stmt"):  # a docstring; an assertion is for mypy
                return
            yield node.start_pos, node.children[0].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        statement = get_ast("pass").children[0]
        statement.prefix = node.get_first_leaf().prefix
        node.children[0] = statement
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


def operators() -> Iterator[tuple[str, Operator]]:
    yield "DeleteStatement", DeleteStatement()
    for full in operator_names():
        name = full.removeprefix("core/")
        family, _, change = name.partition("_")
        operator = get_operator(full)
        if not operator.arguments() and (family not in REPLACEMENTS or change in REPLACEMENTS[family]):
            yield name, operator()


@dataclass(frozen=True)
class Mutant:
    """*line* becomes *mutant*; both are stripped, and several lines are joined by spaces."""

    operator: str
    number: int  # of its first line, from 1
    line: str
    mutant: str
    code: str


def annotated(code: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where annotations begin and end; they are not evaluated."""
    found: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.AnnAssign | ast.arg):
            found.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            found.append(node.returns)
    return [((a.lineno, a.col_offset), (a.end_lineno or 0, a.end_col_offset or 0)) for a in found if a]


def mutants(file: Path) -> Iterator[Mutant]:
    """All of *file*, in the order of its lines; an unchanged or a repeated text is none."""
    original = file.read_text()
    spans, seen = annotated(original), {original}
    found = []
    for name, operator in operators():
        positions = (
            position for node in ast_nodes(get_ast(original)) for position in operator.mutation_positions(node)
        )
        for occurrence, (start, _end) in enumerate(positions):
            code = mutate_code(original, operator, occurrence)
            if code is None or code in seen or any(first <= start < last for first, last in spans):
                continue
            if not compiles(code):
                continue
            if "@dataclass" in original.splitlines()[start[0] - 1]:
                continue  # slots, order and the like: speed, and what Python itself would tell
            seen.add(code)
            found.append(Mutant(name, start[0], *difference(original, code), code))
    yield from sorted(found, key=lambda mutant: (mutant.number, mutant.operator, mutant.mutant))


def compiles(code: str) -> bool:
    """Not where the star of keyword-only parameters was taken for an operator."""
    try:
        ast.parse(code)
    except SyntaxError:
        return False
    return True


def difference(original: str, code: str) -> tuple[str, str]:
    lines = list(difflib.ndiff(original.splitlines(), code.splitlines()))
    removed, added = ([" ".join(line[2:].split()) for line in lines if line[0] == sign] for sign in "-+")
    return " ".join(removed), " ".join(added)
