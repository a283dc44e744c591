"""Who cannot have the outcome, and who was measured: facts to ask about, seldom leaks."""

import numpy as np
from scipy.stats import poisson

from healthml._core._intervals import z_value
from healthml._core._numerics import cluster_variance
from healthml._core._paired import auroc_influence
from healthml._core._results import plain
from healthml.imputation._missingness import indicator_auc
from healthml.validation._leakage.case import ASK, NOTED
from healthml.validation._leakage.late_columns import (
    base_columns,
    base_risk,
    names_in_words,
    refitted,
)
from healthml.validation._leakage.screen_columns import event_free_strata

ALPHA = 0.001  # chance of so few (or so many) events at the risks that the other columns give
RARE = 0.25
INDICATORS_TELL = 0.55


def look_at_eligibility(case):
    """Return strata in which the outcome cannot happen, with what the AUC owes to them."""
    suspects = case.cache["suspects"]
    strong = {c for c, why in suspects.items() if why == "too strong alone"}
    strong |= set(case.cache["encoded"]) | set(case.known_after) | set(case.cache["dated"])
    pool = case.X[[c for c in case.X.columns if c not in strong]]
    if not pool.shape[1]:
        return
    strata = event_free_strata(pool, case.y, groups=case.units)
    if not len(strata.table):
        return
    rest = [c for c in base_columns(case) if c not in set(strata.table["column"])]
    risk = refitted(case, case.table[rest])[0] if rest else None
    table = strata.table if risk is None else unexplained(strata, risk)
    for kind in ("never", "almost never", "always"):
        some = table[table["kind"] == kind]
        if len(some):
            yield _stratum(case, some, strata.masks, kind)


def unexplained(strata, risk):
    """Keep the levels whose missing (or surplus) events the other columns do not explain.

    Parameters
    ----------
    strata : Strata
        Of `event_free_strata`.
    risk : ndarray of shape (n,)
        Out-of-sample risks without the columns of these strata; NaN where there is none.

    Returns
    -------
    DataFrame
        With ``expected_by_others``.
    """
    table = strata.table
    keep, expected = [], []
    for row in table.itertuples():
        p = risk[strata.masks[row.column, row.position]]
        p = np.clip(p[np.isfinite(p)], 1e-9, 1 - 1e-9)
        expected.append(float(p.sum()))
        share = row.n_patients / row.n_samples
        keep.append(_chance(p, row.n_events, row.kind, share) * len(table) < ALPHA)
    table = table.assign(expected_by_others=expected)
    enough = (table["kind"] != "almost never") | (
        table["n_events"] <= RARE * table["expected_by_others"]
    )
    return table[np.array(keep) & enough].reset_index(drop=True)


def _chance(p, n_events, kind, share):
    """Return how likely so few (or so many) events are at the risks that the others give.

    Rows of one patient are not independent trials; `share` scales them to patients.
    """
    if kind == "always":
        return float(np.exp(np.log(p).sum() * share))
    if kind == "never":
        return float(np.exp(np.log1p(-p).sum() * share))
    return float(poisson.cdf(np.round(n_events * share), p.sum() * share))


def _stratum(case, table, masks, kind):
    rows = np.zeros(len(case.y), dtype=bool)
    for row in table.itertuples():
        rows |= masks[row.column, row.position]
    columns = list(dict.fromkeys(table["column"]))
    expected = table["expected_by_others" if "expected_by_others" in table else "expected"]
    return case.leak(
        "HM103",
        ASK,
        _owed_to(case, rows),
        f"The outcome {kind} happens in {int(rows.sum()):,} rows: can it?",
        f"{len(table)} levels of {names_in_words(columns)}: {int(case.y[rows].sum()):,} events; "
        f"the other columns let about {expected.sum():,.0f} be expected.",
        "Ask whether these patients could have the outcome and would be given a prediction "
        "(already dead, transferred, another endpoint); if not, leave them out.",
        columns=columns,
    )


def _owed_to(case, rows):
    """Return how much of the AUC is owed to telling these rows from the others."""
    if len(np.unique(case.y[~rows])) < 2:
        return None
    risk = base_risk(case)
    gaps, influences = [], []
    for line, fold in zip(risk, case.judge.folds, strict=False):
        use = np.isfinite(line)
        whole, part = (_auc(case.y, line, fold, keep) for keep in (use, use & ~rows))
        gaps.append(whole[0] - part[0])
        influences.append(whole[1] - part[1])
    gap = float(np.mean(gaps))
    half = z_value(case.level) * np.sqrt(cluster_variance(np.mean(influences, axis=0), case.units))
    meaning = "AUC in all rows minus AUC without these rows"
    return case.effect(gap, gap - half, gap + half, meaning)


def _auc(y, risk, fold, use):
    auc, influence = auroc_influence(y[use], risk[use], fold[use])
    full = np.zeros(len(y))
    full[use] = influence
    return auc, full


def look_at_missingness(case):
    """Return how well who was measured tells the outcome; a fact, not a leak by itself."""
    gone = case.X.isna().to_numpy()
    if not gone.any():
        return
    told = indicator_auc(gone, case.y, case.groups, 5, case.level, case.seed)
    if plain(told).get("lower") is None or told["lower"] <= INDICATORS_TELL:
        return
    effect = case.effect(
        *(told[k] - 0.5 for k in ("estimate", "lower", "upper")),
        "AUC of the missing indicators alone above 0.5",
    )
    yield case.leak(
        "HM210",
        NOTED,
        effect,
        "Who was measured tells the outcome",
        f"The missing indicators alone reach an AUC of {told['estimate']:.3f} "
        f"({told['lower']:.3f} to {told['upper']:.3f}). Often this is how care works, and known in "
        "time.",
        "Ask when each measurement is ordered; a gap left by what happened later is a leak.",
    )
