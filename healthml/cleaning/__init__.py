"""Look at a table before learning from it."""

from healthml.cleaning._quality import quality_report
from healthml.cleaning._quality_result import QualityReport

__all__ = ["QualityReport", "quality_report"]
