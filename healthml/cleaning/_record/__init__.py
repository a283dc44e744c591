"""The record of every changed cell: counted, summarised, undone."""

from healthml.cleaning._record.base import CellCleaner, check_mode
from healthml.cleaning._record.cost import CostOfCleaningResult, cost_of_cleaning
from healthml.cleaning._record.record import (
    Change,
    CleaningRecord,
    Retyped,
    perform,
    write_cells,
    write_step,
)
from healthml.cleaning._record.summary import summarise_record

__all__ = [
    "CellCleaner",
    "Change",
    "CleaningRecord",
    "CostOfCleaningResult",
    "Retyped",
    "check_mode",
    "cost_of_cleaning",
    "perform",
    "summarise_record",
    "write_cells",
    "write_step",
]
