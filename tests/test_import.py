"""`import healthml` is quick, silent and changes nothing; checked in a new interpreter."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import healthml

ROOT = Path(healthml.__file__).parent.parent
HEAVY = ("shap", "fairlearn", "matplotlib", "imblearn", "numba")


def run(code):
    """Run code in a new interpreter, outside of pytest and its settings."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )


LOADED = """
import importlib, json, sys
loaded = {}
for name in NAMES:
    importlib.import_module(name)
    loaded[name] = sorted({module.partition(".")[0] for module in sys.modules})
print(json.dumps(loaded))
"""


def loaded_by(*names):
    """Return {module: packages loaded after importing it}, the modules imported in turn."""
    return json.loads(run(LOADED.replace("NAMES", repr(names))).stdout)


def test_import_loads_nothing_but_the_standard_library():
    (loaded,) = loaded_by("healthml").values()
    assert set(loaded).isdisjoint({*HEAVY, "sklearn", "scipy", "pandas", "numpy", "narwhals"})


def test_no_room_loads_a_heavy_package():
    loaded = loaded_by(*(f"healthml.{room}" for room in healthml._SUBMODULES))
    assert {room: set(names) & set(HEAVY) for room, names in loaded.items()} == {
        room: set() for room in loaded
    }


def test_a_loaded_package_would_be_seen():
    assert "matplotlib" in loaded_by("json", "matplotlib")["matplotlib"]


def test_import_prints_nothing():
    done = run("import healthml")
    assert (done.stdout, done.stderr) == ("", "")


SETTINGS = """
import json, locale, logging, os, random, sys, threading, warnings
import joblib, matplotlib, narwhals, numpy, pandas, scipy, sklearn, yaml
import matplotlib.pyplot

def settings():
    return {
        "warnings": repr(warnings.filters),
        "showwarning": repr(warnings.showwarning),
        "numpy errors": repr(numpy.geterr()),
        "numpy printing": repr(numpy.get_printoptions()),
        "numpy random": repr(numpy.random.get_state()[1].tolist()),
        "random": repr(random.getstate()),
        "matplotlib": repr(dict(matplotlib.rcParams)),
        "matplotlib backend": matplotlib.get_backend(),
        "pandas": repr(pandas._config.config._global_config),
        "sklearn": repr(sklearn.get_config()),
        "logging": repr((logging.root.level, logging.root.handlers)),
        "locale": repr(locale.setlocale(locale.LC_ALL)),
        "environment": repr(sorted(os.environ.items())),
        "path": repr(sys.path),
        "hooks": repr((sys.excepthook, sys.displayhook, sys.getrecursionlimit())),
        "threads": threading.active_count(),
        "folder": repr(sorted(os.listdir("."))),
    }

before = settings()
"""


def changed_by(statements):
    report = "print(json.dumps([name for name, now in settings().items() if now != before[name]]))"
    return json.loads(run("\n".join([SETTINGS, *statements, report])).stdout)


def test_import_changes_no_setting():
    assert changed_by(f"import healthml.{room}" for room in healthml._SUBMODULES) == []


CHANGES = {
    "warnings": "warnings.simplefilter('ignore')",
    "numpy errors": "numpy.seterr(all='ignore')",
    "numpy random": "numpy.random.rand()",
    "random": "random.random()",
    "matplotlib": "matplotlib.rcParams['lines.linewidth'] = 7",
    "pandas": "pandas.set_option('display.max_rows', 7)",
    "sklearn": "sklearn.set_config(enable_metadata_routing=True)",
    "logging": "logging.basicConfig()",
    "environment": "os.environ['OMP_NUM_THREADS'] = '7'",
}


def test_a_changed_setting_would_be_seen():
    assert changed_by(CHANGES.values()) == list(CHANGES)


TIMED = """
import time
import numpy, pandas, scipy.stats, sklearn.linear_model, sklearn.model_selection
start = time.perf_counter()
import healthml
print(time.perf_counter() - start)
"""


