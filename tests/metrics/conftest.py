import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

HERE = Path(__file__).resolve().parent


class Reference:
    """R's answers on simulated rows, with the rows as arrays."""

    def __init__(self, path):
        self.values = json.loads(path.read_text())
        rows = {name: np.array(column) for name, column in self.values["rows"].items()}
        self.y, self.p, self.q = rows["y"], rows["p"], rows["q"]
        self.rounded, self.w, self.patient = rows["rounded"], rows["w"], rows["patient"]

    def __getitem__(self, name):
        return self.values[name]


@pytest.fixture(scope="session")
def r():
    return Reference(HERE.parent / "reference" / "metrics_reference.json")


@pytest.fixture(scope="session")
def pima():
    folder = Path(os.environ.get("HEALTHML_SHARED", HERE.parents[1] / ".." / "shared"))
    folder = folder / "reference" / "validation" / "pima"
    if not (folder / "expected.json").exists():
        pytest.skip("the shared reference values are not here; set HEALTHML_SHARED")
    expected = json.loads((folder / "expected.json").read_text())
    tables = [pd.read_csv(folder / f"{name}.csv") for name in ("ext_predictions", "net_benefit")]
    return expected, *tables


@pytest.fixture
def simulated():
    """Return 400 outcomes, risks that are a little too low, and the patient of each row."""
    random = np.random.RandomState(7)
    logit = random.normal(-1, 1.2, 400)
    risk = 1 / (1 + np.exp(-logit))
    event = (random.uniform(size=400) < 1 / (1 + np.exp(-(0.3 + 0.8 * logit)))).astype(int)
    return event, risk, np.arange(400) // 2
