"""One way to run many small jobs, seeded, with progress on stderr: scikit-learn's joblib."""

import sys
import time
from dataclasses import dataclass

import joblib
from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn import config_context, get_config
from sklearn.utils.parallel import Parallel, delayed

from healthml._core._parallel.caught import guarded, passed_on, recorded

# Rows from which the work on a table is shared by threads rather than processes: one step then
# spends its time in calls of numpy, pandas and scikit-learn that let other threads run, while
# starting processes and sending them the table takes longer than they save. Chosen by judgement;
# only speed depends on it.
LARGE = 30_000


def table_jobs(n_rows, n_jobs):
    """Return how work on a table is shared: in threads if it is large, else as joblib does.

    Parameters
    ----------
    n_rows : int
        Rows of the table.
    n_jobs : int or None
        Number of jobs as in joblib.

    Returns
    -------
    dict
        Keywords of `run_parallel`.

    Examples
    --------
    >>> table_jobs(100_000, 2)
    {'n_jobs': 2, 'prefer': 'threads'}
    """
    return {"n_jobs": n_jobs, "prefer": "threads" if n_rows >= LARGE else None}


def run_branches(calls, *, n_rows, n_jobs=None):
    """Call functions that do not depend on each other: side by side where the table is large.

    Parameters
    ----------
    calls : sequence of tuple
        (function, argument, ...) each; what takes longest first.
    n_rows : int
        Rows of the table; a small one is worked on by one call after the other.
    n_jobs : int, optional
        Number of jobs as in joblib.

    Returns
    -------
    list
        The answers in the order of the calls.

    Examples
    --------
    >>> run_branches([(abs, -1), (max, 2, 3)], n_rows=2)
    [1, 3]
    """
    return list(iterate_branches(calls, n_rows=n_rows, n_jobs=n_jobs))


def iterate_branches(calls, *, n_rows, n_jobs=None):
    """Yield the answers of `run_branches` one by one, in the order of the calls."""
    return iterate_parallel(_call, calls, n_jobs=_shared_by(n_rows, n_jobs), prefer="threads")


def run_in_threads(function, tasks, *, n_rows, n_jobs=None):
    """Call a function on tasks that are never worth a process: in threads for a large table.

    Parameters
    ----------
    function : callable
        Called with one task.
    tasks : sequence
        What to work on.
    n_rows : int
        Rows of the table.
    n_jobs : int, optional
        Number of jobs as in joblib.

    Returns
    -------
    list
        The answers in the order of the tasks.
    """
    jobs = _shared_by(n_rows, n_jobs)
    return run_parallel(function, tasks, n_jobs=jobs, prefer="threads")


def _shared_by(n_rows, n_jobs):
    """Return the threads for a table: one where it is small or the user wants other workers."""
    return n_jobs if n_rows >= LARGE and _in_threads("threads") else 1


def _in_threads(prefer):
    """Say whether joblib would work in threads now."""
    return getattr(get_active_backend(prefer=prefer)[0], "uses_threads", False)


def _call(parts):
    function, *arguments = parts
    return function(*arguments)


def run_parallel(function, tasks, *, n_jobs=None, prefer=None, verbose=0, what="tasks"):
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
    prefer : {"threads", "processes"}, optional
        As in joblib: what is used unless `joblib.parallel_config` says otherwise.
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
    options = {"n_jobs": n_jobs, "prefer": prefer, "verbose": verbose, "what": what}
    options["total"] = len(tasks)
    return list(iterate_parallel(function, tasks, **options))


def iterate_parallel(
    function, tasks, *, n_jobs=None, prefer=None, verbose=0, what="tasks", total=None
):
    """Yield the answers of `run_parallel` one by one, in the order of the tasks.

    Tasks may be a generator; only as many as are being worked on exist at a time.

    Parameters
    ----------
    function : callable
        Called with one task.
    tasks : iterable
        What to work on.
    n_jobs, prefer, verbose, what
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
    elif _in_threads(prefer):
        answers = _by_threads(function, tasks, n_jobs)
    else:
        start = Parallel(n_jobs=n_jobs, return_as="generator")
        answers = start(delayed(function)(task) for task in tasks)
    return _with_progress(answers, total, verbose, what) if verbose > 0 and total else answers


@dataclass(frozen=True)
class _Apart:
    """A function whose warnings are handed back beside its answer, to the thread that asked."""

    function: object
    config: dict

    def __call__(self, task):
        with recorded() as caught, config_context(**self.config):
            answer = self.function(task)
        return answer, caught


def _by_threads(function, tasks, n_jobs):
    """Yield the answers of threads; their warnings arise here, in the order of the tasks."""
    work = _Apart(function, get_config())
    options = {"prefer": "threads", "batch_size": 1, "return_as": "generator"}
    start = joblib.Parallel(n_jobs=n_jobs, **options)
    with guarded():
        answers = start(joblib.delayed(work)(task) for task in tasks)
        try:
            for answer, caught in answers:
                passed_on(caught)
                yield answer
        finally:
            with recorded():  # joblib warns of answers that nobody fetched, as after an error
                answers.close()


def _with_progress(answers, total, verbose, what):
    start, step = time.monotonic(), max(1, total // (100 if verbose > 1 else 10))
    for done, answer in enumerate(answers, start=1):
        yield answer
        if done % step == 0 or done == total:
            seconds = time.monotonic() - start
            sys.stderr.write(f"{what}: {done} of {total}, {seconds:.1f} s\n")
            sys.stderr.flush()
