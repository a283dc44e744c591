"""Does the model give away whom it was fitted on? The privacy side of overfitting."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from healthml._core._bootstrap import check_count
from healthml._core._checks import check_random_seeds
from healthml._core._inputs import log_odds
from healthml._core._numerics import cluster_variance
from healthml._core._paired import auroc_influence
from healthml._core._results import Result
from healthml.validation._refits import Resample, as_judged
from healthml.validation._scoring import refit_many
from healthml.validation._splits import RepeatedStratifiedGroupKFold
from healthml.validation._task import make_task

_SAME = 1e-6  # losses that differ less are one
# Word for an estimate below each end; wording only. By judgement, not by simulation.
_PLAIN = ((0.55, "hardly"), (0.65, "somewhat"), (0.8, "clearly"), (1.01, "almost surely"))


@dataclass(frozen=True, repr=False)
class MembershipResult(Result):
    """How well training patients are told from new ones; made by `membership_inference`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per measure: measure, estimate, lower, upper, n_samples, n_events, n_patients,
        refits, method. "membership_auroc": chance that a patient the model was fitted on has a
        smaller loss than one it was not (0.5: nothing is given away). "membership_advantage": share
        of training patients whose loss is at most the mean training loss, minus that share of new
        patients. "loss_members" and "loss_new": mean log loss of either.
    confidence_level : float
        Coverage of the intervals.
    losses : pandas.DataFrame
        Quantiles of the loss per patient, for the picture: share, members, new.
    remarks : tuple of str
        What of the procedure was replaced, such as inner splits by rows where patients are given.
    estimator : estimator
        The procedure as it was judged, unfitted: fit that one on these rows, and deploy it.
    """

    confidence_level: float = 0.95
    losses: pd.DataFrame = None
    remarks: tuple = ()
    estimator: object = None

    def summary(self):
        """Return the table and what it means, in plain words."""
        row = self.table.iloc[0]
        word = next(word for end, word in _PLAIN if row["estimate"] < end)
        shown = self.table[["measure", "estimate", "lower", "upper"]].round(3)
        known = np.isfinite(row["lower"])
        span = f" ({row['lower']:.0%} to {row['upper']:.0%})" if known else ""
        return (
            f"{shown.to_string(index=False)}\n"
            "Somebody who knows a patient's record and outcome and may ask the model for the risk "
            f"can {word} tell whether the patient was among those it was fitted on: of one who was "
            f"and one who was not, the right one is named in {row['estimate']:.0%}{span} of the "
            "cases, where guessing gives 50%.\n"
            "Models fitted on half of the patients; a cleverer attack can find more, never less."
            + "".join(f"\n{remark}" for remark in self.remarks)
        )

    def plot(self, ax=None, **kwargs):
        """Draw the losses of training and new patients; returns the matplotlib axes."""
        from healthml._core._displays import BLUE, VERMILION, new_axes

        ax, table = new_axes(ax, height=3.6), self.losses
        ax.plot(
            table["members"], table["share"], **{"color": VERMILION, "label": "fitted on", **kwargs}
        )
        new = {"color": BLUE, "ls": (0, (5, 1.5)), "label": "not fitted on", **kwargs}
        ax.plot(table["new"], table["share"], **new)
        ax.set(xlabel="Log loss of a patient", ylabel="Share of patients with at most this loss")
        ax.set_ylim(0, 1)
        ax.margins(x=0.02)
        ax.legend(frameon=False, loc="lower right")
        return ax


def membership_inference(
    estimator,
    X,
    y,
    *,
    n_repeats=5,
    groups=None,
    sample_weight=None,
    confidence_level=0.95,
    event=None,
    n_jobs=None,
    verbose=0,
    random_state=None,
) -> MembershipResult:
    """Measure how well a model's confidence tells its training patients from new ones.

    The patients are divided at random into two halves, stratified by their events. A model fitted
    on one half predicts everybody, and each patient's loss (mean log loss over the patient's rows)
    is taken as evidence of membership [1]_; then the halves change places. A model that gives small
    losses to the patients it was fitted on has learnt them by heart, and may give away who they
    are.

    Parameters
    ----------
    estimator : scikit-learn classifier or Pipeline
        The procedure, refitted whole on each half.
    X : DataFrame or array-like of shape (n_samples, n_features)
        The table.
    y : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    n_repeats : int, default=5
        How often the patients are halved at random; two refits each.
    groups : array-like of shape (n_samples,), optional
        Patient of each row: members are patients, not rows.
    sample_weight : array-like of shape (n_samples,), optional
        Weight of each row in the fits, where the estimator takes weights.
    confidence_level : float, default=0.95
        Coverage of the intervals.
    event : scalar or str, optional
        The level of `y` that is the event.
    n_jobs : int, optional
        Parallel refits, as in joblib.
    verbose : int, default=0
        Above 0, progress on standard error.
    random_state : int, RandomState or None, default=None
        Randomness of the halves and of the refits.

    Returns
    -------
    MembershipResult

    Raises
    ------
    InputError
        If an input does not fit, or a fit fails.

    See Also
    --------
    prediction_instability : Measure how much each patient's risk depends on who happened to be in
        the sample.
    check_leakage : Look for leaks in a table, a split or a fitted step, and measure what they do to
        the AUC.

    Notes
    -----
    It is one simple attack, the loss against a threshold, and so a lower bound of what is given
    away. The estimate is for models fitted on half of the patients; most learners remember a little
    less of twice as many. The intervals take patients as the independent units: each patient's
    influence, averaged over the models, and the variance of the mean over repeats; with one repeat
    there is none.

    References
    ----------
    .. [1] Yeom S, Giacomelli I, Fredrikson M, Jha S. Privacy risk in machine learning: analyzing
       the connection to overfitting. IEEE Computer Security Foundations Symposium; 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from healthml.validation import membership_inference
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(200, 3)), rng.integers(0, 2, 200)
    >>> result = membership_inference(DecisionTreeClassifier(), X, y, random_state=0)
    >>> bool(result.to_frame()["lower"].iloc[0] > 0.7)
    True
    """
    task = make_task(
        estimator,
        X,
        y,
        groups=groups,
        sample_weight=sample_weight,
        measures=None,
        threshold_range=None,
        confidence_level=confidence_level,
        event=event,
    )
    halves = _halves(task, check_count(n_repeats, "n_repeats"), random_state)
    options = {"n_jobs": n_jobs, "verbose": verbose, "what": "halves"}
    refits = refit_many(task, halves, **options)
    losses = np.stack([_loss_of_patients(task, half_fit.risk) for half_fit in refits])
    member = np.stack([_member(task, half) for half in halves])
    table = pd.DataFrame(_rows(task, losses, member))
    share = np.linspace(0, 1, 101)
    ends = {
        "share": share,
        "members": np.quantile(losses[member], share),
        "new": np.quantile(losses[~member], share),
    }
    judged, words = as_judged(estimator, task.X, task.y, task.groups)
    losses = pd.DataFrame(ends)
    return MembershipResult(table, task.confidence_level, losses, words, judged)


def _halves(task, repeats, random_state):
    """Return two refits for each repeat, either half in turn, predicting every row."""
    task.scarcest()  # refuses what cannot be halved
    seeds = check_random_seeds(random_state, 1 + 2 * repeats)
    splitter = RepeatedStratifiedGroupKFold(2, n_repeats=repeats, random_state=seeds[0])
    every = np.arange(task.n)
    pairs = splitter.split(task.X, task.y, task.groups)
    return [
        Resample(train, every, number, seed, f"half {number % 2} of repeat {number // 2}")
        for number, ((train, _), seed) in enumerate(zip(pairs, seeds[1:], strict=True))
    ]


def _member(task, half):
    return np.bincount(task.units[half.train], minlength=task.units.max() + 1) > 0


def _loss_of_patients(task, risk):
    """Return the mean log loss of each patient's rows."""
    odds = log_odds(risk)
    loss = np.logaddexp(0, np.where(task.y == 1, -odds, odds))
    return np.bincount(task.units, loss) / np.bincount(task.units)


