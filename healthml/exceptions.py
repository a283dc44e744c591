"""Errors and warnings of healthml, one class per remedy.

Errors name what is wrong, where, and what to do. Neither errors nor warnings contain a patient's
value, identifier or row label.
"""

__all__ = [
    "AdditivityError",
    "ConvergenceWarning",
    "CostOfCleaningWarning",
    "DataQualityWarning",
    "DegenerateResampleWarning",
    "HealthMLWarning",
    "ImputationWarning",
    "InputError",
    "MissingIndicatorWarning",
    "OutcomeError",
    "OverfittingWarning",
    "PatientLeakageWarning",
    "ReadError",
    "ResampledRowsWarning",
    "SchemaError",
    "SingleImputationWarning",
    "TimeBudgetWarning",
    "UnseenGroupWarning",
]


class InputError(ValueError):
    """Something handed in cannot be used as it is; the message says where and what to do."""


class ReadError(InputError):
    """A file could not be read as a table."""


class SchemaError(InputError):
    """The declared columns or the prediction task do not fit the table or each other."""


class OutcomeError(InputError):
    """The outcome is missing, has one class, or needs its event named."""


class AdditivityError(InputError):
    """An explanation does not add up to the prediction, so it is not shown."""


class HealthMLWarning(UserWarning):
    """Base of all warnings: the answer may mislead, and the message says how to settle it."""


class DegenerateResampleWarning(HealthMLWarning):
    """Some resamples gave no value; they are counted in the result, not dropped in silence."""


class PatientLeakageWarning(HealthMLWarning):
    """Rows of one patient may stand on both sides of a split; pass `groups`."""


class ResampledRowsWarning(HealthMLWarning):
    """Rows look resampled, so that rates and risks are those of no population; pass them all."""


class UnseenGroupWarning(HealthMLWarning):
    """A group was not seen at fit; its rows are treated as those of everybody together."""


class DataQualityWarning(HealthMLWarning):
    """The data hold something that may change the answer; the result lists where."""


class CostOfCleaningWarning(HealthMLWarning):
    """Cleaning changed measured values mostly in sick patients or in one group; look at them."""


class ImputationWarning(HealthMLWarning):
    """Cells were filled in on less than the imputer knew at fit; its record says where."""


class SingleImputationWarning(HealthMLWarning):
    """One completed table cannot tell what imputation adds to the uncertainty; pool several."""


class MissingIndicatorWarning(HealthMLWarning):
    """Gaps tell the outcome by themselves; which of them may is for `allow` to say."""


class ConvergenceWarning(HealthMLWarning):
    """A fit did not reach its tolerance or its maximum-likelihood estimate does not exist."""


class OverfittingWarning(HealthMLWarning):
    """An estimate corrects too little for overfitting; ask for another method."""


class TimeBudgetWarning(HealthMLWarning):
    """The time allowed is less than the least that is needed; the least is done, and takes it."""
