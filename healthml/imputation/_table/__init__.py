"""The table of an imputer: its cells, design matrices, groups and skewed columns."""

from healthml.imputation._table.cells import (
    as_completed,
    as_observed,
    observed_support,
    read_columns,
    write_filled,
)
from healthml.imputation._table.design import BOOLEAN, DATE, GROUP, NOMINAL, ORDERED, learn_columns
from healthml.imputation._table.groups import GroupMeans, Groups

__all__ = [
    "BOOLEAN",
    "DATE",
    "GROUP",
    "NOMINAL",
    "ORDERED",
    "GroupMeans",
    "Groups",
    "as_completed",
    "as_observed",
    "learn_columns",
    "observed_support",
    "read_columns",
    "write_filled",
]
