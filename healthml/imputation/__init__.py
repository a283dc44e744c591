"""What is missing, where and for whom; and how to fill it inside a pipeline."""

from healthml.imputation._missingness import MissingnessReport, missingness_report

__all__ = ["MissingnessReport", "missingness_report"]
