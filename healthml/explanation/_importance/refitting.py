"""What another training sample would change of a loss, from models fitted on halves."""

import numpy as np

from healthml._core._numerics import cluster_variance


class Refitting:
    """The halvings of all folds, and how much each patient's place in training weighs.

    To first order a loss is the mean of what each training unit contributes to the model and each
    unit left out to its measurement. Two models fitted on disjoint halves differ by the sum of the
    former with opposite signs, so that the square of the difference gives their variance, and its
    product with the same sum of the latter gives what both have in common.

    Parameters
    ----------
    splits : list of (number, train, test)
        Folds.
    halves : list of list of Half
        Of each fold.
    y : ndarray of shape (n_samples,)
        Outcome.
    unit : ndarray of int of shape (n_samples,)
        Patient of each row.
    """

    def __init__(self, splits, halves, y, unit):
        self.y, self.unit = y, unit
        tests = [test for _, _, test in splits]
        n_tested = sum(map(len, tests))
        self.weight = np.zeros(unit.max() + 1)
        for (_, train, test), _ in zip(splits, halves, strict=True):
            trained = np.unique(unit[train])
            self.weight[trained] += len(test) / n_tested / max(len(trained), 1)
        self.pairs = [
            (half, test, len(test) / n_tested)
            for test, own in zip(tests, halves, strict=True)
            for half in own
        ]

    @property
    def n_pairs(self):
        """Halvings that could be fitted."""
        return len(self.pairs)

    def of(self, measure):
        """Return the same for one measure."""
        return _OfMeasure(self, measure)


class _OfMeasure:
    """The pairs of models measured once, for every player."""

    def __init__(self, refitting, measure):
        self.parts, self.measure = refitting, measure
        self.bases = [
            [self._measured(risks[0], test) for risks in (half.first, half.second)]
            for half, test, _ in refitting.pairs
        ]

    def _measured(self, risk, test):
        return self.measure.influence(self.parts.y[test], risk, None)

    def widened(self, sampling, moved, rows, k, n_repeats):
        """Return the variance with what refitting adds, and its degrees of freedom.

        Parameters
        ----------
        sampling : float
            Variance of the fitted models' loss.
        moved : ndarray of shape (n_rows,)
            Influence of each row left out.
        rows : ndarray of int of shape (n_rows,)
            Its place in the table.
        k, n_repeats : int
            Player, and shuffles of it.
        """
        parts = self.parts
        tested = np.bincount(parts.unit[rows], moved, len(parts.weight))
        seen = np.zeros(len(parts.weight), dtype=bool)
        seen[parts.unit[rows]] = True
        shuffled = slice(1 + k * n_repeats, 1 + (k + 1) * n_repeats)
        pairs = [self._pair(number, shuffled, tested, seen) for number in range(parts.n_pairs)]
        pairs = np.array([pair for pair in pairs if np.isfinite(pair).all()])
        if not len(pairs):
            return sampling, np.inf
        square, noise, less_noise, product = pairs.mean(axis=0)
        squared_weight, shared_weight = parts.weight @ parts.weight, parts.weight[seen].sum()
        training = squared_weight * max(square - noise, 0.0)
        bound = np.sqrt(sampling * training)
        shared = float(np.clip(shared_weight * product, -bound, bound))
        second = squared_weight * less_noise
        return _total(sampling, training, second, shared, squared_weight * square, len(pairs))

    def _pair(self, number, shuffled, tested, seen):
        """Return the square of a difference, its noise, the noise of all rows, and the product.

        All for one unit: a sum over units of training or of both has its size.
        """
        half, test, share = self.parts.pairs[number]
        gap, influence = 0.0, np.zeros(len(test))
        models = ((1, half.first), (-1, half.second))
        for (sign, risks), (base, moved) in zip(models, self.bases[number], strict=True):
            shuffles = [self._measured(risk, test) for risk in risks[shuffled]]
            gap += sign * (base - np.mean([value for value, _ in shuffles]))
            influence += sign * (moved - np.mean([own for _, own in shuffles], axis=0))
        gap *= self.measure.sign
        noise = cluster_variance(influence, self.parts.unit[test])
        first, second = (np.flatnonzero(half.side == kind) for kind in (1, -1))
        scale = 1 / len(first) + 1 / len(second)
        contrast = self.measure.sign * (tested[first].mean() - tested[second].mean())
        both = seen[first].sum() / len(first) ** 2 + seen[second].sum() / len(second) ** 2
        product = gap * contrast / both if both > 0 else 0.0
        return gap**2 / scale, noise / scale, share * noise / scale, product


def _total(sampling, training, second, shared, square, n_pairs):
    """Return the variance and its degrees of freedom, by those of the pairs' squares [1]_.

    References
    ----------
    .. [1] Satterthwaite FE. An approximate distribution of estimates of variance components.
       Biometrics Bull. 1946;2:110-114.
    """
    variance = sampling + training + second + 2 * shared
    spread = 2 * square**2 + 4 * (square * sampling + shared**2) + 8 * square * shared
    freedom = 2 * variance**2 * n_pairs / spread if spread > 0 else np.inf
    return max(variance, sampling), max(freedom, n_pairs)
