"""Splits that keep a patient on one side."""

from healthml.validation._splits.group_bootstrap import GroupBootstrap
from healthml.validation._splits.group_k_fold import RepeatedStratifiedGroupKFold
from healthml.validation._splits.leave_one_site_out import LeaveOneSiteOut, rows_of_others
from healthml.validation._splits.patient_time_split import PatientTimeSplit
from healthml.validation._splits.times import column_or_values, complete_times, time_values

__all__ = [
    "GroupBootstrap",
    "LeaveOneSiteOut",
    "PatientTimeSplit",
    "RepeatedStratifiedGroupKFold",
    "column_or_values",
    "complete_times",
    "rows_of_others",
    "time_values",
]
