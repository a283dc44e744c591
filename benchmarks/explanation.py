"""Explanations against shap (and dalex where it is installed), on one thread.

``python benchmarks/explanation.py`` prints ratios measured in one run; ``--only`` names a part.
"""

import argparse
import gc
import os
import time
import tracemalloc
from importlib.util import find_spec

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import warnings  # noqa: E402

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import shap  # noqa: E402
from ratios import made  # noqa: E402
from sklearn.compose import make_column_transformer  # noqa: E402
from sklearn.ensemble import (  # noqa: E402
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.neural_network import MLPClassifier  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: E402

from healthml.explanation import explain  # noqa: E402

warnings.filterwarnings("ignore")
WORDS = list("abcd")


def table(n, n_numbers=10, n_words=6, seed=0):
    """Return numbers with gaps and words, and an outcome."""
    rng = np.random.default_rng(seed)
    numbers = {f"lab{k}": rng.normal(size=n) for k in range(n_numbers)}
    words = {f"word{k}": rng.choice(WORDS, n) for k in range(n_words)}
    X = pd.DataFrame(numbers | words)
    score = X["lab0"] + X["lab1"] * X["lab2"] + (X["word0"] == "a")
    y = (rng.random(n) < 1 / (1 + np.exp(-score))).astype(int).to_numpy()
    for k in range(min(4, n_numbers)):
        X.loc[rng.random(n) < 0.1, f"lab{k}"] = np.nan
    return X, y


def encoder(X):
    """Return an imputing, scaling, one-hot encoding step."""
    numbers = [c for c in X if c.startswith("lab")]
    return make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
        (OneHotEncoder(sparse_output=False), [c for c in X if c.startswith("word")]),
    )


def seconds(call):
    """Return the processor time of a call and what it returned."""
    gc.collect()
    start = time.process_time()
    found = call()
    return time.process_time() - start, found


def report(what, ratio, wanted, more=True):
    """Return one comparison; of most of them more is better."""
    return made(what, ratio, f"{'>=' if more else '<='} {wanted}")


def quiet(explainer, rows):
    """Return shap's values without its progress bar."""
    return explainer(rows, silent=True)


def trees(n_rows=200, n_background=500):
    """Compare whole explanations of mixed-type pipelines with shap on the encoded matrix."""
    X, y = table(3000)
    rows, background = X.iloc[:n_rows], X.iloc[1000 : 1000 + n_background]
    models = {
        "boosted trees, 100 of depth 3": GradientBoostingClassifier(random_state=0),
        "histogram boosting, 100 of 31 leaves": HistGradientBoostingClassifier(random_state=0),
        "forest, 100 with leaves of 20": RandomForestClassifier(
            min_samples_leaf=20, random_state=0
        ),
    }
    for name, last in models.items():
        model = make_pipeline(encoder(X), last).fit(X, y)
        explain(model, rows[:2], background=background[:20], random_state=0)  # compiled once
        own, found = seconds(
            lambda m=model: explain(m, rows, background=background, random_state=0)
        )
        encoded, other = model[0].transform(rows), model[0].transform(background)

        def peer(m=model, Z=encoded, B=other):
            masker = shap.maskers.Independent(B, max_samples=n_background)
            assert masker.shape[0] == n_background
            explainer = shap.TreeExplainer(m[-1], masker, feature_perturbation="interventional")
            assert len(explainer.data) == n_background
            return explainer.shap_values(Z, check_additivity=False)

        theirs, _ = seconds(peer)
        assert found.route == "leaf by leaf"
        yield report(f"shap's tree explainer / explain, {name}", theirs / own, 1.0)


def as_numbers(X):
    """Return a matrix that shap's permutation explainer can mix, and the way back."""
    codes = X.copy()
    for name in X:
        if name.startswith("word"):
            codes[name] = X[name].map(WORDS.index)

    def back(matrix):
        frame = pd.DataFrame(matrix, columns=X.columns)
        for name in X:
            if name.startswith("word"):
                frame[name] = np.array(WORDS)[frame[name].astype(int)]
        return frame

    return codes.to_numpy(float), back


def logistic(n_rows=20, n_background=500):
    """Compare logistic pipelines with shap's permutation explainer, per row."""
    X, y = table(3000)
    model = make_pipeline(encoder(X), LogisticRegression()).fit(X, y)
    rows, background = X.iloc[:200], X.iloc[1000 : 1000 + n_background]
    explain(model, rows[:2], background=background[:20], random_state=0)
    own, found = seconds(lambda: explain(model, rows, background=background, random_state=0))
    codes, back = as_numbers(X)
    masker = shap.maskers.Independent(codes[1000 : 1000 + n_background], max_samples=n_background)
    assert masker.shape[0] == n_background
    f = lambda Z: model.decision_function(back(Z))  # noqa: E731
    explainer = shap.explainers.Permutation(f, masker, seed=0)
    theirs, other = seconds(lambda: quiet(explainer, codes[:n_rows]))
    assert np.abs(other.values - found.values[:n_rows]).max() < 1e-6
    yield report(
        "shap's permutation explainer / explain, logistic, per row, same values",
        (theirs / n_rows) / (own / len(rows)),
        20,
    )


