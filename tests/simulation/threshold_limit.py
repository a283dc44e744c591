"""How often the limit of sensitivity of ClinicalThreshold holds for the refitted model.

The protocol stands in docs/simulations/resampling_simulation.md. ``python
tests/simulation/threshold_limit.py --choices 2000`` prints the share; ``--rule net_benefit`` that
of thresholds chosen by net benefit.
"""

import argparse

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from healthml.resampling import ClinicalThreshold

SEED, N_PATIENTS, N_TRUTH = 10_000, 400, 60_000
VALUES = {"sensitivity": 0.85, "net_benefit": 0.1}


def draw(rng, n_patients, visits=3):
    """Return visits of patients whose columns and outcomes go together."""
    shared = rng.normal(size=(n_patients, 1, 6))
    X = np.sqrt(0.6) * shared + np.sqrt(0.4) * rng.normal(size=(n_patients, visits, 6))
    lift = X @ [0.9, 0.6, -0.5, 0.3, 0, 0] + 0.8 * rng.normal(size=(n_patients, 1)) - 2.6
    y = (rng.random((n_patients, visits)) < expit(lift)).astype(int)
    return X.reshape(-1, 6), y.ravel(), np.repeat(np.arange(n_patients), visits)


def run(n_choices, start=SEED, rule="sensitivity"):
    """Return for each choice whether the limit is below the sensitivity in the population."""
    X, y, _ = draw(np.random.default_rng(99), N_TRUTH)
    events, held = X[y == 1], []
    for number in range(n_choices):
        X, y, patient = draw(np.random.default_rng(start + number), N_PATIENTS)
        model = ClinicalThreshold(
            LogisticRegression(), rule=rule, value=VALUES[rule], random_state=number
        )
        model.fit(X, y, groups=patient)
        reached = np.mean(model.predict_proba(events)[:, 1] >= model.threshold_)
        held.append(reached >= model.sensitivity_lower_)
    return np.array(held)


def main():
    """Print the share with its Monte-Carlo error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--choices", type=int, default=2000)
    parser.add_argument("--start", type=int, default=SEED, help="seed of the first choice")
    parser.add_argument("--rule", choices=list(VALUES), default="sensitivity")
    asked = parser.parse_args()
    held = run(asked.choices, asked.start, asked.rule)
    error = np.sqrt(held.mean() * (1 - held.mean()) / len(held))
    print(f"{held.mean():.3f} of {len(held)} choices (Monte-Carlo error {error:.3f})")


if __name__ == "__main__":
    main()
