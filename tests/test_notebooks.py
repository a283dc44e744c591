"""Each notebook asks one question, runs top to bottom, is seeded, and ends in a table."""

import ast
import inspect
import json
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parent.parent
if not (ROOT / "notebooks").is_dir():
    pytest.skip("the notebooks are not beside the tests", allow_module_level=True)

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# notebook -> why it runs only where slow tests are asked for; building the pages runs them all
SLOW = {
    "audit.ipynb": "two audits",
    "explanation.ipynb": "refits of boosted trees",
    "resampling.ipynb": "two comparisons of strategies",
}
# A page that is read in ten minutes; by judgement
MOST_CELLS, MOST_LINES = 26, 160


def cells(path, kind):
    """Return the sources of a notebook's cells of one kind."""
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == kind]


def run(path):
    """Run a notebook's code as a kernel does; return its names and what the last cell shows."""
    names, shown = {}, None
    for number, code in enumerate(cells(path, "code"), 1):
        tree, shown = ast.parse(code), None
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        where = f"{path.name}, code cell {number}"
        exec(compile(tree, where, "exec"), names)
        if last is not None:
            shown = eval(compile(ast.Expression(last.value), where, "eval"), names)
    return names, shown


def unseeded(path, names):
    """Return the calls of a notebook that draw at random and are given no seed."""
    calls = (
        node
        for code in cells(path, "code")
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    )
    return [
        call.func.id
        for call in calls
        if _draws(names.get(call.func.id))
        and not any(keyword.arg == "random_state" for keyword in call.keywords)
    ]


# Their default solver or splitter draws nothing
DRAW_NOTHING = {"LogisticRegression", "StandardScaler", "DecisionTreeClassifier", "SMOTE"}


def _draws(thing):
    if not callable(thing) or getattr(thing, "__name__", "") in DRAW_NOTHING:
        return False
    try:
        return "random_state" in inspect.signature(thing).parameters
    except (TypeError, ValueError):
        return False


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.slow] * (path.name in SLOW), id=path.stem)
        for path in NOTEBOOKS
    ],
)
def test_a_notebook_runs_is_seeded_and_ends_in_a_table(path, monkeypatch, capsys):
    monkeypatch.chdir(path.parent)
    plt.close("all")
    with warnings.catch_warnings():
        warnings.simplefilter("default")  # a reader sees them too; they are no failure
        names, shown = run(path)
    plt.close("all")
    assert isinstance(shown, pd.DataFrame), "the last cell shows no table"
    assert len(shown)
    assert unseeded(path, names) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_short_asks_one_question_and_holds_no_output(path):
    text, code = cells(path, "markdown"), cells(path, "code")
    assert text[0].startswith("# ")
    assert "question" in text[0]
    assert len(text) + len(code) <= MOST_CELLS
    assert sum(part.count("\n") + 1 for part in code) <= MOST_LINES
    stored = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") for cell in stored), "built pages hold the outputs"


def test_what_draws_without_a_seed_is_found(tmp_path):
    from sklearn.model_selection import train_test_split

    path = tmp_path / "n.ipynb"
    cell = {"cell_type": "code", "source": ["train_test_split([1, 2])"]}
    path.write_text(json.dumps({"cells": [cell]}), encoding="utf-8")
    assert unseeded(path, {"train_test_split": train_test_split}) == ["train_test_split"]


def test_what_r_printed_was_printed_by_the_script_that_is_kept():
    folder = ROOT / "notebooks" / "r"
    script = (folder / "external_validation.R").read_text(encoding="utf-8")
    kept = pd.read_csv(folder / "external_validation.csv")
    asked = [line.split('"')[1] for line in script.splitlines() if line.startswith("keep(")]
    assert kept["quantity"].tolist() == asked
