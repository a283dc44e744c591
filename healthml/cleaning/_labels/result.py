"""Labels ranked by the chance that they are wrong, and how often the flags are false."""

import json
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import binom

from healthml._core._release import count_text
from healthml._core._results import Result, plain, table_html
from healthml.cleaning._labels.noise import noise_posterior

# Chosen by judgement; benchmarks/labels.py prints how often the stated limit holds.
STATED_AT = 0.9  # flags are chosen where the estimate is favourable, so its upper limit is stated
ADDED = 0.5  # right labels, added to those expected: no right one among few is little evidence
_FARTHEST = 1e-5  # of a risk from 0 or 1, before it is taken as log odds
FEWEST_DRAWN, TIMES_FLAGGED = 20, 3  # labels drawn: the flagged and those next to them; looks only
MOST_FLAGS = 0.5  # share of labels; beyond it the two classes are named the wrong way round


@dataclass(frozen=True, repr=False)
class LabelAuditResult(Result):
    """Labels ranked by the chance that they are wrong; kept by `LabelAudit` as ``result_``.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per label in the order of the table: ``position``, ``label`` as given, ``risk`` of
        the event predicted without the patient, ``score`` (chance that the label is wrong),
        ``rank`` (1 is the most suspect) and ``suspected``.
    rates : pandas.DataFrame
        One row per quantity with ``estimate``, ``lower``, ``upper``: "wrong_no_event" (chance that
        a patient without the event has the event's label), "wrong_event", "n_wrong" (labels
        expected to be wrong) and "false_discovery" (share of right labels among those flagged;
        missing when none is). The estimate of the last is an upper limit with a chance of 90 % to
        hold, since flags are set where the mean is favourable and it would be too low. It allows
        for two atypical patients in a thousand and adds half a right label to those expected. Its
        interval is of the share that a reading of all flagged records would count.
    p_any : float
        Chance that there are wrong labels at all.
    design_effect : float
        By how much patients' repeated rows were discounted; 1 without groups.
    confidence_level : float
        Coverage of the intervals.
    """

    rates: pd.DataFrame = field(default_factory=pd.DataFrame)
    p_any: float = np.nan
    design_effect: float = 1.0
    confidence_level: float = 0.95

    @property
    def false_discovery(self):
        """Stated share of right labels among those flagged; missing when none is flagged."""
        return float(self.rates.set_index("quantity").loc["false_discovery", "estimate"])

    def suspects(self):
        """Return the flagged rows, the most suspect first.

        Returns
        -------
        pandas.DataFrame
        """
        flagged = self.table[self.table["suspected"]]
        return flagged.sort_values("rank", ignore_index=True)

    def summary(self):
        """Return counts and rates in plain words, without any patient's label."""
        n, flagged = len(self.table), int(self.table["suspected"].sum())
        rows = self.rates.set_index("quantity")
        wrong, false = rows.loc["n_wrong"], rows.loc["false_discovery"]
        lines = [
            f"{n:,} labels; chance that any is wrong: {self.p_any:.0%}.",
            f"About {wrong['estimate']:.0f} ({wrong['lower']:.0f} to {wrong['upper']:.0f}) are "
            "wrong.",
        ]
        if flagged:
            lines.append(
                f"{count_text(flagged)} flagged to be read again, of which at most "
                f"{false['estimate']:.0%} ({false['lower']:.0%} to {false['upper']:.0%}) should "
                "turn out to be right."
            )
        else:
            lines.append("None is flagged: no set of labels is wrong often enough to say so.")
        return "\n".join(lines)

    def to_json(self, *, indent=None):
        """Return rates and scores as JSON text; the labels themselves stay out."""
        shown = {
            "rates": self.rates,
            "p_any": self.p_any,
            "design_effect": self.design_effect,
            "confidence_level": self.confidence_level,
            "table": self.table[["position", "score", "rank", "suspected"]],
        }
        return json.dumps(plain(shown), indent=indent)

    def _repr_html_(self):
        return table_html(self.rates)

    def plot(self, ax=None, **kwargs):
        """Draw the scores from the most suspect label on; returns the matplotlib axes."""
        from healthml._core._displays import GREY, VERMILION, new_axes

        ax = new_axes(ax, height=3.4)
        ranked = self._drawn().sort_values("rank")
        n_flagged = int(ranked["suspected"].sum())
        shown = ranked.head(max(FEWEST_DRAWN, TIMES_FLAGGED * n_flagged))
        colours = np.where(shown["suspected"], VERMILION, GREY)
        ax.scatter(shown["rank"], shown["score"], **{"c": colours, "s": 14, **kwargs})
        ax.set(xlabel="Rank of the label", ylabel="Chance that it is wrong", ylim=(0, 1.02))
        ax.set_title(f"{count_text(n_flagged)} of {len(ranked):,} flagged", fontsize=10)
        return ax