def _rows(task, losses, member):
    counts = {
        "n_samples": task.n,
        "n_events": int(task.y.sum()),
        "n_patients": losses.shape[1],
        "refits": len(losses),
    }
    values = {
        "membership_auroc": _auroc,
        "membership_advantage": _advantage,
        "loss_members": lambda loss, inside: _mean(loss, inside),
        "loss_new": lambda loss, inside: _mean(loss, ~inside),
    }
    z = norm.ppf(0.5 + task.confidence_level / 2)
    for name, function in values.items():
        parts = [function(*pair) for pair in zip(losses, member, strict=True)]
        estimate = float(np.mean([value for value, _ in parts]))
        influence = np.mean([moved for _, moved in parts], axis=0)
        half = z * float(np.sqrt(cluster_variance(influence) + _of_mean(parts)))
        lowest, highest = {"membership_auroc": (0, 1), "membership_advantage": (-1, 1)}.get(
            name, (0, np.inf)
        )
        yield {
            "measure": name,
            "estimate": estimate,
            "lower": np.maximum(estimate - half, lowest),
            "upper": np.minimum(estimate + half, highest),
            **counts,
            "method": "Wald: influence of each patient, and variance of the mean over repeats",
        }


def _of_mean(parts):
    """Return the variance of the mean over repeats; missing where there is one."""
    repeats = np.array([value for value, _ in parts]).reshape(-1, 2).mean(axis=1)
    return repeats.var(ddof=1) / len(repeats) if len(repeats) > 1 else np.nan


def _auroc(loss, inside):
    """Chance that a member's loss is the smaller one, and each patient's influence on it."""
    return auroc_influence(inside.astype(int), -loss)


def _mean(loss, inside):
    mean = loss[inside].mean()
    return mean, np.where(inside, (loss - mean) / inside.sum(), 0.0)


def _advantage(loss, inside):
    """Members minus others with at most the mean training loss, which is taken as known."""
    at = loss[inside].mean()
    named = (loss <= at + _SAME).astype(float)
    right, influence = _mean(named, inside)
    wrong, other = _mean(named, ~inside)
    return right - wrong, influence - other
