"""Does the advice of compare_imbalance_strategies cost net benefit, or miss a gain?

The protocol stands in docs/simulations/resampling_simulation.md. ``python
tests/simulation/imbalance_advice.py --sets 30`` prints both answers.
"""

import argparse
import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t as student
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from healthml.validation import compare_imbalance_strategies
from healthml.validation._compare.imbalance import _models
from healthml.validation._compare.imbalance_result import RAW, REFERENCE

_SPEC = importlib.util.spec_from_file_location(
    "resampling_risks", Path(__file__).with_name("resampling_risks.py")
)
risks = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(risks)

SEED, THRESHOLD, N_REPEATS = 900_000, 0.1, 2


def learners():
    """Return {name: (classifier, whether undersampled bags gain by construction)}.

    One tree, grown as deep as it goes, has hardly any probabilities: 40 undersampled ones do.
    """
    boosting = risks.learners()["boosting"]
    return {
        "logistic": (LogisticRegression(), False),
        "boosting": (boosting, False),
        "tree": (DecisionTreeClassifier(min_samples_leaf=5), True),
    }


def net_benefit(risk, truth, threshold=THRESHOLD):
    """Return the net benefit per 1,000 patients, from their true risks."""
    gain = truth - (1 - truth) * threshold / (1 - threshold)
    return 1000 * float(np.mean(gain * (risk >= threshold)))


def _risk(name, model, X, y, new_X, seed):
    """Return what a strategy, refitted on all rows, says of new patients."""
    fitted = clone(model).set_params(random_state=seed).fit(X, y)
    how = fitted.predict_uncorrected_proba if name.endswith(RAW) else fitted.predict_proba
    return how(new_X)[:, 1]


def one_set(number, design, learner):
    """Return what was advised and what it brings beyond the reference, in truth."""
    rng = np.random.default_rng(SEED + number)
    X, risk = risks.draw(design, risks.N, rng)
    y = (rng.random(risks.N) < risk).astype(int)
    new_X, truth = risks.draw(design, risks.N_TRUTH, rng)
    model, gains = learners()[learner]
    found = compare_imbalance_strategies(
        model, X, y, threshold=THRESHOLD, n_repeats=N_REPEATS, random_state=number
    )
    models = _models(model, None, 40)
    names = {found.advised, REFERENCE, "bagged, recalibrated"}
    benefit = {}
    for name in names:
        strategy = models[name.partition(", ")[0]]
        benefit[name] = net_benefit(_risk(name, strategy, X, y, new_X, number), truth)
    return {
        "set": number,
        "design": design,
        "learner": learner,
        "gains": gains,
        "advised": found.advised,
        "difference": benefit[found.advised] - benefit[REFERENCE],
        "bagged": benefit["bagged, recalibrated"] - benefit[REFERENCE],
    }


def run(n_sets, names, start=0):
    """Return one row for each set; designs in turn."""
    designs = list(risks.SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pd.DataFrame(
            [
                one_set(k, designs[k % len(designs)], names[k // len(designs) % len(names)])
                for k in range(start, start + n_sets)
            ]
        )


def interval(difference):
    """Return mean, Monte-Carlo error, lower and upper 95% limit."""
    mean, error = difference.mean(), difference.sem()
    half = student.ppf(0.975, len(difference) - 1) * error
    return {"mean": mean, "error": error, "lower": mean - half, "upper": mean + half}


def main():
    """Print what was advised, what it brings, and how often bags are advised where they gain."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=30)
    parser.add_argument("--learners", nargs="+", default=["logistic", "boosting"])
    asked = parser.parse_args()
    rows = run(asked.sets, asked.learners)
    print(rows.groupby(["learner", "advised"]).size().to_string())
    ends = interval(rows["difference"])
    print("net benefit per 1,000 beyond the reference:", {k: round(v, 3) for k, v in ends.items()})
    where = rows[rows["gains"]]
    if len(where):
        share = where["advised"].str.startswith("bagged").mean()
        print(f"bags advised in {share:.2f} of {len(where)} sets where they gain by construction")
        print("  they gain", {k: round(v, 3) for k, v in interval(where["bagged"]).items()})


if __name__ == "__main__":
    main()
