"""One way to run many small jobs: scikit-learn's joblib wrapper with progress on stderr."""

import sys
import time

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
    answers = Parallel(n_jobs=n_jobs, return_as="generator")(delayed(function)(t) for t in tasks)
    return list(_with_progress(answers, len(tasks), verbose, what) if verbose > 0 else answers)


def _with_progress(answers, total, verbose, what):
    start, step = time.monotonic(), max(1, total // (100 if verbose > 1 else 10))
    for done, answer in enumerate(answers, start=1):
        yield answer
        if done % step == 0 or done == total:
            seconds = time.monotonic() - start
            sys.stderr.write(f"{what}: {done} of {total}, {seconds:.1f} s\n")
            sys.stderr.flush()
