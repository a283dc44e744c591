"""Look at a table before learning from it; repair what is wrong, each cell with its record."""

from healthml.cleaning._categories import CategoryNormalizer
from healthml.cleaning._cleaner import ClinicalCleaner
from healthml.cleaning._codes import CodeChecker
from healthml.cleaning._cost import CostOfCleaningResult
from healthml.cleaning._cross_field import CrossFieldCheck
from healthml.cleaning._dates import DateParser
from healthml.cleaning._decimal_slips import DecimalSlips
from healthml.cleaning._duplicates import find_duplicates
from healthml.cleaning._duplicates_report import DuplicateReport
from healthml.cleaning._lab_grammar import LabValue, parse_lab_value
from healthml.cleaning._lab_values import LabValueParser
from healthml.cleaning._labels import LabelAudit
from healthml.cleaning._labels_result import LabelAuditResult
from healthml.cleaning._linkage import link_records
from healthml.cleaning._linkage_result import LinkageResult
from healthml.cleaning._missing_codes import MissingCodes
from healthml.cleaning._plausible import PlausibleRange
from healthml.cleaning._quality import quality_report
from healthml.cleaning._quality_result import QualityReport
from healthml.cleaning._record import CleaningRecord
from healthml.cleaning._rows import drop_rows
from healthml.cleaning._rows_result import DroppedRows
from healthml.cleaning._units import UnitHarmonizer
from healthml.cleaning._units_convert import convert

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
