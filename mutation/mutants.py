"""One module -> its mutants: each differs from it by one change.

The changes are those of Cosmic Ray's operators, and three of our own: a statement does nothing, a ``raise`` or
``return`` among them; an ``except`` no longer catches one of its exceptions; a call loses one keyword argument.

Left out is what says nothing about the tests: a change that is no Python, or only with a warning, or that asks which
of two words is the greater; one of what does not run (annotations), of how a parameter may be passed, of what a cache
keeps, which changes the time and not the answer; and one that another operator has made already.
"""

import ast
import difflib
import itertools
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

__all__ = ["Mutant", "mutants_of"]


@attrs.frozen
class Mutant:
    """A module with one change. It is known by what the line was and what it becomes, not by its number."""

    path: Path
    line: int
    was: str
    becomes: str
    source: str = attrs.field(repr=False)


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Yield every mutant of a module."""
    source = path.read_text(encoding="utf-8")
    seen = {_meaning(source), None}
    for mutated in [*_by_cosmic_ray(source), *_without_a_part(source)]:
        meaning = _meaning(mutated)
        if meaning not in seen:
            seen.add(meaning)
            yield _mutant(path, source, mutated)


def _by_cosmic_ray(source: str) -> Iterator[str]:
    tree = get_ast(source)
    for name in operator_names():
        make = get_operator(name)
        # Some would have to be told which variables to confuse; this one cannot read ``except (module.Error, Other)``.
        if make.arguments() or name.endswith("/ExceptionReplacer"):
            continue
        operator = make()
        count = sum(1 for node in ast_nodes(tree) for _ in operator.mutation_positions(node))
        for occurrence in range(count):
            yield mutate_code(source, operator, occurrence)


def _without_a_part(source: str) -> Iterator[str]:
    lines = source.encode().splitlines(keepends=True)
    starts = [0, *itertools.accumulate(len(line) for line in lines)]
    for node in ast.walk(ast.parse(source)):
        for part, instead in _parts(node):
            start = starts[part.lineno - 1] + part.col_offset
            end = starts[(part.end_lineno or 0) - 1] + (part.end_col_offset or 0)
            yield (source.encode()[:start] + instead + source.encode()[end:]).decode()


def _parts(node: ast.AST) -> Iterator[tuple[Any, bytes]]:
    """Yield the parts of a node that may go, and what stands in their place."""
    match node:
        case ast.Expr(value=ast.Constant()):
            return  # a docstring
        case (
            ast.Assign(targets=[ast.Name(id="__all__" | "__slots__")]) | ast.AnnAssign(annotation=ast.Name("TypeAlias"))
        ):
            return  # what is exported, how memory is saved, and a name for type checkers
        case ast.Expr() | ast.Assign() | ast.AnnAssign(value=ast.expr()) | ast.AugAssign() | ast.Return() | ast.Raise():
            yield node, b"pass"
        case ast.ExceptHandler(type=ast.Tuple(elts=kinds)):
            yield from ((kind, b"()") for kind in kinds)
        case ast.ExceptHandler(type=ast.expr() as kind):
            yield kind, b"()"
        case ast.Call(keywords=keywords):
            yield from ((keyword, b"") for keyword in keywords if keyword.arg)


def _meaning(source: str) -> str | None:
    """Return what a module does, as a text that can be compared, or None where it is nothing that anybody writes."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tree = ast.parse(source)
            compile(tree, "mutant", "exec")
    except (SyntaxError, SyntaxWarning):
        return None
    for node in ast.walk(tree):
        if _orders_words(node):
            return None
        _simplify(node)
    return ast.dump(tree)


def _orders_words(node: ast.AST) -> bool:
    if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], (ast.Lt, ast.LtE, ast.Gt, ast.GtE)):
        return False
    sides = (node.left, *node.comparators)
    return any(isinstance(side, ast.Constant) and isinstance(side.value, str) for side in sides)


def _simplify(node: ast.AST) -> None:
    """Take out of a node what makes no other answer."""
    match node:
        case ast.arguments():
            node.args = [*node.posonlyargs, *node.args, *node.kwonlyargs]
            node.defaults = [*node.defaults, *filter(None, node.kw_defaults)]
            node.posonlyargs, node.kwonlyargs, node.kw_defaults = [], [], []
        case ast.arg() | ast.AnnAssign():
            node.annotation = ast.Constant(None)
        case ast.Compare(left=ast.Attribute(attr="__class__"), ops=[ast.Eq() | ast.NotEq() as operator]):
            node.ops = [ast.Is() if isinstance(operator, ast.Eq) else ast.IsNot()]
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            node.returns = None
            if isinstance(node.body[-1], ast.Return) and ast.unparse(node.body[-1]) == "return None":
                node.body[-1] = ast.Pass()
            node.decorator_list = [each for each in node.decorator_list if "cache" not in ast.dump(each)]


def _mutant(path: Path, source: str, mutated: str) -> Mutant:
    before, after = source.splitlines(), mutated.splitlines()
    steps = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    changed = [step for step in steps if step[0] != "equal"]
    start, end = changed[0][1], changed[-1][2]
    was = " ".join(line.strip() for line in before[start:end])
    becomes = " ".join(line.strip() for line in after[changed[0][3] : changed[-1][4]])
    return Mutant(path, start + 1, was, becomes, mutated)
