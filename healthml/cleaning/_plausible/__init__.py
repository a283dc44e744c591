"""Values that no patient can have, and slipped decimal points."""

from healthml.cleaning._plausible.decimal_evidence import usual_decimals
from healthml.cleaning._plausible.decimal_slips import DecimalSlips
from healthml.cleaning._plausible.ranges import PlausibleRange

__all__ = ["DecimalSlips", "PlausibleRange", "usual_decimals"]
