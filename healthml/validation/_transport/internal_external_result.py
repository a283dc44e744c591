"""The answer of internal-external validation: every site left out, their mean, a new site."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from healthml._core._results import Result
from healthml.exceptions import InputError
from healthml.meta_analysis._poisson import PoissonMetaResult
from healthml.validation._transport.site_measures import IDEAL, SCALES


@dataclass(frozen=True, repr=False)
class InternalExternalResult(Result):
    """Performance at every site left out, and pooled; made by `internal_external`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per measure and site and, at the end of each measure, the pooled mean and the
        prediction interval: measure, site, kind ("site", "left out" where the site cannot be
        pooled, "pooled", "prediction"), estimate, lower, upper, se (on the scale of pooling),
        scale, n_samples, n_events, n_patients, n_sites, tau2, i2, method, reason.
    sites : pandas.DataFrame
        One row per site: n_samples, n_events, n_patients, prevalence, n_train, n_not_trained (rows
        of its patients at other sites), reason (why no model was made for it).
    pooled : dict of str to MetaResult
        Measure -> everything about its pooling, for measures that at least 3 sites have.
    events : PoissonMetaResult or None
        O:E of all sites in one stage, where a site without events cannot be pooled on the log
        scale.
    risk : ndarray of shape (n_samples,)
        Risk of each row from the model that never saw its site.
    note : str
        What weakens the answer.
    estimand : str
        What the numbers are about.
    confidence_level : float
        Level of the intervals.
    """

    sites: pd.DataFrame = None
    pooled: dict = field(default_factory=dict)
    events: PoissonMetaResult | None = None
    risk: np.ndarray = None
    note: str = ""
    estimand: str = ""
    confidence_level: float = 0.95

    def summary(self):
        """Return sites, pooled lines and what could not be pooled as plain text."""
        columns = ["measure", "site", "estimate", "lower", "upper", "n_samples", "n_events"]
        text = self.table[[*columns, "reason"]].round(3).to_string(index=False, na_rep="")
        return "\n".join(part for part in (text, self.note) if part)

    def get(self, measure="auroc", site="pooled"):
        """Return one row of the table as a Series; `site` may be "pooled" or "a new site"."""
        rows = self.table[(self.table["measure"] == measure) & (self.table["site"] == site)]
        if rows.empty:
            raise InputError(f"There is no row for measure {measure!r} and site {site!r}.")
        return rows.iloc[0]

    def plot(self, ax=None, *, measure=None, **kwargs):
        """Draw forest plots.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes for one measure.
        measure : str, default=None
            Measure to draw; by default the first with `ax`, and all side by side without.
        **kwargs
            Options of the drawing.

        Returns
        -------
        Axes, or array of Axes when several measures are drawn
        """
        from healthml._core._style import new_grid

        names = list(dict.fromkeys(self.table["measure"]))
        if measure is not None or ax is not None:
            return self._draw(measure or names[0], ax, kwargs)
        height = 1.1 + 0.27 * (len(self.sites) + 2)
        axes = new_grid(len(names), width=6.4, height=height)
        for name, part in zip(names, axes, strict=True):
            self._draw(name, part, kwargs)
            if part.get_subplotspec().colspan.start:  # the names stand at the left of each row
                part.set_yticks(part.get_yticks(), [])
        return axes

    def _draw(self, measure, ax, kwargs):
        from healthml.meta_analysis._forest import draw_forest
        from healthml.metrics import get_measure

        rows = self.table[self.table["measure"] == measure]
        if rows.empty:
            raise InputError(f"There is no measure {measure!r}; draw one of {list(self.pooled)}.")
        found = self.pooled.get(measure)
        tau2 = found.tau2 if found is not None and np.isfinite(found.tau2) else 0.0
        spread = rows["se"] ** 2 + tau2
        weight = np.where(rows["kind"] == "site", 1 / spread, np.nan)
        rows = rows.assign(study=rows["site"], weight=weight)
        options = {"label": get_measure(measure).label, "ideal": IDEAL.get(measure)}
        options |= {"log": SCALES[measure] == "log", "confidence_level": self.confidence_level}
        return draw_forest(rows, ax=ax, **options | kwargs)
