"""Smooth curves of an outcome over a risk."""

from healthml.metrics._smoothers.local import (
    Cells,
    LocalRegression,
    distinct_cells,
    loess,
    loess_interpolated,
    lowess,
    merged_cells,
    scaled_kernel,
)
from healthml.metrics._smoothers.splines import (
    penalised_spline,
    restricted_columns,
    restricted_cubic,
)

__all__ = [
    "Cells",
    "LocalRegression",
    "distinct_cells",
    "loess",
    "loess_interpolated",
    "lowess",
    "merged_cells",
    "penalised_spline",
    "restricted_columns",
    "restricted_cubic",
    "scaled_kernel",
]
