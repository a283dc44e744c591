"""SMOTE whose made rows are possible rows."""

import warnings
from numbers import Integral

import numpy as np
import pandas as pd
from imblearn.over_sampling.base import BaseOverSampler
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from healthml._core._checks import check_alignment
from healthml._core._routing import clear_errors
from healthml._core._tables import backend_of, to_pandas
from healthml.exceptions import DataQualityWarning, InputError
from healthml.resampling._samplers.columns import between, distance_columns
from healthml.resampling._samplers.tables import KeepsTable, as_frame, codes_of

_CHUNK = 64  # rows of a patient beyond which more neighbours are not looked for


@clear_errors
class MixedSMOTE(KeepsTable, BaseOverSampler):
    """Make rows between neighbours of a class that could have been measured.

    SMOTE puts 0.3 into a column of 0 and 1, loses types and the index; SMOTENC refuses missing
    values and nullable types. Here numbers stay on the steps and within the values of their two
    rows, levels (text, categories, booleans, 0/1, dates) are one row's own, a missing value stays
    missing, no row is made between two sites, and a patient's own rows are no neighbours.

    Made rows do not bring back what an analysis of too few events lacks, and risks fitted on them
    are wrong until they are corrected: use it in :class:`ResampledClassifier`, and ask
    :func:`healthml.validation.compare_imbalance_strategies` whether it pays.

    Parameters
    ----------
    sampling_strategy : float, str, dict or callable, default="auto"
        As in imbalanced-learn: "auto" makes every class as large as the largest.
    k_neighbors : int, default=5
        Nearest rows of the class from which the other end is drawn; fewer where a site has fewer.
    site_column : str, optional
        Column of a frame that names the site, where `site` cannot be passed, as in a pipeline.
    random_state : int, RandomState or None, default=None
        Randomness of rows, neighbours and shares.

    Attributes
    ----------
    synthetic_ : ndarray of bool, shape (n_samples_new,)
        The made rows. They come last.
    base_indices_, neighbor_indices_ : ndarray of int, shape (n_samples_new,)
        Positions of both ends of each row; of a kept row itself, twice.
    sampling_strategy_ : dict
        Class -> rows to make.

    Raises
    ------
    InputError
        If `site_column` is no column of X, or a patient or site is missing; from `fit_resample`.
    ValueError
        If `sampling_strategy` asks for fewer rows than there are; from `fit_resample`.

    See Also
    --------
    PatientOverSampler : Repeats patients instead of making rows.
    ResampledClassifier : Resamples training rows only, and corrects the risks.
    healthml.validation.compare_imbalance_strategies : Measures whether resampling pays.
    imblearn.over_sampling.SMOTENC : Numbers and levels without missing values, patients and sites.

    References
    ----------
    .. [1] Chawla NV, Bowyer KW, Hall LO, Kegelmeyer WP. SMOTE: synthetic minority over-sampling
       technique. J Artif Intell Res. 2002;16:321-357.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.resampling import MixedSMOTE
    >>> X = pd.DataFrame({"temp": [36.5, 37.0, 38.5, 39.0, 36.0], "icu": [0, 0, 1, 1, 0]})
    >>> sampler = MixedSMOTE(random_state=0)
    >>> new_X, new_y = sampler.fit_resample(X, [0, 0, 1, 1, 0])
    >>> len(new_X), int(sampler.synthetic_.sum()), sorted(new_X["icu"].unique().tolist())
    (6, 1, [0, 1])
    """

    __metadata_request__fit_resample = {"groups": True, "site": True}
    _parameter_constraints = {
        **BaseOverSampler._parameter_constraints,
        "k_neighbors": [Interval(Integral, 1, None, closed="left")],
        "site_column": [str, None],
        "random_state": ["random_state"],
    }
    _sparse = False

    def __init__(
        self, *, sampling_strategy="auto", k_neighbors=5, site_column=None, random_state=None
    ):
        super().__init__(sampling_strategy=sampling_strategy)
        self.k_neighbors = k_neighbors
        self.site_column = site_column
        self.random_state = random_state

    def fit_resample(self, X, y, *, groups=None, site=None):
        """Return the rows and the made rows after them.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            The table.
        y : array-like of shape (n_samples,)
            Classes.
        groups : array-like of shape (n_samples,), optional
            Patient of each row: rows of one patient are no neighbours.
        site : array-like of shape (n_samples,), optional
            Site of each row: both ends are of one site.

        Returns
        -------
        X_resampled, y_resampled
            Of the types that came in; kept rows keep their index, made rows continue it where it
            counts.
        """
        check_alignment(X=X, y=y, groups=groups, site=site)
        params = {"groups": groups, "site": site}
        if _dense_frame(X) and not isinstance(y, pd.DataFrame):
            return self._frame(X, y, params)
        if backend_of(X) is None or isinstance(X, pd.DataFrame):
            return super().fit_resample(X, y, **params)
        from healthml.resampling._learner import as_native

        new_X, new_y = super().fit_resample(to_pandas(X, nullable=True), y, **params)
        return as_native(new_X, X), new_y

    def _frame(self, X, y, params):
        """Return a frame as it was made: imbalanced-learn's way back would copy it twice."""
        whole, series = [], isinstance(y, pd.Series)
        _, new_y = super().fit_resample(X, y.to_numpy() if series else y, whole=whole, **params)
        if series:
            new_y = pd.Series(new_y, index=whole[0].index, name=y.name, dtype=y.dtype)
        return whole[0], new_y

    def _fit_resample(self, X, y, groups=None, site=None, whole=None):
        frame, n = as_frame(X), len(y)
        groups = codes_of(groups, n, "groups")
        site = codes_of(self._site(frame, site), n, "site")
        base, other, share = self._ends(frame, y, groups, site)
        kept = np.arange(n, dtype=base.dtype)
        self.synthetic_ = np.concatenate([np.zeros(n, bool), np.ones(len(base), bool)])
        self.base_indices_ = np.concatenate([kept, base])
        self.neighbor_indices_ = np.concatenate([kept, other])
        new_X = _with_made_rows(frame, base, other, share)
        new_y = np.concatenate([y, y[base]])
        if whole is not None:
            whole.append(new_X)
            return X.iloc[:0], new_y
        return (new_X if isinstance(X, pd.DataFrame) else _as_array(new_X, X)), new_y

    def _site(self, frame, site):
        if site is not None or self.site_column is None:
            return site
        if self.site_column not in frame:
            raise InputError(f"site_column is {self.site_column!r}, which is no column of X.")
        return frame[self.site_column]

    def _ends(self, frame, y, groups, site):
        """Return both ends of every made row, and how far it lies from the first."""
        rng, base, other = check_random_state(self.random_state), [], []
        for label, n_made in self.sampling_strategy_.items():
            if not n_made:
                continue
            rows = np.flatnonzero(y == label)
            start = rows[_spread(len(rows), n_made, rng)]
            base.append(start)
            other.append(self._neighbours(frame, rows, start, groups, site, rng))
        if not base:
            return np.empty(0, int), np.empty(0, int), np.empty(0)
        size = np.int32 if len(y) < 2**31 else np.int64  # positions are a part of the memory used
        base, other = np.concatenate(base, dtype=size), np.concatenate(other, dtype=size)
        _warn_of_copies(int((base == other).sum()), len(base))
        return base, other, rng.uniform(size=len(base))

    def _neighbours(self, frame, rows, start, groups, site, rng):
        """Draw for each start one of its nearest rows of the class and site."""
        end = start.copy()
        points = distance_columns(frame.take(rows))
        place = np.full(len(frame), -1)
        place[rows] = np.arange(len(rows))
        own_site = np.zeros(len(rows), dtype=int) if site is None else site[rows]
        for level in np.unique(own_site[place[start]]):
            pool = np.flatnonzero(own_site == level)
            wanted = np.flatnonzero(own_site[place[start]] == level)
            if len(pool) > 1:
                chosen = self._draw(points, pool, place[start[wanted]], rows, groups, rng)
                end[wanted] = rows[chosen]
        return end

    def _draw(self, points, pool, queries, rows, groups, rng):
        """Return for each query one of its k nearest in a pool, itself where it has none."""
        patients = np.arange(len(rows)) if groups is None else groups[rows]
        most = int(np.unique(patients[pool], return_counts=True)[1].max())
        count = min(self.k_neighbors + min(most, _CHUNK), len(pool))
        asked, back = np.unique(queries, return_inverse=True)
        search = NearestNeighbors(n_neighbors=count).fit(points[pool])
        near = pool[search.kneighbors(points[asked], return_distance=False)]
        allowed = patients[near] != patients[asked][:, None]
        rank = np.cumsum(allowed, axis=1)
        n_allowed = np.minimum(rank[:, -1], self.k_neighbors)[back]
        pick = 1 + (rng.uniform(size=len(back)) * n_allowed).astype(int)
        neighbour = near[back, np.argmax(rank[back] >= pick[:, None], axis=1)]
        return np.where(n_allowed > 0, neighbour, queries)

    def __sklearn_tags__(self):
        """Take anything but a sparse matrix, missing values too."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags


def _dense_frame(X):
    return isinstance(X, pd.DataFrame) and not any(
        isinstance(kind, pd.SparseDtype) for kind in X.dtypes
    )


def _warn_of_copies(n_copies, n_made):
    if n_copies:
        warnings.warn(
            f"{n_copies:,} of {n_made:,} made rows are copies: the row that they start from has no "
            "neighbour, another patient of its class (at its site, where sites are given). Take "
            "class weights where there are so few.",
            DataQualityWarning,
            stacklevel=6,
        )


def _spread(n, n_made, rng):
    """Draw starts so that every row is used equally often, but for the remainder."""
    whole = np.tile(np.arange(n), n_made // n)
    return np.concatenate([whole, rng.permutation(n)[: n_made % n]])


def _with_made_rows(frame, base, other, share):
    """Return the frame with the made rows below, column by column so that none is held twice."""
    columns = {}
    for place in range(frame.shape[1]):
        column = frame.iloc[:, place]
        made = between(column, base, other, share)
        columns[place] = pd.concat([column, made], ignore_index=True).array
    index = frame.index.append(_more_index(frame.index, len(base)))
    whole = pd.DataFrame(columns, index=index, copy=False)
    whole.columns = frame.columns
    return whole


def _more_index(index, n_made):
    """Return labels for made rows: after the largest number, else plain numbers."""
    counts = pd.api.types.is_integer_dtype(index.dtype) and len(index)
    first = int(index.max()) + 1 if counts else len(index)
    return pd.RangeIndex(first, first + n_made)


def _as_array(frame, X):
    return frame.to_numpy(dtype=X.dtype)
