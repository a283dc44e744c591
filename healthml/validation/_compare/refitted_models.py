"""Procedures that compete: refitted in the same splits, scored on the rows that two share."""

from dataclasses import replace

import numpy as np
from sklearn.dummy import DummyClassifier

from healthml.metrics._batched import RECALIBRATED
from healthml.validation._compare.simple_references import (
    AGE_SEX,
    LOGISTIC,
    PREVALENCE,
    SCORE,
    age_and_sex,
    read_score,
)
from healthml.validation._reference_models import default_model
from healthml.validation._refits import Refit
from healthml.validation._scoring import FoldScores, folds_interval, refit_many

_FLAT = 1e-8  # risks closer than this are one risk for all: such a model ranks nobody


class RefittedModels:
    """Out-of-fold risks of every model on the same splits, scored on the rows that two share."""

    def __init__(self, task, splits, options):
        self.task, self.splits, self.options = task, splits, options
        self.risks, self.rows, self.ranked, self.remarks, self._scores = {}, {}, set(), [], {}

    def fit(self, name, model, X):
        """Refit a model in every split."""
        task = replace(self.task, estimator=model, X=X)
        options = {"fit_one_class": True, "label": name, "what": f"{name}, refits"}
        refits = refit_many(task, self.splits.resamples, **options, **self.options)
        self.risks[name] = [refitted.risk for refitted in refits]
        self.rows[name] = np.ones(task.n, dtype=bool)

    def add_simple(self, wanted, X, demographics, score):
        """Add the simple references that can be had, and say which cannot."""
        if PREVALENCE in wanted:
            self.fit(PREVALENCE, DummyClassifier(strategy="prior"), np.zeros((self.task.n, 1)))
        if AGE_SEX in wanted:
            columns = age_and_sex(X, demographics)
            if columns is None:
                self.remarks.append(f"Not compared with {AGE_SEX}: no such column; name them.")
            else:
                self.fit(AGE_SEX, default_model(), columns)
        if LOGISTIC in wanted:
            self.fit(LOGISTIC, default_model(), X)
        if SCORE in wanted and score is not None:
            risk, probability, remark = read_score(score, self.task.y)
            self.risks[SCORE] = [risk[resample.predict] for resample in self.splits.resamples]
            self.rows[SCORE] = np.isfinite(risk)
            self.ranked |= set() if probability else {SCORE}
            self.remarks += [remark] if remark else []

    def scores(self, name, other=None):
        """Return the scores of a model on its rows, or on those that another has as well."""
        rows = self.rows[name] if other is None else self.rows[name] & self.rows[other]
        key = name, rows.tobytes()
        if key not in self._scores:
            kept = [rows[resample.predict] for resample in self.splits.resamples]
            parts = zip(self.splits.resamples, kept, strict=True)
            resamples = [replace(resample, predict=resample.predict[k]) for resample, k in parts]
            refits = [Refit(r[k]) for r, k in zip(self.risks[name], kept, strict=True)]
            splits = replace(self.splits, resamples=resamples)
            self._scores[key] = FoldScores(self.task, splits, refits)
        return self._scores[key]

    def compares(self, name, other, measure):
        """Say whether a measure means something for both models."""
        return measure == "auroc" or not {name, other} & self.ranked

    def flat(self, name):
        """Say whether all risks of a split are the same, so that none is recalibrated."""
        seen = [risk[np.isfinite(risk)] for risk in self.risks[name]]
        return all(np.ptp(risk) < _FLAT for risk in seen if len(risk))

    def counts(self, scores):
        """Return the counts of the rows judged."""
        rows, task = (scores.fold >= 0).any(axis=0), self.task
        return {
            "n_samples": int(rows.sum()),
            "n_events": int(task.y[rows].sum()),
            "n_patients": len(np.unique(task.units[rows])),
        }

    def score_rows(self, name):
        """Yield the rows of the table of scores."""
        scores, task = self.scores(name), self.task
        for measure in task.measures:
            estimate = scores.estimate(measure)
            defined = measure not in RECALIBRATED or not self.flat(name)
            if not defined or not self.compares(name, name, measure) or np.isnan(estimate):
                continue
            ends = folds_interval("auto", measure, estimate, scores=scores)
            row = {"model": name, "measure": measure, "estimate": estimate}
            row |= {"lower": ends.lower, "upper": ends.upper}
            yield {**row, **self.counts(scores), "method": ends.method}
