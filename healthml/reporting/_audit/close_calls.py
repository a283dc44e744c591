"""Findings so near their cut-off that another random split could decide otherwise."""

from dataclasses import replace

from healthml._core._findings import is_close_call

# by measure of an effect, the measure whose random luck stands in for its own
_LUCK_OF = {"net_benefit_per_1000": ("net_benefit", 1000.0)}

# judged without random splits: sites left out and later rows
_WITHOUT_LUCK = ("HM404", "HM405")

# what is beyond chance already, so that the estimate itself is graded too
_BY_ESTIMATE = ("HM301",)

# notes whatever their size
_NEVER_GRADED = ("HM303", "HM407")

_CLOSE = (
    "Too close to call: another random split of the patients could put it on the other side of the "
    "cut-off."
)

_CLOSE_ONCE = (
    "Too close to call with one random split of the patients: whether another would put it on the "
    "other side of the cut-off is shown by more repeats of the splits (n_repeats)."
)


def mark_close(case, finding):
    """Say of a finding near its cut-off that another random split could decide otherwise."""
    if finding.effect is None or finding.code in (*_WITHOUT_LUCK, *_NEVER_GRADED):
        return finding
    measure, scale = _LUCK_OF.get(finding.effect.measure, (finding.effect.measure, 1.0))
    luck, words = scale * case.performance.luck(measure), _CLOSE
    if case.refit and len(case.judge.folds) == 1:
        luck, words = scale * case.performance.most_luck(measure), _CLOSE_ONCE
    close = is_close_call(finding.effect, case.rules, luck)
    if finding.code in _BY_ESTIMATE:
        middle = replace(finding.effect, lower=finding.effect.estimate)
        close = close or is_close_call(middle, case.rules, luck)
    if not close:
        return finding
    return replace(finding, evidence=f"{finding.evidence} {words}")
