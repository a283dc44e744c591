"""Arrows of the house: rooms import from their left, through doors, and never in a circle.

Three rules, each also tried on code that breaks it:

1. a room imports only from rooms on its left (`LEVELS`), imports inside functions included;
2. another room, or another private folder of one's own room, is entered through its door: public
   names, or what a private folder's `__init__` hands out; every module of `_core` is a door;
3. inside a room, an entry imports only from entries on floors below its own (`FLOORS`), and no
   files import each other in a circle.
"""

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
    ("_command_line",),
)
BELOW_ALL = {"exceptions", "_version", "_core"}
MAY_IMPORT = {
    room: BELOW_ALL.union(*LEVELS[:level]) for level, rooms in enumerate(LEVELS) for room in rooms
}
MAY_IMPORT |= {
    "exceptions": set(),
    "_version": set(),
    "_core": {"exceptions", "_version"},
    "privacy": BELOW_ALL | {"schema"},
    "records": BELOW_ALL | {"schema"},
    "datasets": BELOW_ALL | {"schema"},
    "interop": BELOW_ALL | {"schema", "cleaning"},
}
MAY_IMPORT["_command_line"] |= {"datasets"}  # the demo
RIGHTMOST = {"__init__", "__main__"}  # the doors of the house open on every room

# Inside a room, from the ground up: an entry imports only from floors below its own.
FLOORS = {
    "_core": (
        ("_contingency", "_displays", "_findings", "_intervals", "_knowledge", "_numerics"),
        ("_parallel", "_release", "_tables"),
        ("_checks", "_fingerprints", "_recalibration", "_results"),
        ("_paired", "_routing"),
        ("_bootstrap", "_inputs"),
        ("_sample",),
    ),
    "schema": (("_split", "_text", "_variable"), ("_eligibility", "_infer"), ("_schema",)),
    "metrics": (
        ("_batched", "_multiclass", "_smoothers"),
        ("_measures",),
        ("_scorers", "_uncertainty"),
        ("_compare", "_curves", "_delong", "_performance"),
    ),
    "meta_analysis": (
        ("_heterogeneity",),
        ("_options",),
        ("_poisson", "_random_effects"),
        ("_regression",),
    ),
    "cleaning": (
        ("_columns", "_labels", "_rows"),
        ("_record",),
        ("_categories", "_dates", "_lab_values", "_plausible", "_units"),
        ("_cross_field", "_missing_codes"),
        ("_cleaner",),
        ("_quality",),
    ),
    "imputation": (
        ("_draws", "_missingness", "_pooled", "_table"),
        ("_chained", "_compare", "_indicator", "_longitudinal"),
        ("_multiple", "_sensitivity"),
    ),
    "validation": (
        ("_reference_models", "_sample_size", "_splits", "_task"),
        ("_refits",),
        ("_scoring", "_transport"),
        ("_compare", "_external", "_leakage", "_validate"),
        ("_stability",),
    ),
    "resampling": (
        ("_firth", "_learner"),
        ("_correction", "_guards", "_prevalence", "_samplers", "_threshold"),
        ("_resampled",),
    ),
    "reporting": (
        ("_case", "_declared", "_format", "_items", "_judged", "_lines", "_page", "_table_one"),
        ("_report",),
        ("_checks", "_compare"),
        ("_plan",),
        ("_audit",),
    ),
    "datasets": (
        ("_draft", "_encounters", "_fetch", "_strengths", "_truth"),
        ("_defects_text", "_defects_values", "_risk"),
        ("_defects", "_outcome"),
        ("_simulate",),
    ),
    "explanation": (
        ("_displays", "_domain", "_points", "_reading"),
        ("_shapley",),
        ("_explain",),
        ("_counterfactual", "_effects", "_importance", "_report", "_stability"),
    ),
    "fairness": (
        ("_attributes", "_sums"),
        ("_estimates",),
        ("_contrasts",),
        ("_performance",),
        ("_along", "_causes", "_mitigation"),
    ),
    "_command_line": (("options", "outputs", "repeat", "tables"), ("commands",)),
}
MOST_ENTRIES = {"_core": 18}  # what all rooms share stands here once; 15 elsewhere


