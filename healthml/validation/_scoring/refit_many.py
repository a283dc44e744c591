"""Refit a procedure in many resamples: all at once where that is possible, else one by one."""

from threadpoolctl import threadpool_limits

from healthml.validation._refits.batched.logistic import batched_refit
from healthml.validation._refits.refit import refit
from healthml.validation._scoring.folds import FoldScores

_SMALL = (
    30_000  # rows up to which several threads in one linear algebra call do more harm than good
)


def refit_many(task, resamples, **options):
    """Return one `Refit` for each resample.

    Parameters
    ----------
    task : Task
        Procedure, table, outcome, patients and weights.
    resamples : list of Resample
        What to fit and predict.
    **options
        As in `iterate_refits`: on_error, fit_one_class, label, n_jobs, verbose, what.

    Returns
    -------
    list of Refit
    """
    resamples = list(resamples)
    options = {"sample_weight": task.weight, **options}
    with threadpool_limits(limits=1 if task.n <= _SMALL else None):
        found = batched_refit(task.estimator, task.X, task.y, resamples, **options)
        if found is None:
            options |= {"groups": task.groups, "total": len(resamples)}
            found = refit(task.estimator, task.X, task.y, resamples, **options)
    return found


def score_splits(task, splits, **options):
    """Refit in every split and score the rows left out; returns `FoldScores`."""
    return FoldScores(task, splits, refit_many(task, splits.resamples, **options))
