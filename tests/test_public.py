"""A public name is a promise: it has a docstring with an example and a place in the reference."""

import dataclasses
import importlib
import inspect
import re
from pathlib import Path

import pytest

import healthml

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"
ROOMS = healthml._SUBMODULES
# Results without a table, shown by their function's example
HANDED = {"Cohort", "Parts", "PublicTable", "Truth"}


def public(room):
    """Return {name: object} of what a room promises."""
    module = importlib.import_module(f"healthml.{room}")
    return {name: getattr(module, name) for name in module.__all__}


def is_called(thing):
    """Say whether users call it themselves; results are handed to them by a function."""
    if inspect.isclass(thing):
        handed = "table" in getattr(thing, "__dataclass_fields__", {}) or thing.__name__ in HANDED
        return not (issubclass(thing, BaseException) or handed)
    return callable(thing)


def documented():
    """Return the names that the reference lists, spelled from the top."""
    names = set()
    for page in REFERENCE.glob("*.rst"):
        module = None
        for line in page.read_text(encoding="utf-8").splitlines():
            if found := re.fullmatch(r"\.\. currentmodule:: (\S+)", line):
                module = found[1]
            elif found := re.fullmatch(r"   (~?[A-Za-z_]\w*)", line):
                names.add(f"{module}.{found[1]}")
    return names


OTHER_NAMES = {
    "group": "groups",
    "patient_ids": "groups",
    "y_prob": "y_proba",
    "y_pred_proba": "y_proba",
    "y_score": "y_proba",
    "alpha": "confidence_level",
    "level": "confidence_level",
    "conf_level": "confidence_level",
    "seed": "random_state",
    "rng": "random_state",
    "weights": "sample_weight",
    "times": "time",
    "sites": "site",
    "metrics": "measures",
    "measure": "measures",
    "repeats": "n_repeats",
    "permutations": "n_permutations",
    "simulations": "n_simulations",
    "bootstraps": "n_resamples",
    "folds": "cv",
    "n_folds": "cv",
    "splitter": "cv",
    "splits": "cv",
    "smoother": "smooth",
    "proba": "y_proba",
    "risk": "y_proba",
}
LAST = ("n_jobs", "verbose", "random_state")
# Data that may be left out, what describes the data, and which patient of a result is meant
POSITIONAL = {"y", "schema", "row"}
# Wrappers of two parts: (estimator, imputer), (estimator, sampler).
PLACES = {"MultiplyImputedClassifier", "MultiplyImputedRegressor", "ResampledClassifier"}
NO_RESULT = {"CleaningRecord": "a record", "LabValue": "a value"}
# Risks are moved to another prevalence, of which no outcome is known
WITHOUT_OUTCOMES = {"estimate_prevalence", "prevalence_correction"}
# A model that is fitted already is asked about rows whose outcome it does not need
FITTED_MODELS = {"counterfactual", "effect_curve", "explain", "interaction_strength", "surrogate"}
# Nothing can go wrong in these: no parameter, or parts that `Schema.split` hands out.
NEVER_FAIL = {"Parts", "default_model", "list_measures"}

NAMES = [(room, name) for room in ROOMS for name in public(room)]


def test_reference_lists_every_public_name_and_nothing_else():
    promised = {f"healthml.{room}.{name}" for room, name in NAMES}
    unlisted, gone = sorted(promised - documented()), sorted(documented() - promised)
    assert not unlisted, f"list {unlisted} in docs/reference/, on the page of the room"
    assert not gone, f"docs/reference/ lists {gone}, which no room has in its __all__"


@pytest.mark.parametrize(("name", "home"), healthml._NAMES.items())
def test_a_name_at_the_top_is_public_at_home(name, home):
    assert getattr(healthml, name) is public(home.removeprefix("healthml."))[name]


@pytest.mark.parametrize(("room", "name"), NAMES)
def test_docstring_has_a_runnable_example(room, name):
    thing = public(room)[name]
    if not callable(thing):
        return
    assert inspect.getdoc(thing), f"healthml.{room}.{name} has no docstring"
    if is_called(thing):
        assert ">>>" in thing.__doc__, f"healthml.{room}.{name} has no example"