def modules():
    """Return {dotted name: path} of the package; a folder's name stands for its `__init__`."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ["healthml", *path.relative_to(PACKAGE).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)] = path
    return found


MODULES = modules()
FOLDERS = {name for name, path in MODULES.items() if path.name == "__init__.py"}


def imports_of(source, module, *, folder=False):
    """Return (dotted origin, name or None, line) for every import of healthml in a source."""
    package = module.split(".") if folder else module.split(".")[:-1]
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(alias.name, None, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            found += [(origin, alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.Call) and _is_import_call(node):
            name = node.args[0].value
            name = ".".join(package) + name if name.startswith(".") else name
            found.append((name, None, node.lineno))
    return [item for item in found if item[0].split(".")[0] == "healthml"]


def _is_import_call(node):
    called = getattr(node.func, "attr", getattr(node.func, "id", None))
    constant = node.args and isinstance(node.args[0], ast.Constant)
    return called in {"import_module", "__import__"} and constant


def _rooms(source, module):
    """Return {room: line}; `from healthml import metrics` names a room as `_version` does."""
    rooms = {}
    for origin, name, line in imports_of(source, module):
        parts = origin.split(".")
        room = parts[1] if len(parts) > 1 else name
        if room:
            rooms.setdefault(room, line)
    return rooms


def backward(source, module):
    """Return one sentence for each import of a module that its room may not have."""
    room = module.split(".")[1]
    if room in RIGHTMOST:
        return []
    return [
        f"{module}, line {line}: {room} may not import {other}, which does not stand below it; "
        "what both need goes to a room below both, often _core"
        for other, line in _rooms(source, module).items()
        if other not in MAY_IMPORT[room] | {room}
    ]


def _private_folder(module):
    """Return the private folder of a room that a module stands in, or None."""
    parts = module.split(".")
    if len(parts) < 3:
        return None
    top = ".".join(parts[:3])
    return top if parts[2].startswith("_") and (top in FOLDERS or len(parts) > 3) else None


def behind_doors(source, module, *, folder=False):
    """Return one sentence for each import that reaches a file behind a door."""
    room, home, wrong = module.split(".")[1], _private_folder(module), []
    for origin, name, line in imports_of(source, module, folder=folder):
        parts = origin.split(".")
        if len(parts) < 3 or (home and _private_folder(origin) == home):
            private_file = f"{origin}.{name}" in MODULES and str(name).startswith("_")
            if len(parts) == 2 and parts[1] not in (room, "_core") and private_file:
                wrong.append(f"{module}, line {line}: {name} is private to {origin}")
            continue
        private = _private_folder(origin)
        if private and origin != private:
            wrong.append(
                f"{module}, line {line}: {origin} stands behind the door of {private}; import from "
                f"{private}, whose __init__.py hands out what others may use"
            )
        elif private is None and parts[1] not in (room, "_core"):
            wrong.append(f"{module}, line {line}: {origin} is a private file of another room")
        elif name and name.startswith("_") and name != "__version__":
            wrong.append(f"{module}, line {line}: {origin} does not hand out {name}")
    return wrong


def downstairs(source, module, *, folder=False):
    """Return one sentence for each import from a floor that is not below the importer's."""
    parts = module.split(".")
    floors = {entry: k for k, row in enumerate(FLOORS.get(parts[1], ())) for entry in row}
    if len(parts) < 3 or parts[1] not in FLOORS:
        return []
    entry, wrong = parts[2], []
    for origin, name, line in imports_of(source, module, folder=folder):
        to = origin.split(".")
        other = to[2] if len(to) > 2 else name if len(to) == 2 and name in floors else None
        if to[1:2] != parts[1:2] or other is None or other == entry:
            continue
        if floors.get(other, len(floors)) >= floors.get(entry, -1):
            wrong.append(f"{module}, line {line}: {_why_not(floors, entry, other)}")
    return wrong


def _why_not(floors, entry, other):
    """Say why an entry may not import another, and what to do."""
    for name in (entry, other):
        if name not in floors:
            return f"{name} has no floor; write it into FLOORS of tests/test_arrows.py"
    return (
        f"{entry} (floor {floors[entry]}) may not import {other} (floor {floors[other]}); what "
        "both need goes to a floor below both, or an entry to another floor in FLOORS"
    )


def circles(edges):
    """Return the sets of nodes that reach each other, from {node: set of nodes}."""
    reach = {node: _reached(edges, node) for node in edges}
    found = {frozenset({b for b in reach[a] if a in reach.get(b, ())}) for a in edges}
    return [sorted(circle) for circle in found if circle]


def _reached(edges, start):
    seen, todo = set(), [start]
    while todo:
        for other in edges.get(todo.pop(), ()):
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return seen


def file_edges(sources):
    """Return {module: modules it imports}; doors are no files of their own here."""
    edges = {}
    for module, source in sources.items():
        folder = module in FOLDERS
        names = set()
        for origin, name, _ in imports_of(source, module, folder=folder):
            deeper = f"{origin}.{name}"
            names.add(deeper if deeper in sources else origin)
        edges[module] = set() if folder else {n for n in names if n in sources and n != module}
    return edges


SOURCES = {name: path.read_text(encoding="utf-8") for name, path in MODULES.items()}


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_left(module):
    wrong = backward(SOURCES[module], module)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("module", MODULES)
def test_rooms_and_folders_are_entered_by_their_doors(module):
    wrong = behind_doors(SOURCES[module], module, folder=module in FOLDERS)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("module", [m for m in MODULES if m.count(".") > 1])
def test_an_entry_imports_from_floors_below(module):
    wrong = downstairs(SOURCES[module], module, folder=module in FOLDERS)
    assert not wrong, "\n".join(wrong)


def test_no_files_import_each_other_in_a_circle():
    found = circles(file_edges(SOURCES))
    assert found == [], "move what these files share into a file that imports none of them"


