"""Random-effects pooling of what several sites or studies found."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2

from healthml._core._intervals import check_confidence_level
from healthml._core._results import Result, table_text
from healthml.exceptions import InputError
from healthml.meta_analysis._heterogeneity import (
    Weighted,
    between_variance,
    critical,
    freedom_of,
    inconsistency,
    q_profile,
    scaled_covariance,
    two_sided,
)
from healthml.meta_analysis._options import BACK, FEW, FEWEST, check_words

__all__ = ["MetaResult", "random_effects"]

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
        text = table_text(self.table, columns, na_rep="")
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
        from healthml._core._displays import draw_forest

        options = {"confidence_level": self.confidence_level, "log": self.scale == "log"}
        return draw_forest(self._drawn(), ax=ax, **options | kwargs)


def random_effects(
    theta,
    se,
    *,
    names=None,
    method="REML",
    test="knha",
    prediction="t(k-2)",
    scale="identity",
    search="metafor",
    confidence_level=0.95,
) -> MetaResult:
    """Pool estimates of several studies (sites) whose true values differ.

    Parameters
    ----------
    theta : array-like of shape (n_studies,)
        Estimates on the scale on which they are about normal: logit of an AUC, log of an O:E
        ratio, a calibration slope as it is. Where one is missing, the study is listed and left
        out.
    se : array-like of shape (n_studies,)
        Standard errors on that scale.
    names : array-like of str, shape (n_studies,), default=None
        Names of the studies.
    method : {"REML", "DL", "ML", "PM", "FE"}, default="REML"
        Between-study variance by restricted maximum likelihood, DerSimonian and Laird, maximum
        likelihood, Paule and Mandel; or one common effect without it.
    test : {"knha", "z"}, default="knha"
        Intervals by Hartung and Knapp (t with k - 1 degrees of freedom) or normal. "FE" is always
        normal.
    prediction : {"t(k-2)", "metafor"}, default="t(k-2)"
        Interval for a new study with k - 2 degrees of freedom (Higgins), or as R's metafor makes
        it: k - 1 degrees of freedom with "knha", normal with "z".
    scale : {"identity", "log", "logit"}, default="identity"
        What `theta` is; the table is brought back from it.
    search : {"metafor", "exact"}, default="metafor"
        Where to stop looking for the ends of the interval of the between-study variance and for
        Paule and Mandel's estimate: where R's metafor stops by default, within 1.2e-4 of the root,
        so that published numbers come out the same; or at machine precision.
    confidence_level : float, default=0.95
        Level of all intervals.

    Returns
    -------
    MetaResult

    Raises
    ------
    InputError
        With fewer than 3 usable studies, whose differences cannot be told from chance, or a
        standard error that is not positive.

    See Also
    --------
    meta_regression : Regress estimates of studies (sites) on their characteristics.
    pool_events : Pool observed and expected events of sites whose true ratios differ.
    healthml.validation.internal_external : Predict every site by a model refitted without it, and
        pool what was found.

    Notes
    -----
    The between-study variance is the global maximum of the (restricted) likelihood, to machine
    precision (for Paule and Mandel's see `search`). From a handful of studies it is little more
    than a guess: see its interval. The Hartung-Knapp interval can be narrower than the normal one
    where its factor is below 1; the note says so.

    References
    ----------
    .. [1] Debray TPA, et al. A guide to systematic review and meta-analysis of prediction model
       performance. BMJ. 2017;356:i6460.
    .. [2] Hartung J, Knapp G. A refined method for the meta-analysis of controlled clinical trials
       with binary outcome. Stat Med. 2001;20:3875-3889.
    .. [3] Higgins JPT, Thompson SG, Spiegelhalter DJ. A re-evaluation of random-effects
       meta-analysis. J R Stat Soc A. 2009;172:137-159.
    .. [4] Viechtbauer W. Confidence intervals for the amount of heterogeneity in meta-analysis.
       Stat Med. 2007;26:37-52.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.meta_analysis import random_effects
    >>> auc = np.array([0.72, 0.81, 0.77, 0.69, 0.80])
    >>> error = np.array([0.02, 0.03, 0.02, 0.03, 0.02]) / (auc * (1 - auc))
    >>> pooled = random_effects(np.log(auc / (1 - auc)), error, scale="logit")
    >>> pooled.get("pooled").round(3).tolist(), pooled.get("prediction").round(3).tolist()
    ([0.758, 0.691, 0.815], [0.758, 0.576, 0.879])
    """
    check_words(method, test, prediction, scale, search)
    level = check_confidence_level(confidence_level)
    studies = check_studies(theta, se, names)
    used = studies[studies["reason"] == ""]
    test = "z" if method == "FE" else test
    ones = np.ones((len(used), 1))
    fixed = Weighted(used["theta"].to_numpy(), used["se"].to_numpy() ** 2, ones)
    tau2, se_tau2 = between_variance(fixed, method, search)
    model = fixed.at(tau2)
    numbers = _mean(model, level, test) | _heterogeneity(
        fixed, tau2, se_tau2, method, level, search
    )
    if method != "FE":
        numbers |= _prediction(model, numbers["standard_error"], level, test, prediction)
    table = _table(studies, model, numbers, level, test, scale)
    words = (method, test, prediction, scale, level, _note(model, method, test))
    names = ("method", "test", "prediction", "scale", "confidence_level", "note")
    return MetaResult(table, **numbers, **dict(zip(names, words, strict=True)))


def check_studies(theta, se, names=None):
    """Return a frame of study, theta, se and the reason why one cannot be pooled."""
    theta, se = (np.array(values, dtype=float, ndmin=1) for values in (theta, se))
    k = len(theta)
    names = [f"study {i + 1}" for i in range(k)] if names is None else [str(n) for n in names]
    if theta.ndim != 1 or se.shape != theta.shape or len(names) != k:
        raise InputError(
            f"theta has {k} values, se {se.size} and names {len(names)}; pass one of each a study."
        )
    bad = np.flatnonzero(se <= 0)
    if bad.size:
        raise InputError(
            f"se has {bad.size} of {k} values that are not above 0, the first at position "
            f"{bad[0]}; pass standard errors, or a missing value where there is none."
        )
    usable = np.isfinite(theta) & np.isfinite(se)
    if usable.sum() < FEWEST:
        raise InputError(
            f"Only {usable.sum()} studies have an estimate and a standard error; at least {FEWEST} "
            "are needed to pool them. Report them one by one."
        )
    reason = np.where(usable, "", "no finite estimate and standard error")
    return pd.DataFrame({"study": names, "theta": theta, "se": se, "reason": reason})


def _mean(model, level, test):
    mean, error = float(model.coef[0]), float(np.sqrt(scaled_covariance(model, test)[0, 0]))
    freedom = freedom_of(model, test)
    step = critical(level, freedom) * error
    return {
        "estimate": mean,
        "standard_error": error,
        "lower": mean - step,
        "upper": mean + step,
        "p_value": float(two_sided(mean / error, freedom)) if error > 0 else np.nan,
    }


def _heterogeneity(fixed, tau2, se_tau2, method, level, search):
    i2, h2 = inconsistency(fixed, tau2, method)
    ends = (np.nan, np.nan) if method == "FE" else q_profile(fixed, level, tau2, search)
    return {
        "tau2": np.nan if method == "FE" else float(tau2),
        "se_tau2": se_tau2,
        "tau2_lower": ends[0],
        "tau2_upper": ends[1],
        "i2": i2,
        "h2": h2,
        "q": fixed.q,
        "q_df": fixed.freedom,
        "q_p": float(chi2.sf(fixed.q, fixed.freedom)),
        "n_studies": len(fixed.theta),
    }


def _prediction(model, error, level, test, prediction):
    freedom = model.freedom - 1 if prediction == "t(k-2)" else freedom_of(model, test)
    step = critical(level, freedom) * np.sqrt(model.tau2 + error**2)
    mean = float(model.coef[0])
    return {"prediction_lower": float(mean - step), "prediction_upper": float(mean + step)}


def _note(model, method, test):
    """Say what weakens the answer."""
    sentences, k = [], len(model.theta)
    if k < FEW:
        sentences.append(
            f"Only {k} studies: the between-study variance is little more than a guess."
        )
    if test == "knha" and model.q < model.freedom:
        factor = np.sqrt(model.q / model.freedom)
        sentences.append(
            f"The Hartung-Knapp factor is {factor:.2f}, below 1, so that its standard error is "
            "below the normal one; compare test='z'."
        )
    if method == "FE":
        sentences.append("One common effect: differences between studies are not in the interval.")
    return " ".join(sentences)


def _table(studies, model, numbers, level, test, scale):
    """Return one row per study and the pooled lines, back on the scale of the measure."""
    z, back = critical(level, np.inf), BACK[scale]
    used = (studies["reason"] == "").to_numpy()
    own = _own_effects(model, level, test)
    step = z * studies["se"]
    rows = pd.DataFrame(
        {
            "study": studies["study"],
            "kind": np.where(used, "study", "left out"),
            "estimate": back(studies["theta"]),
            "lower": back(studies["theta"] - step),
            "upper": back(studies["theta"] + step),
            "weight": _spread_out(100 * model.weight / model.weight.sum(), used),
            **{name: _spread_out(back(values), used) for name, values in own.items()},
            "reason": studies["reason"],
        }
    )
    lines = [("pooled", "pooled", "lower", "upper")]
    if np.isfinite(numbers.get("prediction_lower", np.nan)):
        lines.append(("a new study", "prediction", "prediction_lower", "prediction_upper"))
    pooled = [
        {
            "study": study,
            "kind": kind,
            "estimate": back(numbers["estimate"]),
            "lower": back(numbers[lower]),
            "upper": back(numbers[upper]),
            "weight": 100.0 if kind == "pooled" else np.nan,
            "reason": "",
        }
        for study, kind, lower, upper in lines
    ]
    return pd.concat([rows, pd.DataFrame(pooled)], ignore_index=True)


def _own_effects(model, level, test):
    """Return the best linear unbiased prediction of each study's own effect, with its interval."""
    share = model.tau2 / (model.tau2 + model.variance)
    blup = share * model.theta + (1 - share) * model.coef[0]
    mean_variance = scaled_covariance(model, test)[0, 0]
    error = np.sqrt(share * model.variance + (1 - share) ** 2 * mean_variance)
    step = critical(level, freedom_of(model, test)) * error
    return {"blup": blup, "blup_lower": blup - step, "blup_upper": blup + step}


def _spread_out(values, used):
    full = np.full(len(used), np.nan)
    full[used] = values
    return full