def judge_labels(risk, event, groups=None, *, label=None, max_false_discovery, confidence_level):
    """Weigh by risks that no label's own patient has shaped which labels are wrong.

    `label` is how labels are shown, `event` (0/1) by default.
    """
    near = np.clip(risk, _FARTHEST, 1 - _FARTHEST)
    return result_of(
        noise_posterior(np.log(near) - np.log1p(-near), event, groups),
        risk=risk,
        label=event if label is None else label,
        max_false_discovery=max_false_discovery,
        confidence_level=confidence_level,
    )


def result_of(posterior, *, risk, label, max_false_discovery, confidence_level):
    """Return the result of a `NoisePosterior`."""
    score = np.asarray(posterior.score, dtype=float)
    order = np.argsort(-score, kind="stable")
    rank = np.empty(len(score), dtype=np.int64)
    rank[order] = np.arange(1, len(score) + 1)
    n_flagged = _n_flagged(posterior, order, max_false_discovery)
    table = pd.DataFrame(
        {
            "position": np.arange(len(score)),
            "label": label,
            "risk": risk,
            "score": score,
            "rank": rank,
            "suspected": rank <= n_flagged,
        }
    )
    values = {
        "wrong_no_event": posterior.rates[:, 0],
        "wrong_event": posterior.rates[:, 1],
        "n_wrong": posterior.wrong.sum(axis=1, dtype=float),
    }
    rows = [(name, *posterior.interval(value, confidence_level)) for name, value in values.items()]
    rows.append(
        ("false_discovery", *_false_discovery(posterior, order[:n_flagged], confidence_level))
    )
    return LabelAuditResult(
        table=table,
        rates=pd.DataFrame(rows, columns=["quantity", "estimate", "lower", "upper"]),
        p_any=posterior.p_any,
        design_effect=posterior.design_effect,
        confidence_level=confidence_level,
    )


def _n_flagged(posterior, order, max_false_discovery):
    """Return the most labels, from the most suspect on, whose stated rate is low enough."""
    most = max(1, int(MOST_FLAGS * len(order)))
    stated = _stated(posterior, order[:most])
    return int((np.flatnonzero(stated <= max_false_discovery) + 1).max(initial=0))


def _stated(posterior, order):
    """Return the limit of the share of right labels among the first, the first two, and so on."""
    counts = np.arange(1, len(order) + 1)
    right = 1 - np.cumsum(posterior.wrong_for_sure(order), axis=1) / counts
    return posterior.upper_limit(right, STATED_AT) + ADDED / counts


def _false_discovery(posterior, flagged, confidence_level):
    """Return the stated share of right labels among the flagged, and the ends of its interval.

    Atypical patients are allowed for in the upper end and not in the lower.
    """
    if not len(flagged):
        return (np.nan,) * 3
    stated = float(_stated(posterior, flagged)[-1])
    tails = (1 - confidence_level) / 2, (1 + confidence_level) / 2
    surely = posterior.wrong_for_sure(flagged).mean(axis=1)
    lower = _realised(
        posterior, 1 - posterior.wrong[:, flagged].mean(axis=1), len(flagged), tails[0]
    )
    upper = _realised(posterior, 1 - surely, len(flagged), tails[1])
    return stated, lower, max(stated, upper)


def _realised(posterior, right, n_flagged, chance):
    """Return the share of right labels that a reading of all flagged records stays within.

    Under each explanation the count is taken as binomial.
    """
    counts = np.arange(n_flagged + 1)
    below = posterior.weight @ binom.cdf(counts[None], n_flagged, np.clip(right, 0, 1)[:, None])
    return float(min(np.searchsorted(below, chance), n_flagged) / n_flagged)
