"""Other sites and later years."""

from healthml.validation._transport.encounters import EncounterResult, encounter_performance
from healthml.validation._transport.internal_external import (
    InternalExternalResult,
    internal_external,
)
from healthml.validation._transport.leave_out import (
    later_time,
    leave_site_out,
    ranking_at_new_sites,
)
from healthml.validation._transport.outcome_levels import outcome_levels
from healthml.validation._transport.temporal import TemporalResult, temporal_performance

__all__ = [
    "EncounterResult",
    "InternalExternalResult",
    "TemporalResult",
    "encounter_performance",
    "internal_external",
    "later_time",
    "leave_site_out",
    "outcome_levels",
    "ranking_at_new_sites",
    "temporal_performance",
]
