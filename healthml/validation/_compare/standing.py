"""Where judged risks stand: beside simple references, and beside treating all or none."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.dummy import DummyClassifier

from healthml._core._numerics import cluster_variance
from healthml._core._paired import PairedScores, paired_scores
from healthml.exceptions import InputError
from healthml.validation._compare.simple_references import (
    AGE_SEX,
    LOGISTIC,
    PREVALENCE,
    SCORE,
    read_score,
)
from healthml.validation._reference_models import TableEncoder, default_model

_COMPARED = ("auroc", "scaled_brier", "net_benefit")
# What the random splits give to a measure of one repeat, as a share of its standard error: in 12
# cohorts of make_ehr_cohort (400 to 2,000 rows) 0.28 to 0.41 on average for the AUC and the slope.
# Larger says "too close to call" of more findings.
LUCK_SHARE = 0.4
_PER = 1000.0  # net benefit is stated for this many patients, as in decision curve papers


@dataclass(frozen=True)
class Standing:
    """Judged risks beside simple references; made by `stand_beside`.

    Parameters
    ----------
    judged : str
        Which of the judged risks the references are compared with.
    scores : PairedScores
        Every measure of everything, with its influence.
    differences : DataFrame
        reference, measure, estimate (judged minus reference), lower, upper, n_samples, n_events.
    risks, rows : dict
        By name: the risks, and the rows that count where a risk does not exist everywhere.
    remarks : dict
        By name of a reference: what was done with it, or why it could not be compared.
    judge : Evaluator
        Outcome, patients, thresholds.
    """

    judged: str
    scores: PairedScores
    differences: pd.DataFrame
    risks: dict
    rows: dict
    judge: object
    remarks: dict = field(default_factory=dict)

    def has(self, measure, name=None):
        """Say whether a measure exists for the risks."""
        return (name or self.judged, measure) in self.scores.values

    def lead(self, reference):
        """Return the AUC gained over a reference as a row, or None where it is not compared."""
        table = self.differences
        rows = table[(table["reference"] == reference) & (table["measure"] == "auroc")]
        return None if rows.empty else rows.iloc[0]

    def luck(self, measure):
        """Return the standard deviation that the random splits give to a measure of one repeat.

        Missing with one repeat, and for risks that are judged as they are.
        """
        single = self.scores.repeats.get((self.judged, measure), np.array([]))
        return float(np.std(single, ddof=1)) if len(single) > 1 else np.nan

    def most_luck(self, measure):
        """Return how much the random splits may give to a measure where one of them was drawn.

        `LUCK_SHARE` of its standard error; missing where the measure does not exist.
        """
        if not self.has(measure):
            return np.nan
        return LUCK_SHARE * float(self.scores.get(self.judged, measure)["se"])

    def net_benefit_lost(self, *, confidence_level=0.95):
        """Return what is lost against the better of treating all and treating none.

        Returns
        -------
        tuple or None
            (estimate, lower, upper) per 1,000 patients, averaged over the thresholds, and the
            name of the better default; None where the risks are no probabilities.
        """
        value, influence = self.scores.values.get((self.judged, "net_benefit"), (np.nan, None))
        if influence is None:
            return None
        judge, name = self.judge, "treating all"
        everybody = paired_scores(
            judge.y,
            {"all": np.ones(len(judge.y))},
            groups=judge.groups,
            thresholds=judge.thresholds,
            measures=("net_benefit",),
        )
        best, best_influence = everybody.values["all", "net_benefit"]
        if best < 0:
            best, best_influence, name = 0.0, np.zeros(len(judge.y)), "treating none"
        variance = cluster_variance(best_influence - influence, judge.groups)
        half = norm.ppf(0.5 + confidence_level / 2) * np.sqrt(variance)
        loss = best - value
        return tuple(float(_PER * v) for v in (loss, loss - half, loss + half)), name


@dataclass(frozen=True)
class References:
    """The risks of everything simple; made by `find_references`.

    Parameters
    ----------
    risks, rows : dict
        By name: the risks, and the rows that count where a risk does not exist everywhere.
    remarks : dict
        By name of a reference: what was done with it, or why it could not be compared.
    """

    risks: dict
    rows: dict
    remarks: dict


def find_references(judge, *, features=None, demographics=None, score=None):
    """Refit everything simple in the splits of the judge.

    Parameters
    ----------
    judge : Evaluator
        Outcome, patients, splits and thresholds.
    features : DataFrame, optional
        Columns for "penalised logistic"; None leaves it out, where it is what is judged.
    demographics : DataFrame, optional
        Age and sex for the reference of that name; None leaves it out.
    score : array-like of shape (n_samples,), optional
        Score in use, missing where none was made.

    Returns
    -------
    found : References
    """
    risks, rows, remarks = {}, {}, {}
    nothing = np.zeros((len(judge.y), 1))
    prior = DummyClassifier(strategy="prior")
    risks[PREVALENCE] = judge.risks(prior, nothing, label=PREVALENCE)
    if demographics is not None:
        risks[AGE_SEX] = judge.risks(default_model(), demographics, label=AGE_SEX)
    if features is not None:
        risks[LOGISTIC] = judge.risks(default_model(), features, label=LOGISTIC)
    if score is not None:
        try:
            risks[SCORE], remarks[SCORE] = _score_risk(score, judge.y)
            rows[SCORE] = np.isfinite(risks[SCORE])
        except InputError as error:
            remarks[SCORE] = str(error)
    return References(risks, rows, remarks)


def stand_beside(judge, risks, references, *, refitted=True):
    """Score judged risks beside everything simple, on the same rows.

    Parameters
    ----------
    judge : Evaluator
        Outcome, patients, splits and thresholds.
    risks : dict of str to ndarray of shape (n_repeats, n_samples)
        Judged risks; the last one is compared with the references.
    references : the answer of `find_references`
        From `find_references`, in the same splits.
    refitted : bool, default=True
        False where the first risks are those of one model on all rows: their AUC compares all
        pairs of rows, not those of one fold.

    Returns
    -------
    Standing
    """
    judged, first, rows = list(risks)[-1], next(iter(risks)), references.rows
    risks = {**risks, **references.risks}
    folds = {name: judge.folds[: len(np.atleast_2d(risk))] for name, risk in risks.items()}
    folds |= dict.fromkeys([SCORE] if refitted else [SCORE, first])
    scores = judge.score(risks, folds=folds, rows=rows)
    compared = {name: risk for name, risk in risks.items() if name not in (first, judged)}
    table = [_difference_rows(judge, scores, judged, name, risks, rows, folds) for name in compared]
    columns = ["reference", "measure", "estimate", "lower", "upper", "n_samples", "n_events"]
    differences = pd.DataFrame([line for lines in table for line in lines], columns=columns)
    return Standing(judged, scores, differences, risks, rows, judge, references.remarks)


def _score_risk(score, y):
    """Return the risks of a score; a score in points gets values above 1, which are only ranked."""
    risk, probability, remark = read_score(score, y)
    return (risk if probability else 1 + risk), remark


def _difference_rows(judge, scores, judged, name, risks, rows, folds):
    """Yield the judged risks minus one reference, on the rows that both have."""
    pair = scores
    if name in rows:
        chosen = {key: risks[key] for key in (judged, name)}
        both = dict.fromkeys(chosen, rows[name])
        pair = judge.score(chosen, folds={key: folds[key] for key in chosen}, rows=both)
    for measure in _COMPARED:
        if (name, measure) in pair.values and (judged, measure) in pair.values:
            scale = _PER if measure == "net_benefit" else 1.0
            label = "net_benefit_per_1000" if measure == "net_benefit" else measure
            difference = (scale * value for value in pair.difference(judged, name, measure))
            yield (name, label, *difference, *pair.counts[name][:2])


def candidate_parameters(X):
    """Return how many parameters a linear model on these columns has: one for each level."""
    return int(TableEncoder().fit(X).n_features_out_)