def sampled(n_rows=10, n_background=100):
    """Print error against time of both samplers, and the ratio at the same error."""
    X, y = table(2000, 7, 5)
    model = make_pipeline(encoder(X), MLPClassifier((16,), max_iter=60, random_state=0)).fit(X, y)
    rows, background = X.iloc[:n_rows], X.iloc[1000 : 1000 + n_background]
    truth = explain(model, rows, background=background, random_state=0)
    assert truth.route == "all coalitions"
    spread = np.std(model.predict_proba(background)[:, 1])
    curves = {"explain": [], "shap": []}
    for share in (0.1, 0.05, 0.02, 0.01, 0.005):
        own, found = seconds(
            lambda s=share: explain(
                model, rows, background=background, tolerance=s * spread, random_state=0
            )
        )
        curves["explain"].append(
            (own / n_rows, np.sqrt(np.mean((found.values - truth.values) ** 2)))
        )
    codes, back = as_numbers(X)
    masker = shap.maskers.Independent(codes[1000 : 1000 + n_background], max_samples=n_background)
    f = lambda Z: model.predict_proba(back(Z))[:, 1]  # noqa: E731
    for n in (1, 3, 10, 30):
        explainer = shap.explainers.Permutation(f, masker, seed=0)
        evaluations = n * (2 * X.shape[1] + 1)
        theirs, found = seconds(
            lambda e=explainer, k=evaluations: e(codes[:n_rows], max_evals=k, silent=True)
        )
        curves["shap"].append(
            (theirs / n_rows, np.sqrt(np.mean((found.values - truth.values) ** 2)))
        )
    if find_spec("dalex") is not None:
        curves["dalex"] = list(_dalex_curve(model, rows, background, truth.values))
    for who, points in curves.items():
        for cost, error in points:
            print(f"  {who:8} {cost:8.3f} s per row, root mean squared error {error:.6f}")
    own = np.array(curves["explain"])
    level = own[:, 1].max()
    cost = own[own[:, 1] <= level, 0].min()
    what = "explain, neural network, same error"
    needed = _seconds_at(np.array(curves["shap"]), level)
    yield report(f"shap's permutation explainer / {what}", needed / cost, 1.5)
    if "dalex" in curves:
        needed = _seconds_at(np.array(curves["dalex"]), level)
        yield report(f"dalex's sampled Shapley values / {what}", needed / cost, 5)
    else:
        print("  dalex is not installed: left out")


def _seconds_at(curve, level):
    """Return the seconds per row at an error; time falls as error squared.

    Where the curves do not meet, theirs is extended along that line.
    """
    constant = np.median(curve[:, 0] * curve[:, 1] ** 2)
    return max(constant / level**2, curve[:, 0].min())


def _dalex_curve(model, rows, background, truth):
    """Yield seconds per row and error of dalex's values, by the number of its orders."""
    import dalex

    explainer = dalex.Explainer(model, background, verbose=False)
    for orders in (2, 5, 15):
        found = np.empty_like(truth)

        def every(orders=orders, found=found):
            for k in range(len(rows)):
                parts = explainer.predict_parts(
                    rows.iloc[[k]], type="shap", B=orders, N=None, random_state=k
                ).result
                mean = parts[parts["B"] == 0].set_index("variable_name")["contribution"]
                found[k] = mean[list(rows.columns)]

        spent, _ = seconds(every)
        yield spent / len(rows), np.sqrt(np.mean((found - truth) ** 2))


def memory(n_rows=10_000, n_background=500):
    """Explain many rows and print the most memory, and that jobs do not change the answer."""
    X, y = table(n_rows + n_background)
    model = make_pipeline(encoder(X), GradientBoostingClassifier(random_state=0)).fit(X, y)
    explain(model, X[:2], background=X[-20:], random_state=0)
    tracemalloc.start()
    spent, found = seconds(
        lambda: explain(model, X[:n_rows], background=X[n_rows:], random_state=0)
    )
    most = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    yield report(f"{n_rows:,} rows x {n_background}, most memory in MiB", most, 1024, more=False)
    start = time.perf_counter()
    one = explain(model, X[:n_rows], background=X[n_rows:], random_state=0)
    alone = time.perf_counter() - start
    start = time.perf_counter()
    two = explain(model, X[:n_rows], background=X[n_rows:], n_jobs=2, random_state=0)
    print(
        f"  {spent:.1f} s of processor time; one job {alone:.1f} s, two jobs "
        f"{time.perf_counter() - start:.1f} s, same answer: "
        f"{np.array_equal(one.values, two.values) and np.array_equal(one.values, found.values)}"
    )


PARTS = {"trees": trees, "logistic": logistic, "sampled": sampled, "memory": memory}


def compare(*, quick=False, only=None):
    """Run all comparisons, or the parts named; `quick` leaves the many rows out."""
    for name, part in PARTS.items():
        if name in (only or PARTS) and not (quick and name == "memory"):
            yield from part()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PARTS, action="append")
    list(compare(only=parser.parse_args().only))
