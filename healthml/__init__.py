"""Safeguards for machine learning on healthcare tables.

Start with `healthml.audit`, which judges a clinical prediction model on a table of patients and
says what must be settled before anyone relies on it. Every safeguard it runs also works alone:
the rooms of the library (``healthml.validation``, ``healthml.cleaning``, ...) are loaded when they
are first used, so that ``import healthml`` stays quick and silent.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from healthml._version import __version__

if TYPE_CHECKING:
    from healthml.reporting import AuditReport, audit, audit_predictions
    from healthml.schema import Schema, Variable

# public name -> the module that it lives in
_NAMES = {
    "AuditReport": "healthml.reporting",
    "Schema": "healthml.schema",
    "Variable": "healthml.schema",
    "audit": "healthml.reporting",
    "audit_predictions": "healthml.reporting",
}
_SUBMODULES = (
    "cleaning",
    "datasets",
    "exceptions",
    "explanation",
    "fairness",
    "imputation",
    "meta_analysis",
    "metrics",
    "reporting",
    "resampling",
    "schema",
    "validation",
)

__all__ = [
    "AuditReport",
    "Schema",
    "Variable",
    "__version__",
    "audit",
    "audit_predictions",
    *_SUBMODULES,
]


def __getattr__(name):
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    if name in _SUBMODULES:
        return import_module(f"healthml.{name}")
    raise AttributeError(f"module 'healthml' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
