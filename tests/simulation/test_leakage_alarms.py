"""A smaller run of the protocol in docs/simulations/leakage_operating_characteristics.md."""

import importlib.util
import sys
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location(
    "leakage_alarms", Path(__file__).with_name("leakage_alarms.py")
)
alarms = sys.modules["leakage_alarms"] = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(alarms)

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", ["A", "B"])
def test_hardly_anything_above_a_note_where_nothing_leaks(kind):
    row = alarms.measure("clean", kind, 40, start=70_000)
    assert row["share"] <= 0.075, row


@pytest.mark.parametrize("kind", ["A", "B"])
@pytest.mark.parametrize("leak", alarms.EXPECTED)
def test_a_leak_is_named_as_it_must_be(leak, kind):
    row = alarms.measure(leak, kind, 10, start=80_000)
    assert row["share"] >= 0.8, row
