"""The quality report of tables that are not loaded."""

from healthml.cleaning._quality.lazy.report import lazy_report
from healthml.cleaning._quality.lazy.table import lazy_table

__all__ = ["lazy_report", "lazy_table"]
