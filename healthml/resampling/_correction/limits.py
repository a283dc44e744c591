"""Log odds of risks that may be exactly 0 or 1."""

from typing import NamedTuple

import numpy as np

from healthml._core._numerics import logit

# Distance from 0 and 1 within which a risk is taken as 0 or 1. By judgement, not by simulation;
# larger, and true small risks are put at the limit; smaller, and log odds grow without bound.
_EXACT = 1e-8
# Limit where every risk is 0 or 1 and the rows are few: half a row of two. Chosen by judgement; it
# binds in samples of one row only.
_WIDEST = 0.25


class RiskLimits(NamedTuple):
    """The smallest and the largest risk whose log odds are taken as they are."""

    lower: float
    upper: float

    def log_odds(self, risk):
        """Return log odds, risks beyond the limits moved to them."""
        return logit(np.clip(risk, self.lower, self.upper), eps=0)


def risk_limits(risk):
    """Return limits half as far from 0 and 1 as the nearest risks that are not exactly there.

    A forest of 50 trees that says 0 means "less than 1 in 50", not "1 in 100 million", which as
    log odds would decide the whole correction. Like a laboratory value below the limit of
    detection it is put at half of the smallest risk that the model does give. Risks of a learner
    that never says 0 or 1 are untouched.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.resampling._correction import risk_limits
    >>> risk_limits(np.array([0.0, 0.02, 0.5, 0.9, 1.0]))
    RiskLimits(lower=0.01, upper=0.95)
    """
    inside = risk[(risk > _EXACT) & (risk < 1 - _EXACT)]
    if not inside.size:
        edge = min(0.5 / max(len(risk), 1), _WIDEST)
        return RiskLimits(edge, 1 - edge)
    lower = inside.min() / 2 if (risk <= _EXACT).any() else _EXACT
    upper = (1 + inside.max()) / 2 if (risk >= 1 - _EXACT).any() else 1 - _EXACT
    return RiskLimits(float(lower), float(upper))