@pytest.mark.parametrize(("room", "name"), NAMES)
def test_roles_have_one_name_everywhere(room, name):
    thing = public(room)[name]
    if not is_called(thing):
        return
    parameters = set(inspect.signature(thing).parameters)
    wrong = parameters & set(OTHER_NAMES)
    wrong |= {"n_splits"} & parameters if not hasattr(thing, "get_n_splits") else set()
    usual = {key: OTHER_NAMES.get(key, "cv, or n_splits of a splitter") for key in wrong}
    assert not wrong, f"healthml.{room}.{name}: what the library calls them elsewhere: {usual}"


@pytest.mark.parametrize(("room", "name"), NAMES)
def test_parameters_stand_in_one_order(room, name):
    thing = public(room)[name]
    if not is_called(thing):
        return
    known = inspect.signature(thing).parameters
    default = known["random_state"].default if "random_state" in known else None
    assert default is None, f"healthml.{room}.{name}: random_state is None by default"
    names = [key for key, value in known.items() if value.kind is not value.VAR_KEYWORD]
    last = [key for key in LAST if key in known]
    kept = names[len(names) - len(last) :] == last
    assert kept, f"healthml.{room}.{name}{names}: the last ones are {last}, in this order"


@pytest.mark.parametrize(("room", "name"), NAMES)
def test_options_are_given_by_keyword(room, name):
    """A call says what each option is; only data, or the first option of a class, have a place."""
    thing = public(room)[name]
    if not is_called(thing) or name in PLACES or dataclasses.is_dataclass(thing):
        return
    known = inspect.signature(thing).parameters.items()
    places = [key for key, value in known if value.kind is value.POSITIONAL_OR_KEYWORD]
    first = places[:1] if inspect.isclass(thing) or name.startswith("make_") else []
    options = [key for key, value in known if value.default is not value.empty and key in places]
    wrong = set(options) - POSITIONAL - set(first)
    assert not wrong, f"healthml.{room}.{name}: put a * before {sorted(wrong)}"


@pytest.mark.parametrize(("room", "name"), NAMES)
def test_data_come_first_and_in_one_order(room, name):
    """(estimator, X, y) where something is fitted, (y_true, y_proba) where risks are judged."""
    thing = public(room)[name]
    if not is_called(thing) or inspect.isclass(thing):
        return
    names = list(inspect.signature(thing).parameters)
    words = f"healthml.{room}.{name} takes {names}; data come first:"
    if name in FITTED_MODELS:
        assert names[:2] == ["estimator", "X"], f"{words} (estimator, X, ...)"
        return
    if name in WITHOUT_OUTCOMES:
        assert names[0] == "y_proba", f"{words} (y_proba, ...)"
        return
    wrong = "estimator" in names[1:3] or ("y_proba" in names and names[:2] != ["y_true", "y_proba"])
    wrong |= names[:1] == ["estimator"] and names[1:3] != ["X", "y"]
    assert not wrong, (
        f"{words} (estimator, X, y, ...) or (y_true, y_proba, ...). One that needs no outcome is "
        "named in FITTED_MODELS or WITHOUT_OUTCOMES here"
    )


@pytest.mark.parametrize("section", ["Raises", "See Also"])
@pytest.mark.parametrize(("room", "name"), NAMES)
def test_docstring_says_what_is_raised_and_what_is_near(room, name, section):
    thing = public(room)[name]
    made_elsewhere = dataclasses.is_dataclass(thing) and room != "schema"
    if not is_called(thing) or made_elsewhere:
        return
    if section == "Raises" and name in NEVER_FAIL:
        return
    heading = f"{section}\n    {'-' * len(section)}\n"
    assert heading in thing.__doc__, (
        f"healthml.{room}.{name} has no section {section!r} in its docstring (one that cannot fail "
        "is named in NEVER_FAIL here)"
    )


@pytest.mark.parametrize(("room", "name"), NAMES)
def test_results_and_pages_end_alike(room, name):
    thing = public(room)[name]
    if "table" not in getattr(thing, "__dataclass_fields__", {}) or name in NO_RESULT:
        return
    end = "Report" if hasattr(thing, "to_html") else "Result"
    assert name.endswith(end), f"healthml.{room}.{name} holds a table, so its name ends in {end}"


def test_lists_of_public_names_are_sorted_and_true():
    for room in ROOMS:
        module = importlib.import_module(f"healthml.{room}")
        names = list(module.__all__)
        assert names == sorted(set(names)), f"healthml.{room}: ruff check --fix sorts __all__"
