"""The report of one patient: words, numbers, a picture."""

from healthml.explanation._report.patient_report import PatientReport, patient_report

__all__ = ["PatientReport", "patient_report"]
