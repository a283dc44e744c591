"""The answer of random-effects pooling: studies, their mean, and what to expect of a new one."""

from dataclasses import dataclass

import numpy as np

from healthml._core._results import Result
from healthml.exceptions import InputError

_NAMES = {"FE": "one common effect", "DL": "DerSimonian-Laird", "PM": "Paule-Mandel"}


@dataclass(frozen=True, repr=False)
class MetaResult(Result):
    """Studies pooled by a random-effects model; made by `random_effects`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per study, then the pooled mean and the prediction interval: study, kind ("study",
        "left out", "pooled", "prediction"), estimate, lower, upper (back on the scale of the
        measure), weight (percent), blup, blup_lower, blup_upper (the study's own effect, drawn
        towards the mean), reason (why a study was left out).
    estimate, standard_error, lower, upper, p_value : float
        Mean effect on the scale of the model, and the test that it is 0.
    prediction_lower, prediction_upper : float
        Where the effect of a new study is expected, on the scale of the model.
    tau2, se_tau2, tau2_lower, tau2_upper : float
        Between-study variance with its Q-profile interval.
    i2, h2, q, q_df, q_p : float
        Share of the variance between studies (percent), its ratio to sampling alone, and Cochran's
        Q.
    n_studies : int
        Studies pooled.
    method, test, prediction, scale, confidence_level
        As asked for; "FE" always has a z test and no prediction interval.
    note : str
        What weakens the answer.
    """

    estimate: float = np.nan
    standard_error: float = np.nan
    lower: float = np.nan
    upper: float = np.nan
    p_value: float = np.nan
    prediction_lower: float = np.nan
    prediction_upper: float = np.nan
    tau2: float = np.nan
    se_tau2: float = np.nan
    tau2_lower: float = np.nan
    tau2_upper: float = np.nan
    i2: float = np.nan
    h2: float = np.nan
    q: float = np.nan
    q_df: int = 0
    q_p: float = np.nan
    n_studies: int = 0
    method: str = "REML"
    test: str = "knha"
    prediction: str = "t(k-2)"
    scale: str = "identity"
    confidence_level: float = 0.95
    note: str = ""

    def summary(self):
        """Return the studies, the pooled lines and the heterogeneity as plain text."""
        columns = ["study", "estimate", "lower", "upper", "weight", "reason"]
        text = self.table[columns].round(3).to_string(index=False, na_rep="")
        text += f"\n{self.n_studies} studies, {self.words}: "
        if np.isfinite(self.tau2):
            text += (
                f"tau2 {self.tau2:.4g} ({self.tau2_lower:.3g} to {self.tau2_upper:.3g}), "
                f"I2 {self.i2:.1f}%, "
            )
        text += f"Q {self.q:.2f} on {self.q_df} df (p = {self.q_p:.3g})."
        return f"{text}\n{self.note}" if self.note else text

    def get(self, kind):
        """Return estimate, lower and upper of the "pooled" or the "prediction" line as a Series."""
        rows = self.table[self.table["kind"] == kind]
        if kind not in ("pooled", "prediction") or rows.empty:
            raise InputError(f"There is no line {kind!r}; ask for 'pooled' or 'prediction'.")
        return rows.iloc[0][["estimate", "lower", "upper"]].astype(float)

    @property
    def words(self):
        """How it was pooled, in a few words."""
        how = {"knha": "Hartung-Knapp", "z": "normal"}[self.test]
        return f"{_NAMES.get(self.method, self.method)}, {how}"

    def plot(self, ax=None, **kwargs):
        """Draw a forest plot; returns the matplotlib axes."""
        from healthml.meta_analysis._forest import draw_forest

        options = {"confidence_level": self.confidence_level, "log": self.scale == "log"}
        return draw_forest(self.table, ax=ax, **options | kwargs)
