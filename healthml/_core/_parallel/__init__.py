"""One way to run many small jobs, seeded, with progress, and warnings kept apart by thread."""

from healthml._core._parallel.caught import recorded
from healthml._core._parallel.jobs import (
    iterate_branches,
    iterate_parallel,
    run_branches,
    run_in_threads,
    run_parallel,
    table_jobs,
)
from healthml._core._parallel.seeds import seeded, unseeded

__all__ = [
    "iterate_branches",
    "iterate_parallel",
    "recorded",
    "run_branches",
    "run_in_threads",
    "run_parallel",
    "seeded",
    "table_jobs",
    "unseeded",
]
