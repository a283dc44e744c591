"""Gaps between groups, what may be claimed of them, and what their estimates become together."""

from healthml.fairness._contrasts.claims import Claims, right_risks_p_value
from healthml.fairness._contrasts.detectable import POWER, detectable_gap
from healthml.fairness._contrasts.gaps import REST, GapBlock, gap_blocks, holm, sidak
from healthml.fairness._contrasts.homogeneity import homogeneity, range_of
from healthml.fairness._contrasts.named import NAMED, named_rows
from healthml.fairness._contrasts.shrinkage import (
    FEWEST_GROUPS,
    SHRUNKEN,
    gamma_poisson,
    normal_model,
    shrink,
)

__all__ = [
    "FEWEST_GROUPS",
    "NAMED",
    "POWER",
    "REST",
    "SHRUNKEN",
    "Claims",
    "GapBlock",
    "detectable_gap",
    "gamma_poisson",
    "gap_blocks",
    "holm",
    "homogeneity",
    "named_rows",
    "normal_model",
    "range_of",
    "right_risks_p_value",
    "shrink",
    "sidak",
]
