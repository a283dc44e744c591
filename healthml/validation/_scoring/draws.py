"""Score the refits of bootstrap draws as they arrive: on their own rows, on all, out of bag."""

from collections import deque
from itertools import chain, islice

import numpy as np
from scipy.sparse import csr_array

from healthml._core._inputs import at_limits
from healthml.exceptions import InputError
from healthml.metrics._batched import FINE, ONE_CLASS, WHY, Block
from healthml.validation._refits import batched_refit, interrupted, iterate_refits, recognise
from healthml.validation._scoring.block_influence import N_BLOCKS, assign_blocks, block_influence
from healthml.validation._scoring.intervals import draw_variances
from healthml.validation._task import is_fast, slow_function, to_all_rows

ROLES = ("train", "test", "out")
_CELLS = 2**15  # risks scored at a time: what a processor's cache holds
_KEPT = 2**24  # risks kept for curves
_PORTION = 2**26  # risks of a portion of the fast path
_FEWEST_DRAWS = (
    20  # kept, and refitted together, whatever the number of rows; only memory and speed
)
_MOVED = 2**19  # risks whose influence is computed, of 100 draws at least
_BLOCKED = 20  # draws in which blocks are left out, for measures without an influence function
_UNDEFINED = 9  # a code beside those of the kernel, for measures without a value
_WHY = WHY | {_UNDEFINED: "risks or outcomes for which it does not exist"}