def test_every_room_has_its_place():
    homeless = {module.split(".")[1] for module in MODULES} - set(MAY_IMPORT) - RIGHTMOST
    assert not homeless, f"write {sorted(homeless)} into LEVELS of tests/test_arrows.py"


def _entries(room):
    return {p.stem for p in (PACKAGE / room).iterdir() if p.suffix == ".py" or _is_folder(p)} - {
        "__init__"
    }


def _is_folder(path):
    return path.is_dir() and (path / "__init__.py").exists()


ROOMS = sorted(p.name for p in PACKAGE.iterdir() if _is_folder(p))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_shows_few_entries_and_each_has_its_floor(room):
    entries, most = _entries(room), MOST_ENTRIES.get(room, 15)
    assert len(entries) <= most, f"more than {most} entries; put files of one idea in a folder"
    homeless = entries - {entry for row in FLOORS.get(room, ()) for entry in row}
    assert not homeless, f"write {sorted(homeless)} into FLOORS[{room!r}] of tests/test_arrows.py"


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
        ("healthml.metrics._auc", "from healthml.meta_analysis import random_effects"),
        ("healthml.cleaning._quality", "from healthml.imputation import missingness_report"),
        ("healthml.fairness._gaps", "from healthml.explanation import importance"),
        ("healthml._core._checks", "from healthml.schema import Schema"),
        ("healthml.schema", "from healthml.metrics import auroc"),
        ("healthml.datasets._simulate", "from healthml.metrics import auroc"),
        ("healthml.records._trail", "from healthml.cleaning import ClinicalCleaner"),
        ("healthml.reporting._audit", "from healthml.datasets import make_ehr_cohort"),
        ("healthml.exceptions", "from healthml._core import _checks"),
    ],
)
def test_an_arrow_that_runs_back_is_found(module, source):
    assert len(backward(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("healthml.metrics._auc", "from healthml._core._checks import check_event"),
        ("healthml.metrics._auc", "from healthml.metrics._curve import curve"),
        ("healthml.metrics._auc", "from ._curve import curve"),
        ("healthml.reporting._audit", "from healthml import _version, metrics"),
        ("healthml.reporting._audit", "import numpy\nfrom healthml.exceptions import InputError"),
        ("healthml.interop._fhir", "from healthml.cleaning import ClinicalCleaner"),
        ("healthml.__main__", "from healthml.datasets import make_ehr_cohort"),
    ],
)
def test_an_arrow_that_runs_left_is_not(module, source):
    assert backward(source, module) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("healthml.validation._task", "from healthml.metrics._measures.calibration import ici"),
        ("healthml.validation._task", "from healthml.metrics._performance import performance"),
        ("healthml.validation._task", "from healthml.metrics import _performance"),
        ("healthml.validation._task", "import healthml.metrics._measures.calibration"),
        ("healthml.validation._task", "from healthml._core._tables.frames import to_pandas"),
        ("healthml.validation._task", "from healthml._core._paired import _interval"),
        ("healthml.validation._task", "from healthml.validation._splits.times import time_span"),
        ("healthml.validation._refits.plans", "from ..._core._tables.frames import to_pandas"),
        ("healthml.cleaning._units.table", "from healthml.cleaning._columns.text import tidy"),
        ("healthml.__main__", "from healthml._core._tables.read_file import read_file"),
    ],
)
def test_a_file_reached_behind_its_door_is_found(module, source):
    assert len(behind_doors(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("healthml.validation._task", "from healthml.metrics import performance"),
        ("healthml.validation._task", "from healthml.metrics._measures import ici"),
        ("healthml.validation._task", "from healthml._core._tables import to_pandas"),
        ("healthml.validation._task", "from healthml._core._paired import paired_scores"),
        ("healthml.validation._task", "from healthml.validation._splits import time_values"),
        ("healthml.cleaning._units.table", "from healthml.cleaning._units.column import learn"),
        ("healthml.cleaning._units.table", "from .column import learn"),
        ("healthml.metrics._compare", "from healthml.metrics._multiclass import one_vs_rest"),
    ],
)
def test_a_door_is_open(module, source):
    assert behind_doors(source, module) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("healthml.cleaning._columns.text", "from healthml.cleaning._units import convert"),
        ("healthml.cleaning._columns", "from healthml.cleaning._record import CellRecord"),
        ("healthml.cleaning._units.table", "from healthml.cleaning import _cleaner"),
        ("healthml.cleaning._units.table", "from healthml.cleaning._new import anything"),
    ],
)
def test_an_arrow_that_climbs_stairs_is_found(module, source):
    assert len(downstairs(source, module)) == 1


def test_a_circle_is_found():
    files = {
        "healthml.metrics._a": "def f():\n    from healthml.metrics._b import g",
        "healthml.metrics._b": "from healthml.metrics import _c",
        "healthml.metrics._c": "from ._a import f",
        "healthml.metrics._d": "from healthml.metrics._a import f",
    }
    assert circles(file_edges(files)) == [sorted(set(files) - {"healthml.metrics._d"})]
