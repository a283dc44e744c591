"""One size of the training set after the other: nested sets of patients, the same judges."""

from dataclasses import dataclass

import numpy as np

from healthml.exceptions import InputError
from healthml.metrics._batched import Block
from healthml.validation._refits import Refit, Resample
from healthml.validation._scoring import FoldScores, folds_interval, refit_many

# Sizes by default: doublings, where a curve is steep, and three quarters, so that the last step
# says whether it has become flat.
_SHARES = (0.125, 0.25, 0.5, 0.75, 1.0)

# Patients with (and without) the event without which no size is fitted, and below which none is
# chosen by default: models of fewer say nothing but that. By judgement.
_FEWEST, _DEFAULT_FEWEST = 2, 5


@dataclass(frozen=True)
class Point:
    """One size of the training set."""

    task: object
    n_patients: float
    n_events: float
    scores: FoldScores
    apparent: dict

    def rows(self, names):
        """Yield its rows of the table."""
        task, judged = self.task, (self.scores.fold >= 0).any(axis=0)
        known = {"n_train_patients": self.n_patients, "n_train_events": self.n_events}
        counts = {"n_samples": int(judged.sum()), "n_events": int(task.y[judged].sum())}
        counts |= {"n_patients": len(np.unique(task.units[judged]))}
        counts |= {"fits": len(self.scores.splits.resamples)}
        for name in names:
            estimate = self.scores.estimate(name)
            ends = folds_interval("auto", name, estimate, scores=self.scores)
            row = {"measure": name, "estimate": estimate, "lower": ends.lower, "upper": ends.upper}
            row["apparent"] = self.apparent[name]
            yield {**known, **row, **counts, "method": ends.method}


def patient_orders(task, splits, seed):
    """Return the training patients of each split in the order in which they are taken.

    Random within patients with and without the event, the two merged so that every beginning has
    the same share of either.
    """
    has_event = np.bincount(task.units, task.y) > 0
    random, orders = np.random.RandomState(seed), []
    for resample in splits.resamples:
        patients = np.unique(task.units[resample.train])
        place = np.empty(len(patients))
        for event in (False, True):
            own = np.flatnonzero(has_event[patients] == event)
            place[random.permutation(own)] = (np.arange(len(own)) + 0.5) / max(len(own), 1)
        orders.append(patients[np.argsort(place, kind="stable")])
    return orders


def check_sizes(sizes, orders, task):
    """Return each size as a share (float) or a number of patients (int), rising."""
    has_event = np.bincount(task.units, task.y) > 0
    most = min(len(order) for order in orders)
    given = _SHARES if sizes is None else list(np.atleast_1d(np.asarray(sizes, dtype=object)))
    usable = []
    for size in given:
        share = isinstance(size, float | np.floating) and 0 < size <= 1
        whole = isinstance(size, int | np.integer) and 1 < size <= most
        if not share and not whole:
            raise InputError(
                f"sizes has {size!r}; pass shares up to 1.0, or whole numbers of patients up to "
                f"the {most} that a fold trains on."
            )
        count = float(size) if share else int(size)
        events = [has_event[_first(order, count)] for order in orders]
        scarcest = min(int(min(e.sum(), (~e).sum())) for e in events)
        if scarcest >= (_DEFAULT_FEWEST if sizes is None else _FEWEST):
            usable.append(count)
        elif sizes is not None:
            raise InputError(
                f"sizes has {size!r}, which leaves {scarcest} patients with, or without, the event "
                f"to fit on; pass sizes with at least {_FEWEST} of each."
            )
    if not usable:
        raise InputError("There are too few patients with, or without, the event for a curve.")
    return sorted(usable, key=lambda count: len(_first(orders[0], count)))


def _first(order, count):
    """Return the first patients: a share of them, or a number."""
    return order[: round(count * len(order)) if isinstance(count, float) else count]


def fit_point(task, splits, orders, count, options):
    """Refit on the first patients of every split; judge on those left out and on themselves."""
    chosen = [_first(order, count) for order in orders]
    resamples = []
    for resample, patients in zip(splits.resamples, chosen, strict=True):
        train = resample.train[np.isin(task.units[resample.train], patients)]
        both = np.concatenate([resample.predict, train])
        name = f"{resample.where}, {len(patients)} patients"
        resamples.append(Resample(train, both, resample.number, resample.seed, name))
    what = {"what": f"fits on {len(chosen[0])} patients"}
    refits = refit_many(task, resamples, fit_one_class=True, **what, **options)
    judged = [
        Refit(f.risk[: len(s.predict)]) for f, s in zip(refits, splits.resamples, strict=True)
    ]
    apparent = {name: [] for name in task.measures}
    for smaller, refitted, resample in zip(resamples, refits, splits.resamples, strict=True):
        own = refitted.risk[len(resample.predict) :]
        weight = None if task.weight is None else task.weight[smaller.train]
        weighed = Block(task.y[smaller.train], own[None]).weigh(weight)
        for name, values in apparent.items():
            values.append(weighed.value(name)[0])
    has_event = np.bincount(task.units, task.y) > 0
    return Point(
        task,
        float(np.mean([len(patients) for patients in chosen])),
        float(np.mean([has_event[patients].sum() for patients in chosen])),
        FoldScores(task, splits, judged),
        {name: _mean(values) for name, values in apparent.items()},
    )


def _mean(values):
    values = np.asarray(values, dtype=float)
    return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan
