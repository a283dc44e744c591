"""What is missing, where and for whom; and how to fill it inside a pipeline."""

from healthml.imputation._chained import ChainedImputer
from healthml.imputation._missingness import MissingnessReport, missingness_report

__all__ = ["ChainedImputer", "MissingnessReport", "missingness_report"]
