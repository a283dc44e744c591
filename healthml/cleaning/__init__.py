"""Look at a table before learning from it; repair what is wrong, each cell with its record."""

from healthml.cleaning._categories import CategoryNormalizer, CodeChecker
from healthml.cleaning._cleaner import ClinicalCleaner
from healthml.cleaning._cross_field import CrossFieldCheck
from healthml.cleaning._dates import DateParser
from healthml.cleaning._lab_values import LabValue, LabValueParser, parse_lab_value
from healthml.cleaning._labels import LabelAudit, LabelAuditResult
from healthml.cleaning._missing_codes import MissingCodes
from healthml.cleaning._plausible import DecimalSlips, PlausibleRange
from healthml.cleaning._quality import QualityReport, quality_report
from healthml.cleaning._record import CleaningRecord, CostOfCleaningResult
from healthml.cleaning._rows import (
    DroppedRowsResult,
    DuplicatesResult,
    LinkageResult,
    drop_rows,
    find_duplicates,
    link_records,
)
from healthml.cleaning._units import UnitHarmonizer, convert

__all__ = [
    "CategoryNormalizer",
    "CleaningRecord",
    "ClinicalCleaner",
    "CodeChecker",
    "CostOfCleaningResult",
    "CrossFieldCheck",
    "DateParser",
    "DecimalSlips",
    "DroppedRowsResult",
    "DuplicatesResult",
    "LabValue",
    "LabValueParser",
    "LabelAudit",
    "LabelAuditResult",
    "LinkageResult",
    "MissingCodes",
    "PlausibleRange",
    "QualityReport",
    "UnitHarmonizer",
    "convert",
    "drop_rows",
    "find_duplicates",
    "link_records",
    "parse_lab_value",
    "quality_report",
]
