"""What a chosen threshold does, and how much of it is the luck of choosing."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from healthml._core._results import Result
from healthml.metrics import threshold_table

_SHARES = ("sensitivity", "specificity", "ppv", "npv", "alerts_per_1000")


@dataclass(frozen=True, repr=False)
class ThresholdChoiceResult(Result):
    """What happens at a chosen threshold, out of fold; kept by `ClinicalThreshold`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per measure (sensitivity, specificity, ppv, npv, alerts_per_1000): estimate, lower,
        upper at the threshold on out-of-fold risks, with intervals for patients; chosen_elsewhere,
        the same where each patient met a threshold chosen without them; optimism, the difference;
        n_samples, n_events, method.
    threshold : float
        The threshold.
    rule : str
        How it was chosen.
    """

    threshold: float = np.nan
    rule: str = ""

    def plot(self, ax=None, **kwargs):
        """Draw the shares at the threshold with their intervals; returns the matplotlib axes."""
        from healthml._core._displays import BLUE, VERMILION, new_axes

        table = self._drawn()
        rows = table[table["measure"] != "alerts_per_1000"].iloc[::-1]
        ax, at = new_axes(ax, width=5.6, height=2.6), np.arange(len(rows))
        spread = rows[["lower", "upper"]].sub(rows["estimate"], axis=0).abs().fillna(0)
        options = {"fmt": "o", "color": BLUE, "capsize": 2, "label": "this threshold", **kwargs}
        ax.errorbar(rows["estimate"], at, xerr=spread.to_numpy().T, **options)
        ax.plot(rows["chosen_elsewhere"], at, "x", color=VERMILION, label="chosen elsewhere")
        ax.set_yticks(at, rows["measure"], parse_math=False)
        ax.set(xlabel=f"Share at a risk of {self.threshold:.3g}, 95% CI", xlim=(0, 1))
        ax.legend(frameon=False)
        return ax


def threshold_choice(event, risk, threshold, elsewhere, *, groups, rule):
    """Return the result of a threshold and of alarms by thresholds chosen elsewhere."""
    shares = threshold_table(event, risk, thresholds=[threshold], groups=groups)
    table = shares.to_frame().drop(columns="threshold").set_index("measure").loc[list(_SHARES)]
    table.insert(3, "chosen_elsewhere", _shares(event, elsewhere))
    table.insert(4, "optimism", table["estimate"] - table["chosen_elsewhere"])
    return ThresholdChoiceResult(table.reset_index(), float(threshold), rule)


def _shares(event, alarm):
    """Return the measures from alarms."""
    with np.errstate(invalid="ignore", divide="ignore"):
        hit = pd.Series(alarm).groupby(event).mean().reindex([0, 1])
        ppv = np.divide((alarm * event).sum(), alarm.sum())
        npv = np.divide(((1 - alarm) * (1 - event)).sum(), (1 - alarm).sum())
    return [hit[1], 1 - hit[0], ppv, npv, 1000 * alarm.mean()]
