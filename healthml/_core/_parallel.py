"""One way to run many small jobs, seeded, with progress on stderr: scikit-learn's joblib."""

import sys
import time

from joblib import effective_n_jobs
from sklearn.utils.parallel import Parallel, delayed


def run_parallel(function, tasks, *, n_jobs=None, verbose=0, what="tasks"):
    """Call a function on every task and return the answers in the order of the tasks.

    The answers do not depend on `n_jobs`, so every seed must be part of its task. A backend set by
    `joblib.parallel_config` (threads, Dask, Ray) is used.

    Parameters
    ----------
    function : callable
        Called with one task.
    tasks : sequence
        What to work on.
    n_jobs : int, optional
        Number of jobs as in joblib; None means 1 unless `joblib.parallel_config` says otherwise.
    verbose : int, default=0
        Above 0, write progress to stderr: about ten lines, with 2 or more about a hundred.
    what : str, default="tasks"
        Name of the tasks in progress lines.

    Returns
    -------
    list

    Examples
    --------
    >>> run_parallel(abs, [-1, 2, -3])
    [1, 2, 3]
    """
    tasks = list(tasks)
    options = {"n_jobs": n_jobs, "verbose": verbose, "what": what, "total": len(tasks)}
    return list(iterate_parallel(function, tasks, **options))


def iterate_parallel(function, tasks, *, n_jobs=None, verbose=0, what="tasks", total=None):
    """Yield the answers of `run_parallel` one by one, in the order of the tasks.

    Tasks may be a generator; only as many as are being worked on exist at a time.

    Parameters
    ----------
    function : callable
        Called with one task.
    tasks : iterable
        What to work on.
    n_jobs, verbose, what
        As in `run_parallel`.
    total : int, optional
        Number of tasks, for progress; without it there are no progress lines.

    Yields
    ------
    object
        What `function` returned.

    Examples
    --------
    >>> next(iterate_parallel(abs, iter([-1, 2])))
    1
    """
    if effective_n_jobs(n_jobs) == 1:  # joblib would call one after the other, at a cost for each
        answers = map(function, tasks)
    else:
        start = Parallel(n_jobs=n_jobs, return_as="generator")
        answers = start(delayed(function)(task) for task in tasks)
    return _with_progress(answers, total, verbose, what) if verbose > 0 and total else answers


def _with_progress(answers, total, verbose, what):
    start, step = time.monotonic(), max(1, total // (100 if verbose > 1 else 10))
    for done, answer in enumerate(answers, start=1):
        yield answer
        if done % step == 0 or done == total:
            seconds = time.monotonic() - start
            sys.stderr.write(f"{what}: {done} of {total}, {seconds:.1f} s\n")
            sys.stderr.flush()


def unseeded(estimator):
    """Return the names of the `random_state` parameters, at any depth, that are None."""
    return tuple(
        name
        for name, value in estimator.get_params(deep=True).items()
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    )


def seeded(model, seed):
    """Give `seed` to every `random_state` of an estimator and its parts that is None.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> seeded(LogisticRegression(), 7).random_state
    7
    """
    names = unseeded(model)
    return model.set_params(**dict.fromkeys(names, seed)) if names else model