def test_import_is_quick():
    assert min(float(run(TIMED).stdout) for _ in range(2)) < 0.3


# what is imported under another name than it is installed by
INSTALLED_AS = {"sklearn": "scikit-learn", "imblearn": "imbalanced-learn", "yaml": "pyyaml"}
INSTALLED_AS |= {"spellchecker": "pyspellchecker"}


def third_party(folder):
    """Return the packages that the files of a folder import, inside functions too."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module.partition(".")[0])
    siblings = {path.stem for path in folder.rglob("*.py")}
    found -= {"healthml", "tests", *siblings, *sys.stdlib_module_names}
    return {INSTALLED_AS.get(name, name) for name in found}


def declared(*extras):
    """Return the names of the packages that pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"]]
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    return {re.match(r"[\w-]+", requirement)[0] for requirement in wanted}


def test_every_imported_package_is_a_named_dependency():
    extras = (
        "files",
        "completion",
        "datasets",
        "linkage",
        "lazy",
        "duckdb",
        "spark",
        "dask",
    )  # inside functions only
    unnamed = third_party(ROOT / "healthml") - declared(*extras)
    assert not unnamed, f"name {sorted(unnamed)} in pyproject.toml"
    peers = {"imbcalibrate", "xgboost"}  # compared with where somebody has installed them
    unnamed = third_party(ROOT / "tests") - declared("test", "files", "datasets") - peers
    assert not unnamed, f"name {sorted(unnamed)} in the extra 'test' of pyproject.toml"


def test_public_names_are_reached_from_the_top():
    assert healthml.audit is healthml.reporting.audit
    assert healthml.Schema is healthml.schema.Schema
    assert set(healthml.__all__) <= set(dir(healthml))
    with pytest.raises(AttributeError, match="no attribute 'auditt'"):
        healthml.auditt  # noqa: B018


LEAN = """
import importlib, json, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ImportError(f"no module named {name}")

sys.meta_path.insert(0, Absent())
import healthml, numpy as np, pandas as pd
from sklearn.linear_model import LogisticRegression
missing = []
for room in healthml._SUBMODULES:
    module = importlib.import_module(f"healthml.{room}")
    for name in module.__all__:
        try:
            getattr(module, name)
        except ImportError:
            missing.append(name)
rng = np.random.default_rng(0)
X = pd.DataFrame({"age": rng.normal(size=120), "lactate": rng.normal(size=120)})
y = (rng.random(120) < 1 / (1 + np.exp(-X["age"]))).astype(int)
model = healthml.resampling.ResampledClassifier(LogisticRegression(), "class_weight").fit(X, y)
risk = model.predict_proba(X)[:, 1]
healthml.metrics.performance(y, risk, measures=["auroc", "calibration_slope"])
healthml.fairness.group_performance(y, risk, {"sex": np.tile(["f", "m"], 60)}, measures=["auroc"])
healthml.explanation.explain(LogisticRegression().fit(X, y), X[:2], background=X)
healthml.imputation.ChainedImputer(random_state=0).fit_transform(X.mask(X > 1))
print(json.dumps(missing))
"""
# What a lean installation lacks already at import, as `docs/install.md` says
LACKING = {"MixedSMOTE", "PatientOverSampler", "PatientUnderSampler", "TomekLinks"}


def test_a_lean_installation_lacks_what_the_page_says_and_no_more():
    absent = ("numba", "llvmlite", "shap", "imblearn", "fairlearn", "matplotlib")
    missing = json.loads(run(LEAN.replace("ABSENT", repr(absent))).stdout)
    assert set(missing) == LACKING
    page = ROOT / "docs" / "install.md"
    if page.is_file():
        text = page.read_text(encoding="utf-8")
        assert [name for name in sorted(LACKING) if f"`{name}`" not in text] == []
