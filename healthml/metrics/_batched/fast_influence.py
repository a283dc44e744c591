"""How much each row moves a measure: the first derivative by its weight, for whole blocks."""

import numpy as np


def influence_of(weighed, name):
    """Return how much each row moves a measure, before its weight (the AUC: with it)."""
    total, events = weighed.totals
    block, share = weighed.block, weighed.share
    if name == "auroc":
        return _auroc_influence(weighed)
    if name == "scaled_brier":
        return _scaled_brier_influence(weighed)
    if name == "oe_ratio":
        expected = (weighed.mean(block.risk) * total)[:, None]
        return (block.event - events[:, None] / expected * block.risk) / expected
    if name == "calibration_in_the_large":
        fit = weighed.recalibration(free_slope=False)
        return fit.residual(block.event, block.logit) / fit.information[:, 0, None]
    if name == "nagelkerke_r2_recalibrated":
        return _nagelkerke_influence(weighed, share)
    if name in ("calibration_slope", "calibration_intercept"):
        return _recalibrated_influence(weighed, name)
    rows = block.rows(name)
    return (rows - weighed.value(name)[:, None]) / total[:, None]


def _auroc_influence(weighed):
    block, (total, events) = weighed.block, weighed.totals
    area, below = weighed.areas
    positive, negative = weighed.in_order
    others = total - events
    above = events[:, None] - weighed.below(positive)
    moved = positive * (below / others[:, None] - area[:, None]) / events[:, None]
    moved += negative * (above / events[:, None] - area[:, None]) / others[:, None]
    unordered = np.empty_like(moved)
    np.put_along_axis(unordered, block.order, moved, axis=1)
    return unordered


def _scaled_brier_influence(weighed):
    total, share = weighed.totals[0], weighed.share
    spread = share * (1 - share)
    brier = weighed.mean(weighed.block.rows("brier"))
    loss = (weighed.block.rows("brier") - brier[:, None]) / spread[:, None]
    tilt = brier * (1 - 2 * share) / spread**2
    moved = tilt[:, None] * (weighed.block.event - share[:, None]) - loss
    return moved / total[:, None]


def _recalibrated_influence(weighed, name):
    fit = weighed.recalibration(free_slope=True)
    residual = fit.residual(weighed.block.event, weighed.block.logit)
    first, mixed, second = fit.information.T
    determinant = first * second - mixed**2
    if name == "calibration_slope":
        turn = (-mixed / determinant)[:, None] + (first / determinant)[:, None] * (
            weighed.block.logit
        )
    else:
        turn = (second / determinant)[:, None] - (mixed / determinant)[:, None] * (
            weighed.block.logit
        )
    return residual * turn


def _nagelkerke_influence(weighed, share):
    """Delta method; the recalibration is at its maximum, so that it moves nothing itweighed."""
    total = weighed.totals[0]
    fit = weighed.recalibration(free_slope=True)
    density = fit.density(weighed.block.event, weighed.block.logit)
    level = weighed.mean(density)
    null = share * np.log(share) + (1 - share) * np.log(1 - share)
    turn = np.log(share / (1 - share))
    most, part = 1 - np.exp(2 * null), np.exp(2 * (null - level))
    by_level = 2 * part / most
    by_share = -2 * turn * part / most + (1 - part) * 2 * turn * np.exp(2 * null) / most**2
    moved = by_level[:, None] * (density - level[:, None])
    moved += by_share[:, None] * (weighed.block.event - share[:, None])
    return moved / total[:, None]