class DrawScores:
    """Values of every measure in every draw, out-of-bag risks, and what went wrong.

    Parameters
    ----------
    task : Task
        What is asked.
    total : int
        Number of draws.
    method : str, default="optimism"
        Only what it needs is computed. For optimism, out-of-bag values other than the AUC are of
        the first draws only, as is the influence of rows, whose mean needs no more.

    Attributes
    ----------
    values : dict
        (role, measure) -> one value per draw; "train" is the refitted model on the rows it was
        fitted on, "test" on all rows, "out" on the rows of patients that were not drawn.
    codes : dict
        (role, measure) -> why values are missing, as in `healthml.metrics._batched.measures`.
    refits : list of Refit
        What each refit gave, without its risks.
    """

    def __init__(self, task, total, method="optimism"):
        self.task, self.total, self.done, self.method = task, total, 0, method
        self.most_moved = max(100, _MOVED // task.n)
        keys = [(role, name) for role in ROLES for name in task.measures]
        self.values = {key: np.full(total, np.nan) for key in keys}
        self.codes = {key: np.full(total, -1) for key in keys}
        self.refits, self.resamples = [], []
        self.moved = {
            name: np.zeros(task.n if is_fast(name) else N_BLOCKS) for name in task.measures
        }
        self.block = None if all(map(is_fast, task.measures)) else assign_blocks(task.units)
        self.n_moved = dict.fromkeys(self.moved, 0)
        self.spread = {name: np.full(total, np.nan) for name in self.moved}
        self.n_at_limits = 0
        self.risk_sum, self.risk_count = np.zeros(task.n), np.zeros(task.n, dtype=np.int64)
        self.kept_risk, self.kept_count = [], []
        self.members = self.event_of_patient = None
        if task.groups is not None:
            entries = np.ones(task.n), (np.arange(task.n), task.groups)
            self.members = csr_array(entries)
            self.event_of_patient = (np.bincount(task.groups, task.y) > 0).astype(int)
        self.most_kept = max(_FEWEST_DRAWS, _KEPT // task.n)

    def run(self, draws, last=None, **options):
        """Refit and score the next draws, up to `last`."""
        last = self.total if last is None else min(last, self.total)
        size = max(1, _CELLS // self.task.n)
        waiting = []
        try:
            for pair in self._answers(draws, last, options):
                waiting.append(pair)
                if len(waiting) == size:
                    self.add(waiting)
                    waiting = []
            if waiting:
                self.add(waiting)
        except KeyboardInterrupt as stop:
            if stop.args:
                raise
            following = next(draws.take(self.done), None)
            raise interrupted(self.done, "resamples", following) from None

    def _answers(self, draws, last, options):
        """Yield (resample, refit), by the fast path where it applies."""
        task = self.task
        known = {"sample_weight": task.weight, "on_error": "record", "what": "resamples", **options}
        coming = draws.take(self.done, last)
        if recognise(task.estimator) is not None:
            while portion := list(islice(coming, max(_FEWEST_DRAWS, _PORTION // task.n))):
                refits = batched_refit(task.estimator, task.X, task.y, portion, **known)
                if refits is None:
                    break
                yield from zip(portion, refits, strict=True)
            coming = chain(portion, coming)
        known |= {"groups": task.groups, "total": last - self.done}
        waiting = deque()
        table = task.estimator, task.X, task.y
        for refits in iterate_refits(*table, _noted(coming, waiting), **known):
            yield waiting.popleft(), refits

    def add(self, pairs):
        """Score some refits."""
        for resample, found in pairs:
            self.resamples.append((resample.number, resample.seed))
            self.refits.append(_without_risk(found))
        self.done += len(pairs)
        pairs = [(resample, found) for resample, found in pairs if found.risk is not None]
        if not pairs:
            return
        risk = np.stack([found.risk for _, found in pairs])
        _check_range(risk)
        n = self.task.n
        counts = np.stack([np.bincount(resample.train, minlength=n) for resample, _ in pairs])
        numbers = np.array([resample.number for resample, _ in pairs])
        out = self._out_of_bag(counts)
        weights = {"train": counts, "test": None, "out": out}
        if (weight := self.task.weight) is not None:
            weights = {"train": counts * weight, "test": weight, "out": out * weight}
        self._score(numbers, risk, weights)
        self.n_at_limits += int(at_limits(risk).any(axis=1).sum())
        self.risk_sum += np.where(out, risk, 0.0).sum(axis=0)
        self.risk_count += out.sum(axis=0)
        if (room := self.most_kept - len(self.kept_risk)) > 0:
            self.kept_risk += list(risk[:room])
            self.kept_count += list(counts[:room].astype(np.uint16))

    def _out_of_bag(self, counts):
        """Rows of patients of whom no row was drawn."""
        if self.task.groups is None:
            return counts == 0
        drawn = np.stack([np.bincount(self.task.groups, count) > 0 for count in counts])
        return ~drawn[:, self.task.groups]

    def _score(self, numbers, risk, weights):
        block = Block(self.task.y, risk, self.task.thresholds)
        early = numbers[0] < self.most_moved
        for role, weight in weights.items():
            names = self._needed(role, early)
            if not names:
                continue
            weighed, rows = self._weighed(block, weight, role == "out" and len(names) > 1)
            for name in names:
                if not is_fast(name):
                    self._score_slowly((role, name), numbers, risk, weight)
                    if role == "out":
                        self._leave_out(name, numbers, risk, weight)
                    continue
                self.values[role, name][numbers] = weighed.value(name)
                self.codes[role, name][numbers] = weighed.reason(name)
                if role == "out" and early:
                    self._move(name, numbers, weighed.influence(name), rows, weight > 0)

    def _needed(self, role, early):
        """Return the measures that the method needs in a role."""
        names = self.task.measures
        if role == "out":
            return names if early or self.method != "optimism" else ("auroc",)
        if self.method == "optimism" or role == "test":
            return names if early or self.method == "optimism" else ()
        return ()

    @staticmethod
    def _weighed(block, weight, few):
        """Return the block with its weights; of a single set the rows that count, where few do."""
        if not few or len(block.risk) > 1:
            return block.weigh(weight), None
        rows = np.flatnonzero(np.broadcast_to(weight, block.risk.shape)[0])
        if not len(rows):
            return block.weigh(weight), None
        return block.only(rows).weigh(weight[..., rows]), rows

    def _score_slowly(self, key, numbers, risk, weight):
        function, y = slow_function(key[1]), self.task.y
        for place, number in enumerate(numbers):
            own_weight = weight if weight is None or weight.ndim == 1 else weight[place]
            rows = slice(None) if own_weight is None else own_weight > 0
            shown = None if own_weight is None else np.asarray(own_weight[rows], dtype=float)
            try:
                value = function(y[rows], risk[place][rows], shown)
                value *= to_all_rows(key[1], own_weight, self.task)
            except InputError:
                value = np.nan
            self.values[key][number] = value
            mixed = 0 < y[rows].sum() < len(y[rows])
            missing = _UNDEFINED if mixed else ONE_CLASS
            self.codes[key][number] = FINE if np.isfinite(value) else missing

    def _leave_out(self, name, numbers, risk, out):
        """Note how much blocks of out-of-bag patients move a measure, in the first draws."""
        n_units = len(np.unique(self.task.units))
        for place, number in enumerate(numbers):
            rows = np.flatnonzero(out[place])
            if number >= _BLOCKED or not np.isfinite(self.values["out", name][number]):
                continue
            weight = None if self.task.weight is None else out[place][rows].astype(float)
            parts = self.task.y[rows], risk[place][rows], weight, self.block[rows]
            moved = block_influence(name, *parts) * to_all_rows(name, out[place], self.task)
            if np.isfinite(moved).all():
                share = len(np.unique(self.task.units[rows])) / n_units
                n_blocks = len(np.unique(self.block[rows]))
                variance = moved @ moved * n_blocks / (n_blocks - 1)
                self.moved[name] += moved
                self.n_moved[name] += 1
                self.spread[name][number] = variance * share

    def _move(self, name, numbers, influence, rows, out):
        """Add up the rows' influence, and keep its variance within each draw."""
        if rows is not None:
            few, influence = influence, np.zeros((len(numbers), self.task.n))
            influence[:, rows] = few
        fine = np.isfinite(self.values["out", name][numbers])
        self.moved[name] += influence.sum(axis=0)
        self.n_moved[name] += int(fine.sum())
        y = self.task.y
        if self.members is not None:
            influence, out = influence @ self.members, out @ self.members > 0
            y = self.event_of_patient
        self.spread[name][numbers] = np.where(fine, draw_variances(influence, y, out), np.nan)

    def sampling(self, name):
        """Return the mean over draws of the variance that the choice of patients gives."""
        values = self.spread[name]
        return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan

    @property
    def share_out(self):
        """Share of rows out of bag, on average."""
        return float(self.risk_count.mean() / max(self.done, 1))

    def influence(self, name):
        """Return how much each row moves the mean out-of-bag value of a measure.

        Blocks of patients instead of rows where it has no influence function; None where no draw
        told it.
        """
        if not self.n_moved[name]:
            return None
        return self.moved[name] / max(self.n_moved[name], 1)

    def out_of_bag_risk(self):
        """Return the mean risk of each row over the draws without its patient."""
        with np.errstate(invalid="ignore"):
            return self.risk_sum / np.where(self.risk_count > 0, self.risk_count, np.nan)

    def reasons(self, name, roles):
        """Return {reason: number of draws} for missing values of a measure in some roles."""
        counts = {}
        for fit in self.refits:
            if fit.failure:
                counts[fit.failure] = counts.get(fit.failure, 0) + 1
        where = {"train": "in training", "test": "on all rows", "out": "out of bag"}
        for role in roles:
            codes = self.codes[role, name]
            for code in np.unique(codes[codes > FINE]):
                counts[f"{_WHY[code]} {where[role]}"] = int(np.sum(codes == code))
        return counts


def _noted(resamples, waiting):
    """Yield resamples, keeping those that have no answer yet."""
    for resample in resamples:
        waiting.append(resample)
        yield resample


def _without_risk(found):
    return type(found)(
        None, found.failure, found.converged, found.separated, found.warned, found.chosen
    )


def _check_range(risk):
    if risk.min() < 0 or risk.max() > 1:
        raise InputError("predict_proba gives numbers outside 0 to 1; calibrate the model first.")
