"""Look at a table before learning from it; repair what is wrong, each cell with its record."""

from healthml.cleaning._categories.code_checker import CodeChecker
from healthml.cleaning._categories.normalizer import CategoryNormalizer
from healthml.cleaning._cleaner import ClinicalCleaner
from healthml.cleaning._cross_field.check import CrossFieldCheck
from healthml.cleaning._dates.parser import DateParser
from healthml.cleaning._lab_values.grammar import LabValue, parse_lab_value
from healthml.cleaning._lab_values.parser import LabValueParser
from healthml.cleaning._labels.audit import LabelAudit
from healthml.cleaning._labels.result import LabelAuditResult
from healthml.cleaning._missing_codes.transformer import MissingCodes
from healthml.cleaning._plausible.decimal_slips import DecimalSlips
from healthml.cleaning._plausible.ranges import PlausibleRange
from healthml.cleaning._quality.report import quality_report
from healthml.cleaning._quality.result import QualityReport
from healthml.cleaning._record.cost import CostOfCleaningResult
from healthml.cleaning._record.record import CleaningRecord
from healthml.cleaning._rows.drop import drop_rows
from healthml.cleaning._rows.dropped import DroppedRows
from healthml.cleaning._rows.duplicate_report import DuplicateReport
from healthml.cleaning._rows.find_duplicates import find_duplicates
from healthml.cleaning._rows.link import LinkageResult, link_records
from healthml.cleaning._units.convert import convert
from healthml.cleaning._units.harmonizer import UnitHarmonizer

__all__ = [
    "CategoryNormalizer",
    "CleaningRecord",
    "ClinicalCleaner",
    "CodeChecker",
    "CostOfCleaningResult",
    "CrossFieldCheck",
    "DateParser",
    "DecimalSlips",
    "DroppedRows",
    "DuplicateReport",
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
