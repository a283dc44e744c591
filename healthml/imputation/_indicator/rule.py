"""Which missing indicators are worth a column: enough rows, no twin, no telling of the outcome."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from healthml._core._numerics import cluster_variance
from healthml.imputation._missingness import FEWEST_EVENTS, indicator_auc


class Candidates:
    """The missing indicators of a table, to be judged.

    Parameters
    ----------
    is_missing : ndarray of bool of shape (n_samples, n_columns)
        Which cells are missing.
    names : list
        Names of the columns.
    event : ndarray of int of shape (n_samples,) or None
        Outcome as 0/1.
    groups : ndarray of int of shape (n_samples,) or None
        Patient of each row.
    max_auc, min_rows, confidence_level, cv, random_state
        As in `MissingIndicators`.

    Attributes
    ----------
    telling : list
        Names of the columns left out because their gaps tell the outcome.
    """

    def __init__(
        self,
        is_missing,
        names,
        event,
        groups,
        *,
        max_auc,
        min_rows,
        confidence_level,
        cv,
        random_state,
    ):
        self.is_missing = is_missing
        self.names = names
        self.event = event
        self.groups = groups
        self.max_auc = max_auc
        self.min_rows = min_rows
        self.level = confidence_level
        self.folds = (cv, random_state)
        self.telling = []
        self.known = {}

    def judge(self, allow, unknown):
        """Return the record, the AUC of all indicators and that of those that are added.

        Parameters
        ----------
        allow : sequence
            Columns whose gaps may tell the outcome.
        unknown : str
            Why there is no outcome, or "".
        """
        reasons = self._too_few()
        auc, unknown = self._alone(unknown)
        free = np.array([name in set(allow) for name in self.names])
        self._leave_out(reasons, (auc[:, 1] > self.max_auc) & ~free, "its gaps tell the outcome")
        self._drop_twins(reasons, np.flatnonzero(reasons == ""))
        self._keep_below_limit(reasons, auc, free)
        added = reasons == ""
        if unknown:
            reasons[added] = f"whether its gaps tell the outcome is not assessable: {unknown}"
        record = pd.DataFrame({"column": self.names, "n_missing": self.is_missing.sum(axis=0)})
        record["share"] = self.is_missing.mean(axis=0)
        record[["auc", "lower", "upper"]] = auc
        record["added"], record["reason"] = added, reasons
        nothing = {"reason": unknown}
        return record, self._together(slice(None)) or nothing, self._together(added) or nothing

    def _too_few(self):
        n_gone, n_seen = self._counts(self.is_missing), self._counts(~self.is_missing)
        what = "rows" if self.groups is None else "patients"
        reasons = np.full(len(self.names), "", dtype=object)
        self._leave_out(reasons, n_seen < self.min_rows, f"observed in too few {what}")
        self._leave_out(reasons, n_gone < self.min_rows, f"missing in too few {what}")
        self._leave_out(reasons, n_gone == 0, "no cell is missing")
        return reasons

    def _counts(self, flags):
        """Return the number of rows, or patients with a row, that are flagged in each column."""
        if self.groups is None:
            return flags.sum(axis=0)
        return np.array([len(np.unique(self.groups[column])) for column in flags.T])

    @staticmethod
    def _leave_out(reasons, which, why):
        reasons[which] = why

    def _alone(self, unknown):
        """Return AUC, lower and upper end of each indicator alone, and why there are none.

        The AUC of a yes-or-no indicator is half of one plus the difference of its shares.
        """
        effects = np.full((len(self.names), 3), np.nan)
        if self.event is None:
            return effects, unknown
        y = self.event
        n1, n0 = int(y.sum()), int((1 - y).sum())
        if min(n1, n0) < FEWEST_EVENTS:
            return effects, f"fewer than {FEWEST_EVENTS} events or non-events"
        z = norm.ppf(0.5 + self.level / 2)
        for j in np.flatnonzero(self.is_missing.any(axis=0)):
            is_missing = self.is_missing[:, j].astype(float)
            p1, p0 = is_missing[y == 1].mean(), is_missing[y == 0].mean()
            influence = np.where(y == 1, (is_missing - p1) / n1, (p0 - is_missing) / n0) / 2
            half = z * np.sqrt(cluster_variance(influence, self.groups))
            auc = 0.5 + abs(p1 - p0) / 2
            effects[j] = auc, max(auc - half, 0.0), min(auc + half, 1.0)
        return effects, ""

    def _drop_twins(self, reasons, candidates):
        """Leave out columns whose gaps hardly differ from those of an earlier one."""
        flags = self.is_missing[:, candidates].astype(np.float32)
        size, both = flags.sum(axis=0), flags.T @ flags
        differ = size[:, None] + size[None, :] - 2 * both
        differ = np.minimum(differ, len(flags) - differ)  # observed where the other is missing
        columns = []
        for place, j in enumerate(candidates):
            twins = [k for k in columns if differ[place, k] < self.min_rows]
            if twins:
                reasons[j] = f"its gaps are those of {self.names[candidates[twins[0]]]!r}"
            else:
                columns.append(place)

    def _keep_below_limit(self, reasons, auc, free):
        """Leave out those that tell most, until the others together stay below the limit."""
        self.telling = [
            self.names[j] for j in np.flatnonzero(reasons == "its gaps tell the outcome")
        ]
        open_to_judge = np.flatnonzero((reasons == "") & ~free)
        order = open_to_judge[np.argsort(auc[open_to_judge, 0], kind="stable")]
        low, high = 0, len(order)
        while low < high:  # the largest number that stays below
            middle = high if low == 0 and high == len(order) else (low + high + 1) // 2
            if self._together(order[:middle]).get("lower", 0.0) <= self.max_auc:
                low = middle
            else:
                high = middle - 1
        reasons[order[low:]] = "with the others its gaps tell the outcome"
        self.telling += [self.names[j] for j in np.sort(order[low:])]

    def _together(self, which):
        """Return the out-of-fold AUC of some indicators, worked out once for each choice."""
        some = np.zeros(len(self.names), dtype=bool)
        some[which] = True
        some &= self.is_missing.any(axis=0)
        key = some.tobytes()
        if key not in self.known:
            cv, random_state = self.folds
            is_missing = self.is_missing[:, some]
            options = (self.event, self.groups, cv, self.level, random_state)
            self.known[key] = indicator_auc(is_missing, *options)
        return self.known[key]
