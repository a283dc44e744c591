"""Names and constants that the next reader understands: no prose for variables, no bare numbers."""

import ast
import re
from pathlib import Path

import pytest

import healthml

PACKAGE = Path(healthml.__file__).parent
# Words of a sentence, not names of things; a variable is named by what it holds
PROSE = {"gone", "mine", "one", "ours", "said", "theirs", "told", "who", "whom"}
CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*")


def files():
    return {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob("*.py"))}


FILES = files()


def prose_names(source):
    """Return (name, line) of every variable or parameter named by a word of a sentence."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.append((node.id, node.lineno))
        elif isinstance(node, ast.arg):
            found.append((node.arg, node.lineno))
    return [(name, line) for name, line in found if name.strip("_") in PROSE]


def bare_constants(source):
    """Return (name, line) of numbers of a module without a comment or a docstring beside them."""
    lines, body, found = source.splitlines(), ast.parse(source).body, []
    for node, after in zip(body, [*body[1:], None], strict=True):
        if not (isinstance(node, ast.Assign) and _is_number(node)):
            continue
        above = lines[node.lineno - 2].strip() if node.lineno > 1 else ""
        beside = any("#" in lines[k] for k in range(node.lineno - 1, node.end_lineno))
        below = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if not (above.startswith("#") or beside or below):
            found.append((ast.unparse(node.targets[0]), node.lineno))
    return found


def _is_number(node):
    names = [n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    values = [n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant)]
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    return bool(names) and all(map(CONSTANT.fullmatch, names)) and bool(numbers)


@pytest.mark.parametrize("name", FILES)
def test_variables_are_named_by_what_they_hold(name):
    assert prose_names(FILES[name].read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", FILES)
def test_a_constant_says_what_it_is(name):
    assert bare_constants(FILES[name].read_text(encoding="utf-8")) == []


def test_prose_and_bare_numbers_are_found():
    assert prose_names("for one in x:\n    said = 1\ndef f(who, *, n_rows): pass") == [
        ("one", 1),
        ("said", 2),
        ("who", 3),
    ]
    assert bare_constants("A = 3\n\n# because\nB = 4\nC = 5  # why\nD = 6\n'''Why.'''") == [
        ("A", 1)
    ]
