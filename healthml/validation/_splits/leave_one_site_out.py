"""Leave one site out: judge every hospital by a model that never saw it."""

import warnings
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils.validation import _num_samples

from healthml._core._checks import check_alignment, check_event, check_groups
from healthml._core._tables import role_series
from healthml.exceptions import DataQualityWarning, InputError
from healthml.validation._splits.times import column_or_values

__all__ = ["LeaveOneSiteOut"]


class LeaveOneSiteOut(BaseCrossValidator):
    """Train on all sites but one and test on that one, for every site that can be judged.

    Where `groups` are given, other sites' rows of patients who were also at the site left out are
    not trained on. A site that is too small to be judged alone stays in the training rows of the
    others and is listed by `report` with the reason.

    Parameters
    ----------
    site : str or array-like of shape (n_samples,)
        Site of each row; or the name of the column of `X` that holds it, which also works inside
        searches that split the rows again.
    min_rows : int, default=1
        Rows that a site must have to be left out.
    min_events : int, default=1
        Rows with, and rows without, the event that it must have; 0 leaves out every site.

    Raises
    ------
    InputError
        If fewer than two sites can be left out; from `split`.

    See Also
    --------
    internal_external : Refits in these splits, judges every site and pools what was found.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.validation import LeaveOneSiteOut
    >>> site = np.array(["north", "north", "south", "south", "south", "east", "east"])
    >>> y = np.array([0, 1, 1, 0, 0, 0, 0])
    >>> splitter = LeaveOneSiteOut(site, min_events=0)
    >>> for train, test in splitter.split(site):
    ...     print(site[test])
    ['south' 'south' 'south']
    ['north' 'north']
    ['east' 'east']
    >>> splitter = LeaveOneSiteOut(site)  # with a warning when it splits
    >>> splitter.report(site, y)[["site", "n_events", "reason"]].values.tolist()
    [['south', 1, ''], ['north', 1, ''], ['east', 0, 'no events']]
    """

    __metadata_request__split = {"groups": True}

    def __init__(self, site, *, min_rows=1, min_events=1):
        self.site = site
        self.min_rows = min_rows
        self.min_events = min_events

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of sites that can be left out."""
        if X is None:
            if isinstance(self.site, str):
                raise InputError("X is missing; pass the table that has the column of sites.")
            X = self.site
        return sum(part.reason == "" for part in self.parts(X, y, groups))

    def split(self, X, y=None, groups=None):
        """Yield positions of training and test rows, the largest site first.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The table; its column is read where `site` is a name.
        y : array-like of shape (n_samples,)
            Binary outcome; not needed with ``min_events=0``.
        groups : array-like of shape (n_samples,), optional
            The patient of each row.

        Yields
        ------
        train, test : ndarray of int

        Raises
        ------
        InputError
            With fewer than two sites, or none that can be left out.

        Warns
        -----
        DataQualityWarning
            If some sites cannot be left out, with their number and reasons.
        """
        parts = self.parts(X, y, groups)
        if all(part.reason for part in parts):
            raise InputError(
                f"None of {len(parts)} sites can be left out: they are too small or have one class "
                "of outcome. See report, or lower min_rows and min_events."
            )
        _warn_of_small(parts)
        for part in parts:
            if not part.reason:
                yield part.train, part.test

    def parts(self, X, y=None, groups=None):
        """Return every site with its rows and the reason why it cannot be left out, if any.

        Parameters
        ----------
        X, y, groups
            As in `split`.

        Returns
        -------
        list of SitePart
        """
        check_alignment(X=X, y=y, groups=groups)
        n = _num_samples(X)
        codes, names = site_codes(column_or_values(self.site, X, "site"), n)
        event = self._event(y, n)
        patients = None if groups is None else check_groups(groups, n)
        return [self._part(k, codes, names, event, patients) for k in range(len(names))]

    def report(self, X, y=None, groups=None):
        """Return one line per site: how large it is and why it is not left out, if so.

        Parameters
        ----------
        X, y, groups
            As in `split`.

        Returns
        -------
        DataFrame
            site, n_samples, n_events, n_patients, n_train, n_not_trained (rows of other sites of
            patients who were here too), reason ("" where the site is left out).
        """
        codes = None if groups is None else check_groups(groups, _num_samples(X))
        event = self._event(y, _num_samples(X))
        return pd.DataFrame([part.line(event, codes) for part in self.parts(X, y, groups)])

    def _event(self, y, n):
        if y is None:
            if self.min_events:
                raise InputError("y is missing; pass the outcome, or set min_events=0.")
            return None
        event = check_event(y, any_two_classes=True)[1]
        if len(event) != n:
            raise InputError(f"y has {len(event)} rows and X has {n}; pass the same rows.")
        return event

    def _part(self, k, codes, names, event, patients):
        test = codes == k
        train = rows_of_others(test, patients)
        reason = self._reason(test, train, event)
        left = int((~test & ~train).sum())
        return SitePart(names[k], np.flatnonzero(train), np.flatnonzero(test), left, reason)

    def _reason(self, test, train, event):
        """Say why a site cannot be left out."""
        if test.sum() < self.min_rows:
            return f"fewer than {self.min_rows} rows"
        if not train.any():
            return "all other rows are of its own patients"
        if event is None or not self.min_events:
            return ""
        for count, what in ((event[test].sum(), "events"), ((1 - event[test]).sum(), "non-events")):
            if count < self.min_events:
                return f"no {what}" if not count else f"fewer than {self.min_events} {what}"
        return "" if np.ptp(event[train]) else "the other sites have one class of outcome"

    def __repr__(self):
        """Return the parameters without the sites of the rows."""
        site = (
            repr(self.site) if isinstance(self.site, str) else f"<{_num_samples(self.site)} sites>"
        )
        return (
            f"{type(self).__name__}(site={site}, min_rows={self.min_rows}, "
            f"min_events={self.min_events})"
        )


@dataclass(frozen=True)
class SitePart:
    """A site, its rows, and the rows that a model for it may be trained on.

    Parameters
    ----------
    name : str
        Name of the site.
    train, test : ndarray of int
        Positions of rows.
    n_not_trained : int
        Rows of other sites that belong to this site's patients.
    reason : str
        Why it cannot be left out, or "".
    """

    name: str
    train: np.ndarray
    test: np.ndarray
    n_not_trained: int
    reason: str

    def line(self, event=None, patients=None):
        """Return its sizes as a dict."""
        n = len(self.test)
        return {
            "site": self.name,
            "n_samples": n,
            "n_events": -1 if event is None else int(event[self.test].sum()),
            "n_patients": n if patients is None else len(np.unique(patients[self.test])),
            "n_train": len(self.train),
            "n_not_trained": self.n_not_trained,
            "reason": self.reason,
        }


def _warn_of_small(parts):
    reasons = Counter(part.reason for part in parts if part.reason)
    if reasons:
        counts = ", ".join(f"{reason}: {count}" for reason, count in reasons.items())
        warnings.warn(
            f"{reasons.total()} of {len(parts)} sites are not left out ({counts}); they stay in "
            "the training rows of the others. See report; min_events=0 leaves out every site.",
            DataQualityWarning,
            stacklevel=3,
        )


def rows_of_others(test, patients):
    """Return which rows are neither in the test nor of a patient who is."""
    if patients is None:
        return ~test
    return ~test & ~np.isin(patients, np.unique(patients[test]))


def site_codes(site, n):
    """Return the site of each row as a code and the names, the largest site first.

    Rows without a site are a site of their own, named "missing".
    """
    values = role_series(site, "site")
    if len(values) != n:
        raise InputError(f"site has {len(values)} values for {n} rows; pass one for each row.")
    codes, names = pd.factorize(values.astype("string").fillna("missing"))
    if len(names) < 2:
        raise InputError("site has one value; at least two sites are needed to leave one out.")
    order = np.argsort(-np.bincount(codes), kind="stable")
    rank = np.empty(len(names), dtype=np.intp)
    rank[order] = np.arange(len(names))
    return rank[codes], [str(names[k]) for k in order]
