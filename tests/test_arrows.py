"""Rooms import only from rooms on their left; imports inside functions are walked too."""

import ast
from pathlib import Path

import pytest

import healthml

PACKAGE = Path(healthml.__file__).parent

# From left to right. Rooms that share a level are siblings and never import each other.
LEVELS = (
    ("_core",),
    ("schema",),
    ("metrics", "meta_analysis"),
    ("cleaning", "imputation", "resampling"),
    ("validation",),
    ("explanation", "fairness", "monitoring"),
    ("reporting",),
)
FLOOR = {"exceptions", "_core"}  # exceptions stand below everything
MAY_IMPORT = {
    room: FLOOR.union(*LEVELS[:level]) for level, rooms in enumerate(LEVELS) for room in rooms
}
MAY_IMPORT |= {
    "exceptions": set(),
    "_core": {"exceptions"},
    "privacy": FLOOR | {"schema"},
    "datasets": FLOOR | {"schema"},
}
RIGHTMOST = {"__init__", "__main__"}  # the doors of the house open on every room


def imported_rooms(source, module):
    """Return {room: line} for every import of healthml in a module's source."""
    package, rooms = module.split(".")[:-1], {}
    for node in ast.walk(ast.parse(source)):
        for name in _imported_names(node, package):
            parts = name.split(".")
            if parts[0] == "healthml" and len(parts) > 1:
                rooms.setdefault(parts[1], node.lineno)
    return rooms


def _imported_names(node, package):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        above = package[: len(package) - node.level + 1] if node.level else []
        origin = ".".join([*above, *([node.module] if node.module else [])])
        # `from healthml import metrics` names a room; `from healthml.metrics import x` does not
        return [f"{origin}.{a.name}" for a in node.names] if origin == "healthml" else [origin]
    if isinstance(node, ast.Call) and _is_import_call(node):
        name = node.args[0].value
        return [".".join(package) + name if name.startswith(".") else name]
    return []


def _is_import_call(node):
    called = getattr(node.func, "attr", getattr(node.func, "id", None))
    constant = node.args and isinstance(node.args[0], ast.Constant)
    return called in {"import_module", "__import__"} and constant


def violations(source, module):
    """Return one sentence for each import of a module that its room may not have."""
    room = module.split(".")[1]
    if room in RIGHTMOST:
        return []
    return [
        f"{module}, line {line}: {room} may not import {other}"
        for other, line in imported_rooms(source, module).items()
        if other not in MAY_IMPORT[room] | {room, "__version__"}
    ]


def _modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        yield ".".join(["healthml", *path.relative_to(PACKAGE).with_suffix("").parts]), path


MODULES = dict(_modules())


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_left(module):
    assert violations(MODULES[module].read_text(encoding="utf-8"), module) == []


def test_every_room_has_its_place():
    assert {module.split(".")[1] for module in MODULES} <= set(MAY_IMPORT) | RIGHTMOST


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("healthml.metrics._auc", "from healthml.validation import optimism"),
        ("healthml.metrics._auc", "import healthml.validation._optimism as v"),
        ("healthml.metrics._auc", "from healthml import metrics, validation"),
        ("healthml.metrics._auc", "def f():\n    from healthml.reporting._audit import audit"),
        (
            "healthml.metrics._auc",
            "from importlib import import_module as load\nimport healthml.cleaning",
        ),
        ("healthml.metrics._auc", "def f():\n    return import_module('healthml.fairness')"),
        ("healthml.metrics._auc", "from ..validation import optimism"),
        ("healthml.metrics._auc", "from .. import validation"),
        ("healthml.metrics._auc", "from healthml import audit"),
        ("healthml.cleaning._quality.report", "from healthml.imputation import missingness_report"),
        ("healthml.fairness._gaps", "from healthml.explanation import importance"),
        ("healthml._core._checks", "from healthml.schema import Schema"),
        ("healthml.schema", "from healthml.metrics import auroc"),
        ("healthml.datasets._simulate", "from healthml.metrics import auroc"),
        ("healthml.reporting._audit", "from healthml.datasets import make_ehr_cohort"),
        ("healthml.exceptions", "from healthml._core import _checks"),
    ],
)
def test_an_arrow_that_runs_back_is_found(module, source):
    assert len(violations(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("healthml.metrics._auc", "from healthml._core._checks import check_event"),
        ("healthml.metrics._auc", "from healthml.metrics._curves.calibration import curve"),
        ("healthml.metrics._auc", "from ._curve import curve"),
        ("healthml.reporting._audit", "from healthml import __version__, metrics"),
        ("healthml.reporting._audit", "import numpy\nfrom healthml.exceptions import InputError"),
        ("healthml.__main__", "from healthml.datasets import make_ehr_cohort"),
    ],
)
def test_an_arrow_that_runs_left_is_not(module, source):
    assert violations(source, module) == []
