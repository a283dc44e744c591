"""A public name is a promise: it has a docstring with an example and a place in the reference."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

import healthml

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"
ROOMS = healthml._SUBMODULES
HANDED = {"Cohort", "Parts", "Truth"}  # results without a table, shown by their function's example


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
}

NAMES = [(room, name) for room in ROOMS for name in public(room)]


def test_reference_lists_every_public_name_and_nothing_else():
    promised = {f"healthml.{room}.{name}" for room, name in NAMES}
    assert documented() == promised


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
    parameters = list(inspect.signature(thing).parameters)
    assert set(parameters) & set(OTHER_NAMES) == set()
    if "random_state" in parameters:
        assert parameters[-1] == "random_state"
        assert inspect.signature(thing).parameters["random_state"].default is None


def test_lists_of_public_names_are_sorted_and_true():
    for room in ROOMS:
        module = importlib.import_module(f"healthml.{room}")
        assert list(module.__all__) == sorted(set(module.__all__)), room
