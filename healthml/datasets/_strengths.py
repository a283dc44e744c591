"""Names and strengths of the defects, and the presets made of them."""

from dataclasses import dataclass
from math import isfinite, log
from numbers import Real

from healthml.exceptions import InputError


@dataclass(frozen=True)
class Strength:
    """What the strength of a defect measures, and how large it is in each preset.

    `alone` is the committed strength of the guide "How strong must a defect be"; `realistic` is
    weaker, and None where a first extract from a hospital would not have the defect.
    """

    unit: str  # "share", "auc" or "log-odds"
    alone: float
    realistic: float | None = None

    def check(self, name, value):
        """Return `value` as a float, or say why it is no strength of this defect."""
        low, high = {"share": (0, 1), "auc": (0.5, 1), "log-odds": (-10, 10)}[self.unit]
        number = isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)
        if number and (low < value < high or (self.unit == "share" and value == 1)):
            return float(value)
        raise InputError(
            f"defects={{{name!r}: {value!r}}} is no strength: it is a {self.unit} between {low} "
            f"and {high}; the committed strength is {self.alone:.3g}, and 0 leaves the defect out."
        )


# Defect -> unit, strength when committed alone, and in the preset 'realistic'. By the guide named
# above and by judgement, not by simulation; a defect made weaker is harder to find.
STRENGTHS = {
    "risk_gap": Strength("log-odds", log(2), 0.4),
    "site_shift": Strength("log-odds", 1.0, 0.3),
    "ineligible": Strength("share", 0.05, 0.03),
    "label_bias": Strength("share", 0.40),
    "label_noise": Strength("share", 0.05),
    "unit_mixup": Strength("share", 1.0),
    "decimal_slips": Strength("share", 0.01),
    "swaps": Strength("share", 0.02),
    "impossible_values": Strength("share", 0.01),
    "censored_strings": Strength("share", 1.0),
    "decimal_commas": Strength("share", 0.05),
    "coding_change": Strength("share", 1.0),
    "mcar": Strength("share", 0.05, 0.02),
    "mar": Strength("auc", 0.67, 0.60),
    "mnar": Strength("auc", 0.67, 0.60),
    "informative": Strength("auc", 0.67, 0.62),
    "sentinels": Strength("share", 0.03, 0.02),
    "missing_strings": Strength("share", 0.04, 0.03),
    "leak_perfect": Strength("share", 1.0),
    "leak_noisy": Strength("auc", 0.97),
    "leak_time": Strength("auc", 0.90, 0.80),
    "future_count": Strength("share", 1.0),
    "exact_duplicates": Strength("share", 0.03, 0.01),
    "near_duplicates": Strength("share", 0.05, 0.02),
    "join_doubled": Strength("share", 1.0),
}


def chosen_defects(preset, defects):
    """Return the strength of each defect asked for, in the order in which they are applied."""
    chosen = _preset(preset)
    for name, value in (defects or {}).items():
        _known(name)
        switched_off = value is None or (isinstance(value, Real) and value == 0)
        chosen[name] = None if switched_off else STRENGTHS[name].check(name, value)
    return {name: chosen[name] for name in STRENGTHS if chosen.get(name) is not None}


def _preset(preset):
    if preset == "clean":
        return {}
    if preset == "realistic":
        return {name: s.realistic for name, s in STRENGTHS.items() if s.realistic is not None}
    if isinstance(preset, str) and preset.startswith("one:"):
        name = preset.removeprefix("one:")
        _known(name)
        return {name: STRENGTHS[name].alone}
    raise InputError(
        f"preset={preset!r} is unknown; use 'clean', 'realistic' or 'one:' and a defect, such as "
        "'one:sentinels'."
    )


def _known(name):
    if name not in STRENGTHS:
        raise InputError(f"defect {name!r} is unknown; the defects are {', '.join(STRENGTHS)}.")
