"""A new row whose own category type lacks a level is imputed like any other."""

import numpy as np
import pandas as pd
import pytest

from healthml.imputation import ChainedImputer

LEVELS = ["I", "II", "III"]


def patients(ordered):
    rng = np.random.default_rng(3)
    size = rng.normal(40, 12, 400)
    stage = pd.Categorical(np.array(LEVELS)[np.digitize(size, [34, 46])], LEVELS, ordered=ordered)
    table = pd.DataFrame({"size": size + rng.normal(0, 1, 400), "stage": stage})
    table.loc[::9, "stage"] = np.nan
    return table


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("own", [[], ["I"], ["II", "III"]])
def test_alone_equals_the_batch(ordered, own):
    table = patients(ordered)
    imputer = ChainedImputer(random_state=0).fit(table)
    batch = imputer.transform(table)["stage"]
    for row in range(0, 90, 9):
        one = table.iloc[[row]].assign(stage=pd.Categorical([None], own, ordered=ordered))
        alone = imputer.transform(one)["stage"]
        assert alone.tolist() == [batch.iloc[row]]
        assert alone.cat.ordered == ordered
        if ordered:
            assert alone.cat.categories.tolist() in (LEVELS, own)
