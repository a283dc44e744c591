"""Steps that were learnt over all rows, learnt again from training rows alone."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

# Rows at the overall rate that are added to each level. By judgement, not by simulation; fewer let
# a level of few rows follow its own outcomes more.
_PRIOR_ROWS = 10.0


class EncodedAgain(TransformerMixin, BaseEstimator):
    """Replace encoded columns by mean outcomes of their source that training rows alone give.

    Training rows get the mean of the other parts of the training rows, new rows the mean of all of
    them, both drawn towards the overall rate.

    Parameters
    ----------
    sources : dict of str to str
        Encoded column -> column whose levels were encoded.
    parts : int, default=5
        Parts of the training rows.
    """

    def __init__(self, sources, *, parts=5):
        self.sources = sources
        self.parts = parts

    def fit(self, X, y):
        """Learn the mean outcome of each level."""
        self.overall_, self.levels_ = float(np.mean(y)), {}
        for name, source in self.sources.items():
            codes, values = pd.factorize(X[source])
            seen = codes >= 0
            size = np.bincount(codes[seen], minlength=len(values))
            events = np.bincount(codes[seen], np.asarray(y)[seen], minlength=len(values))
            self.levels_[name] = pd.Series(self._drawn(events, size), index=list(values))
        return self

    def fit_transform(self, X, y):
        """Learn the means and return the training rows encoded by the other parts."""
        self.fit(X, y)
        y, changed = np.asarray(y), {}
        part = np.random.RandomState(0).permutation(len(y)) % self.parts
        for name, source in self.sources.items():
            codes = pd.factorize(X[source], use_na_sentinel=False)[0]
            size = np.zeros((codes.max() + 1, self.parts))
            events = np.zeros_like(size)
            np.add.at(size, (codes, part), 1.0)
            np.add.at(events, (codes, part), y)
            size, events = size.sum(1, keepdims=True) - size, events.sum(1, keepdims=True) - events
            changed[name] = self._drawn(events, size)[codes, part]
        return X.assign(**changed)

    def transform(self, X):
        """Return the rows encoded by the training means."""
        changed = {
            name: X[self.sources[name]]
            .astype(object)
            .map(means)
            .astype(float)
            .fillna(self.overall_)
            for name, means in self.levels_.items()
        }
        return X.assign(**changed)

    def _drawn(self, events, size):
        return (events + _PRIOR_ROWS * self.overall_) / (size + _PRIOR_ROWS)


class PreparedAgain(TransformerMixin, BaseEstimator):
    """Scale, and fill in, some columns again with what the training rows say.

    Parameters
    ----------
    scaled : sequence of str
        Columns to be brought to mean 0 and SD 1.
    filled : dict of str to float
        Column -> the value to be replaced by the mean of the other training rows.
    """

    def __init__(self, scaled, filled):
        self.scaled = scaled
        self.filled = filled

    def fit(self, X, y=None):
        """Learn means and spreads."""
        self.scales_ = {c: (X[c].mean(), X[c].std(ddof=0) or 1.0) for c in self.scaled}
        self.means_ = {c: X[c][X[c] != v].mean() for c, v in self.filled.items()}
        return self

    def transform(self, X):
        """Return the table with these columns changed."""
        changed = {c: X[c].where(X[c] != v, self.means_[c]) for c, v in self.filled.items()}
        for name, (mean, spread) in self.scales_.items():
            changed[name] = (changed.get(name, X[name]) - mean) / spread
        return X.assign(**changed)
