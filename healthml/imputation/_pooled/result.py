"""The pooled table that a paper prints, and what can be asked of it afterwards."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from healthml._core._results import Result
from healthml.exceptions import InputError
from healthml.imputation._pooled.input import diagonal
from healthml.imputation._pooled.tests_of_terms import (
    combine_d2,
    refuse_one,
    wald_d1,
    wald_statistics,
)

TEST_COLUMNS = ["hypothesis", "method", "statistic", "df1", "df2", "p", "riv", "m"]
# Scale -> value of no effect, in the units of the estimate.
NULL = {"identity": 0, "log": 1, "logit": 0.5, "r_squared": 0}
INTERCEPT = "(Intercept)"


@dataclass(frozen=True, repr=False)
class PooledResult(Result):
    """Estimates pooled by Rubin's rules; made by `pool` and `fit_pooled`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per term: ``term``, ``estimate``, ``se``, ``lower``, ``upper``, ``df``, ``p`` (of
        the hypothesis 0; on the log scale 1, on the logit scale 0.5), ``riv`` (relative increase
        in variance due to missing values), ``lambda`` (share of the variance due to them),
        ``fmi`` (fraction of missing information), ``mc_error`` (Monte-Carlo error of the
        estimate: how far it would move if the table were imputed again), ``m``, ``m_wanted``.
    estimates : pandas.DataFrame
        Estimates of each completed table, on the scale of pooling.
    within : ndarray of shape (m, n_terms) or (m, n_terms, n_terms)
        Variances or covariances of each completed table, on the scale of pooling.
    dfcom : float
        Degrees of freedom of the complete data.
    confidence_level : float
        Coverage of the intervals.
    scale : str
        Scale of pooling.
    tests : pandas.DataFrame
        Tests of several terms: ``hypothesis``, ``method``, ``statistic`` (F), ``df1``, ``df2``,
        ``p``, ``riv``, ``m``.
    """

    estimates: pd.DataFrame = field(default_factory=pd.DataFrame)
    within: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    dfcom: float = np.inf
    confidence_level: float = 0.95
    scale: str = "identity"
    tests: pd.DataFrame = field(default_factory=lambda: table_of_tests([]))

    @property
    def covariance(self):
        """Total covariance of the pooled estimates on the scale of pooling, as a DataFrame."""
        Q, names = self.estimates.to_numpy(), list(self.estimates.columns)
        within = self._covariances(names).mean(axis=0)
        m = len(Q)
        between = np.cov(Q, rowvar=False).reshape(within.shape) if m > 1 else 0 * within
        return pd.DataFrame(within + (1 + 1 / m) * between, index=names, columns=names)

    def to_frame(self, *, exponentiate=False):
        """Return a copy of the table.

        Parameters
        ----------
        exponentiate : bool, default=False
            Give estimate and limits as ratios (odds ratios of a logistic model) and leave out
            the intercept; ``se`` and ``mc_error`` stay on the log scale.

        Returns
        -------
        pandas.DataFrame
        """
        table = self.table.copy()
        if not exponentiate:
            return table
        if self.scale != "identity":
            raise InputError(f"exponentiate=True needs estimates on a log scale, not {self.scale}.")
        table = table[table["term"] != INTERCEPT].reset_index(drop=True)
        table[["estimate", "lower", "upper"]] = np.exp(table[["estimate", "lower", "upper"]])
        return table

    def monte_carlo(self):
        """Return how far each pooled number would move if the table were imputed again.

        Returns
        -------
        pandas.DataFrame
            ``term`` and the jackknife error over the imputations of ``estimate``, ``se``,
            ``lower``, ``upper``, ``df`` and ``p``; with 2 imputations of ``estimate`` alone.

        References
        ----------
        White IR, Royston P, Wood AM. Multiple imputation using chained equations: issues and
        guidance for practice. Stat Med 2011;30:377-399.
        """
        from healthml.imputation._pooled.table import monte_carlo_table

        Q, U = self.estimates.to_numpy(), diagonal(self.within)
        table = monte_carlo_table(Q, U, self.dfcom, self.confidence_level, self.scale)
        table.insert(0, "term", list(self.estimates.columns))
        return table

    def test(self, terms, *, method="D1"):
        """Test that several terms are 0 at once.

        Parameters
        ----------
        terms : str or sequence of str
            Terms under test.
        method : {"D1", "D2"}, default="D1"
            "D1" pools estimates and covariances, with Reiter's degrees of freedom; "D2" needs
            only the Wald statistics and is less exact.

        Returns
        -------
        pandas.DataFrame
            One row with the columns of `tests`.
        """
        terms = [terms] if isinstance(terms, str) else list(terms)
        Q, U = self.estimates[self._known(terms)].to_numpy(), self._covariances(terms)
        refuse_one(len(Q))
        if method == "D1":
            test = wald_d1(Q, U, self.dfcom)
        elif method == "D2":
            test = combine_d2(wald_statistics(Q, U), len(terms))
        else:
            raise InputError(f"method={method!r} is unknown; use 'D1' or 'D2'.")
        null = "0" if self.scale == "identity" else str(NULL[self.scale])
        return table_of_tests([(" = ".join([*terms, null]), method, test, len(Q))])

    def summary(self):
        """Return the table and the tests as plain text, rounded for reading."""
        parts = [_printed(self.table)]
        if len(self.tests):
            parts.append(_printed(self.tests))
        short = self.table["m"] < self.table["m_wanted"]
        if short.any():
            parts.append(
                f"m={self.table['m'].iloc[0]}; standard errors that another imputation would "
                f"repeat need up to m={self.table['m_wanted'].max()}."
            )
        return "\n".join(parts)

    def plot(self, ax=None, *, exponentiate=False):
        """Draw the pooled estimates with their intervals, without the intercept.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            Where to draw; a new figure when None.
        exponentiate : bool, default=False
            Draw ratios on a log axis.

        Returns
        -------
        matplotlib axes
        """
        import matplotlib.pyplot as plt

        table = self.to_frame(exponentiate=exponentiate)
        shown = table[table["term"] != INTERCEPT].iloc[::-1]
        ax = plt.subplots(figsize=(6, 1.2 + 0.3 * len(shown)))[1] if ax is None else ax
        reach = np.abs(shown[["lower", "upper"]].sub(shown["estimate"], axis=0)).to_numpy().T
        ax.errorbar(shown["estimate"], shown["term"], xerr=reach, fmt="o", capsize=3)
        ax.axvline(1 if exponentiate else NULL[self.scale], color="0.7", zorder=0)
        if exponentiate:
            ax.set_xscale("log")
        label = "Ratio" if exponentiate else "Pooled estimate"
        ax.set(xlabel=f"{label}, {self.confidence_level:.0%} CI")
        return ax

    def _known(self, terms):
        unknown = [term for term in terms if term not in self.estimates.columns]
        if unknown or not terms:
            what = f"there is no term {unknown[0]!r}" if unknown else "no term is named"
            raise InputError(f"{what}; the terms are in the column 'term' of the table.")
        return terms

    def _covariances(self, terms):
        places = self.estimates.columns.get_indexer(self._known(terms))
        if self.within.ndim == 3:
            return self.within[:, places[:, None], places]
        if len(terms) > 1:
            raise InputError(
                "several terms together need their covariances; pass them as variances of shape "
                "(m, n_terms, n_terms)."
            )
        return self.within[:, places][:, :, None]


def _printed(table):
    """Return a table as text: four digits, whatever the unit of a term.

    A coefficient per unit of platelets is tiny and must not be rounded to 0.
    """
    formatters = dict.fromkeys(("df", "df1", "df2"), "{:.1f}".format)
    return table.to_string(index=False, float_format="{:.4g}".format, formatters=formatters)


def table_of_tests(rows):
    """Return tests, given as (hypothesis, method, answer, m), as a tidy table."""
    kept = [
        (hypothesis, method, *(found[name] for name in TEST_COLUMNS[2:-1]), m)
        for hypothesis, method, found, m in rows
    ]
    dtypes = dict.fromkeys(("statistic", "df2", "p", "riv"), float) | {"df1": int, "m": int}
    return pd.DataFrame(kept, columns=TEST_COLUMNS).astype(dtypes)
