"""What pooling can be asked for, and how few studies are too few."""

from healthml.meta_analysis._options.options import (
    BACK,
    FEW,
    FEWEST,
    METHODS,
    PREDICTIONS,
    SEARCHES,
    TESTS,
    check_words,
)

__all__ = ["BACK", "FEW", "FEWEST", "METHODS", "PREDICTIONS", "SEARCHES", "TESTS", "check_words"]
