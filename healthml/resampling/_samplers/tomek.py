"""Tomek links without the neighbours that cannot be one."""

import numpy as np
from imblearn import under_sampling
from scipy.sparse import issparse
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import _safe_indexing

from healthml._core._checks import check_alignment
from healthml._core._routing import clear_errors

_BLOCK = 100  # rows whose distances to all others are held at once; only memory depends on it

_MANY = 8  # columns from which plain distances are quicker; only speed depends on it


@clear_errors
class TomekLinks(under_sampling.TomekLinks):
    """Remove rows that are each other's nearest neighbour and of different classes.

    The same rows as imbalanced-learn's, sooner: one end of every link is outside the largest class,
    so neighbours are looked up for those rows, and for the rows they point at.

    Parameters
    ----------
    sampling_strategy : str, list or callable, default="auto"
        Classes from which rows are removed; "auto" spares the smallest.
    n_jobs : int, optional
        Parallel search of neighbours.

    Attributes
    ----------
    sample_indices_ : ndarray of int, shape (n_samples_new,)
        Positions of the rows kept.

    Raises
    ------
    ValueError
        If X holds a missing cell or something that is no number; from `fit_resample`.

    See Also
    --------
    imblearn.under_sampling.TomekLinks : The same rows by a search over all of them.
    PatientUnderSampler : Leaves out whole patients at random.
    ResampledClassifier : Resamples training rows only, and corrects the risks.

    Examples
    --------
    >>> from healthml.resampling import TomekLinks
    >>> sampler = TomekLinks()
    >>> _, y = sampler.fit_resample([[0.0], [1.0], [1.1], [5.0], [6.5]], [0, 0, 1, 1, 0])
    >>> sampler.sample_indices_.tolist()
    [0, 2, 3]
    """

    def _check_X_y(self, X, y, accept_sparse=None):
        check_alignment(X=X, y=y)
        return super()._check_X_y(X, y, accept_sparse=accept_sparse)

    def _fit_resample(self, X, y):
        search = NearestNeighbors(n_neighbors=2, n_jobs=self.n_jobs).fit(X)
        labels, codes = np.unique(y, return_inverse=True)
        nearest = np.full(len(y), -1)
        rows = np.flatnonzero(codes != np.bincount(codes).argmax())
        nearest[rows] = _second(search, X, rows)
        pointed = np.unique(nearest[rows[codes[nearest[rows]] != codes[rows]]])
        pointed = pointed[nearest[pointed] < 0]
        nearest[pointed] = _second(search, X, pointed)
        known = np.flatnonzero(nearest >= 0)
        mutual = (nearest[nearest[known]] == known) & (codes[nearest[known]] != codes[known])
        wanted = np.isin(labels, list(self.sampling_strategy_))
        removed = known[mutual & wanted[codes[known]]]
        kept = self.sample_indices_ = np.setdiff1d(np.arange(len(y)), removed)
        return _safe_indexing(X, kept), _safe_indexing(y, kept)


def _second(search, X, rows):
    """Return the second nearest row, the first being the row itself, as imbalanced-learn takes it.

    With many columns plain distances are quicker than a tree; rows whose nearest is not clear
    beyond rounding, or equal to themselves, are looked up as imbalanced-learn does.
    """
    place, unclear = np.zeros(len(rows), dtype=int), np.ones(len(rows), dtype=bool)
    if not issparse(X) and X.shape[1] >= _MANY:
        place, unclear = _plain(X, rows)
    if unclear.any():
        asked = _safe_indexing(X, rows[unclear])
        place[unclear] = search.kneighbors(asked, return_distance=False)[:, 1]
    return place


def _plain(X, rows):
    """Return the nearest other row, and whether another is as near."""
    place, unclear = np.zeros(len(rows), dtype=int), np.zeros(len(rows), dtype=bool)
    for block in np.array_split(np.arange(len(rows)), max(len(rows) // _BLOCK, 1)):
        distance = cdist(X[rows[block]], X)
        distance[np.arange(len(block)), rows[block]] = np.inf
        place[block] = distance.argmin(axis=1)
        least = distance.min(axis=1, initial=np.inf)
        unclear[block] = (distance <= least[:, None] * (1 + 1e-9)).sum(axis=1) != 1
        unclear[block] |= least == 0
    return place, unclear
