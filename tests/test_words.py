"""Names, words and constants that the next reader understands.

No prose for variables, no riddles in texts, no file that its neighbours must explain, and no bare
numbers.
"""

import ast
import re
from pathlib import Path

import pytest

import healthml

PACKAGE = Path(healthml.__file__).parent
# Words of a sentence, not names of things; a variable is named by what it holds
PROSE = {"gone", "mine", "one", "ours", "said", "theirs", "told", "who", "whom"}
# A collection that starts empty says what it will hold, not that it will hold something
VAGUE = {"found", "kept", "known", "stuff", "things"}
# Riddles that stood in docstrings and on pages once; each had a plain word beside it
RIDDLE = re.compile(
    r"counted and said|dealt anew|deals? [a-z ]*anew|are dealt|slip of the pen|coin[- ]toss|"
    r"toss of a coin",
    re.IGNORECASE,
)
# File names that say nothing without their neighbours, and those that were renamed for it
NAMELESS = {
    *("auto", "bend", "body", "common", "exchange", "extra", "fast", "helper", "helpers"),
    *("leak_again", "main", "misc", "mishaps", "more", "other", "others", "part", "parts"),
    *("quickpred", "settings", "slow_intervals", "stuff", "things", "tools", "two_level"),
    *("util", "utils", "various"),
}
TEST_NAMES = re.compile(r"test_.*|.*_test")  # looks like a file of tests
PUBLIC_TESTS = {"permutation_test"}  # the public function of that name
CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*")


def files():
    return {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob("*.py"))}


FILES = files()


def pages():
    """Return every text that a user reads: sources, pages, notebooks, templates."""
    root = PACKAGE.parent
    places = [PACKAGE, *(root / name for name in ("docs", "notebooks", "benchmarks"))]
    kinds = ("*.py", "*.md", "*.rst", "*.ipynb", "*.html")
    found = [path for place in places for kind in kinds for path in place.rglob(kind)]
    return [*found, *root.glob("*.md")]


def riddles(text):
    """Return the riddles in a text, line breaks aside."""
    return RIDDLE.findall(" ".join(text.split()))


def vague_collections(source):
    """Return (name, line) of collections that start empty under a name that says nothing."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
            both = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            pairs = zip(target.elts, value.elts, strict=True) if both else [(target, value)]
            found += [
                (name.id, node.lineno)
                for name, made in pairs
                if isinstance(name, ast.Name) and name.id in VAGUE and _is_empty(made)
            ]
    return found


def _is_empty(node):
    if isinstance(node, ast.Call):
        return getattr(node.func, "id", "") in {"set", "dict", "list"} and not node.args
    return not getattr(node, "elts" if isinstance(node, ast.List) else "keys", [node])


def is_nameless(stem):
    """Say whether a file's name says nothing, or looks like a file of tests."""
    stem = stem.strip("_")
    return stem in NAMELESS or bool(TEST_NAMES.fullmatch(stem) and stem not in PUBLIC_TESTS)


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
    found = prose_names(FILES[name].read_text(encoding="utf-8"))
    assert found == [], f"{name}: name these (name, line) by what they hold, not {sorted(PROSE)}"


@pytest.mark.parametrize("name", FILES)
def test_a_collection_says_what_it_holds(name):
    found = vague_collections(FILES[name].read_text(encoding="utf-8"))
    assert found == [], (
        f"{name}: these (name, line) start empty; name what will be in them (rows, columns, "
        f"findings, ...), not {sorted(VAGUE)}"
    )


def test_no_page_speaks_in_riddles():
    texts = {path.name: riddles(path.read_text(encoding="utf-8")) for path in pages()}
    found = {name: words for name, words in texts.items() if words}
    assert found == {}, "say it in plain words"


def test_every_file_is_named_by_what_it_holds():
    stems = {part.removesuffix(".py") for name in FILES for part in Path(name).parts}
    found = [stem for stem in stems - {"__init__", "__main__"} if is_nameless(stem)]
    assert found == [], "name a file by what it holds, so that nobody must open its neighbours"


@pytest.mark.parametrize("name", FILES)
def test_a_constant_says_what_it_is(name):
    found = bare_constants(FILES[name].read_text(encoding="utf-8"))
    assert found == [], (
        f"{name}: say in a comment above these (name, line) where the value comes from (a paper, a "
        "simulation, or judgement) and what happens when it is moved"
    )


def test_prose_and_bare_numbers_are_found():
    assert prose_names("for one in x:\n    said = 1\ndef f(who, *, n_rows): pass") == [
        ("one", 1),
        ("said", 2),
        ("who", 3),
    ]
    assert bare_constants("A = 3\n\n# because\nB = 4\nC = 5  # why\nD = 6\n'''Why.'''") == [
        ("A", 1)
    ]
    assert vague_collections("found = []\nrows, kept = [], {}\nknown = f()\nseen = [1]") == [
        ("found", 1),
        ("kept", 2),
    ]
    assert riddles("Failures are counted\nand said; folds are dealt anew.") == [
        "counted and said",
        "are dealt",
    ]
    assert all(map(is_nameless, ("_mishaps", "utils", "closed_test")))
    assert not any(map(is_nameless, ("suspects", "permutation_test")))
