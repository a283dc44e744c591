"""Does the analytic correction give back the event rate, where it is valid?

The protocol stands in docs/simulations/resampling_simulation.md. ``python
tests/simulation/prior_correction.py --samples 20`` prints the ratio of mean risk and event rate.
"""

import argparse

import numpy as np
import pandas as pd
from imblearn.over_sampling import RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from healthml.resampling import ResampledClassifier

N, SEED = 100_000, 600_000
SAMPLERS = {
    "weights": "class_weight",
    "over": RandomOverSampler(),
    "under": RandomUnderSampler(),
}


def one_sample(number, n=N):
    """Return mean corrected risk over the sample's own event rate, for each sampler."""
    rng = np.random.default_rng(SEED + number)
    X = rng.normal(size=(n, 6))
    X[:, 4:] = X[:, 4:] > [0.5, 1.0]
    y = (rng.random(n) < expit(X @ [0.8, 0.5, -0.4, 0.0, 0.5, 0.0] - 3.1)).astype(int)
    ratios = {}
    for name, sampler in SAMPLERS.items():
        model = ResampledClassifier(
            LogisticRegression(C=np.inf),
            sampler,
            ensemble="single",
            correction="prior",
            random_state=number,
        )
        ratios[name] = model.fit(X, y).predict_proba(X)[:, 1].mean() / y.mean()
    return ratios


def run(n_samples, n=N):
    """Return the mean and largest distance from 1 of each sampler, with the Monte-Carlo error."""
    ratios = pd.DataFrame([one_sample(number, n) for number in range(n_samples)])
    table = pd.DataFrame({"mean": ratios.mean(), "error": ratios.sem()})
    return table.assign(furthest=(ratios - 1).abs().max(), samples=n_samples)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=20)
    print(run(parser.parse_args().samples).round(5).to_string())


if __name__ == "__main__":
    main()
