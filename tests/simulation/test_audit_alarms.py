"""A smaller run of the protocol in docs/simulations/audit_operating_characteristics.md."""

import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location(
    "audit_alarms", Path(__file__).with_name("audit_alarms.py")
)
alarms = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(alarms)

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("preset", alarms.NO_DEFECT)
def test_hardly_anything_above_a_note_where_nothing_is_wrong(preset):
    row = alarms.measure(preset, 60, start=30_000)
    assert row["share"] <= 0.05, row


@pytest.mark.parametrize("defect", [*alarms.EXPECTED, *alarms.TOPICS])
def test_the_right_check_names_the_defect(defect):
    row = alarms.measure(defect, 20, start=40_000)
    assert row["share"] >= 0.85, row
