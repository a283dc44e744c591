"""Tables without a leak, from two generators that share no code, and the leaks put into them."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.preprocessing import StandardScaler

from healthml.datasets import make_ehr_cohort
from healthml.validation import RepeatedStratifiedGroupKFold

N = {"A": 2000, "B": 1500}
GAP_SLOPE = 0.85  # the missing indicators of `informative_gaps` then reach AUC 0.67 in B


@dataclass(frozen=True)
class Table:
    """A table with its roles."""

    X: pd.DataFrame
    y: np.ndarray
    groups: np.ndarray
    time: np.ndarray
    logit: np.ndarray | None = None

    def take(self, rows):
        parts = (self.y[rows], self.groups[rows], self.time[rows])
        return Table(self.X.iloc[rows].reset_index(drop=True), *parts)

    def with_column(self, name, values):
        return replace(self, X=self.X.assign(**{name: values}))


def clean(kind, n, seed, **options):
    """Return a table without a leak: generator A (simulated encounters) or B (ward stays)."""
    return (encounters if kind == "A" else ward_stays)(n, seed, **options)


def encounters(n, seed, *, unique=False, sticky=False, preset="clean"):
    """Return generator A; `sticky` patients come back often and hardly change."""
    options = {"preset": preset}
    if unique:
        options |= {"encounters_per_patient": 1}
    if sticky:  # an effect of patients of that size cannot go with an AUC below 0.9
        options |= {"encounters_per_patient": 6, "patient_correlation": 0.9}
        options |= {"outcome_patient_sd": 2, "auc": 0.90}
    cohort = make_ehr_cohort(n, prevalence=0.15, random_state=seed, **{"auc": 0.80, **options})
    rng = np.random.default_rng(seed)
    day = pd.to_datetime(cohort.time.astype(str).to_numpy())
    day = day + pd.to_timedelta(rng.integers(0, 365, len(day)), unit="D")
    groups = pd.factorize(cohort.groups)[0]
    return Table(cohort.X.reset_index(drop=True), cohort.y.to_numpy(), groups, day.to_numpy())


def ward_stays(n, seed, *, unique=False, sticky=False):
    """Return generator B, sorted by date: heavy tails, a U-shape, an interaction, a trend."""
    rng = np.random.default_rng([seed, 7])
    stays = np.ones(n, dtype=int) if unique else 1 + rng.binomial(7, 0.75 if sticky else 0.2, n)
    groups = np.repeat(np.arange(n), stays)[:n]
    share = 0.9 if sticky else 0.4
    own = np.sqrt(share) * rng.standard_t(5, (n, 13))[groups]
    latent = own + np.sqrt(1 - share) * rng.standard_t(5, (n, 13))
    factor, noise = latent[:, :2], latent[:, 2:12]
    load = np.column_stack([np.linspace(1, -0.6, 10), np.linspace(-0.5, 0.9, 10)])
    raw = factor @ load.T + 0.9 * noise
    X = pd.DataFrame(_measure(raw), columns=[f"test_{k}" for k in range(10)])
    grade = 1.1 * factor[:, 0] + 0.5 * factor[:, 1] + 0.8 * latent[:, 12]
    X["grade"] = np.clip(np.round(2 * grade + 5), 0, 14)
    X["shift"] = rng.choice(list("abcdef"), n)
    X["unit"] = np.array([f"u{k}" for k in range(12)], dtype=object)[rng.integers(0, 12, n)]
    chance = 1 / np.arange(1, 151)
    X["code"] = np.array([f"c{k}" for k in range(150)])[rng.choice(150, n, p=chance / chance.sum())]
    day = np.sort(rng.integers(0, 5 * 365, n))
    patient = np.random.default_rng([seed, 8]).permutation(n)  # stays of a patient lie apart
    risk = 0.38 * (X["grade"] - 5) + 0.25 * (np.minimum(factor[:, 1] ** 2, 9) - 1)
    risk = risk.to_numpy() + 0.3 * factor[:, 0] * factor[:, 1].clip(-3, 3) * 0.5
    trend = 0.15 * day[np.argsort(patient)] / 365
    logit = risk + trend + (2.0 * rng.standard_normal(n)[groups] if sticky else 0.0)
    logit = logit - _shift(logit, 0.25)
    y = (rng.uniform(size=n) < expit(logit)).astype(int)
    elsewhere = 0.3 * (X["grade"] - 5) - 0.4 * factor[:, 0]
    X["risk_elsewhere"] = expit(elsewhere - _shift(elsewhere.to_numpy(), 0.25)).round(3)
    for k, share in ((7, 0.15), (8, 0.2), (9, 0.25)):
        lost = rng.uniform(size=n) < expit(np.log(share / (1 - share)) + 0.02 * (raw[:, 0] * 12))
        X.loc[lost, f"test_{k}"] = np.nan
    date = pd.Timestamp("2018-01-01") + pd.to_timedelta(day, unit="D")
    X, y, groups, logit = X.iloc[patient], y[patient], groups[patient], logit[patient]
    X = X.reset_index(drop=True).assign(earlier_stays=pd.Series(groups).groupby(groups).cumcount())
    return Table(X, y, pd.factorize(groups)[0], date.to_numpy(), logit)


def _measure(raw):
    """Give columns their unit: whole numbers, skewed with one digit, two digits."""
    values = raw.copy()
    values[:, :3] = np.round(80 + 12 * raw[:, :3])
    values[:, 3:6] = np.round(np.exp(1 + 0.35 * raw[:, 3:6].clip(-8, 8)), 1)
    values[:, 6:] = np.round(4 + 0.5 * raw[:, 6:], 2)
    return values


def _shift(logit, prevalence):
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if expit(logit - middle).mean() > prevalence else (low, middle)
    return middle


# leaks: (generator, seed) -> what is handed to check_leakage


def _rng(seed):
    return np.random.default_rng([seed, 99])


def _plain(table, **more):
    return {"X": table.X, "y": table.y, **more}


def _roles(table, **more):
    return _plain(table, groups=table.groups, time=table.time, **more)


def drawn_rows(kind, seed):
    table = clean(kind, 700, seed, unique=True)
    return _plain(table.take(_rng(seed).integers(0, 700, 1400)))


def oversampled_events(kind, seed):
    table = clean(kind, 1000, seed, unique=True)
    events = np.flatnonzero(table.y == 1)
    more = _rng(seed).choice(events, size=1000 - 2 * len(events))
    return _plain(table.take(_rng(seed).permutation(np.append(np.arange(1000), more))))


def near_copies(kind, seed):
    table, rng = clean(kind, 700, seed, unique=True), _rng(seed)
    names = [c for c in table.X if c.startswith("test_") or c in _MEASURED_A]
    copy = table.X.copy()
    for row in range(700):
        some = rng.permutation(names)[:5]
        for name in some[:2]:
            copy.loc[row, name] = table.X[name].iloc[rng.integers(700)]
        for name in some[2:]:
            copy.loc[row, name] += rng.choice([-1, 1]) * _unit(table.X[name])
    X = pd.concat([table.X, copy.round(6)], ignore_index=True)
    order = rng.permutation(1400)
    return {"X": X.iloc[order], "y": np.tile(table.y, 2)[order]}


_MEASURED_A = (
    *("heart_rate", "sbp", "resp_rate", "temperature", "creatinine", "bun", "sodium"),
    *("potassium", "lactate", "wbc", "hemoglobin", "platelets", "albumin", "glucose"),
)


def _unit(column):
    digits = next(d for d in range(6) if np.allclose(column.dropna(), column.dropna().round(d)))
    return 10.0**-digits


def join_doubled(kind, seed):
    table, rng = clean(kind, 700, seed, unique=True), _rng(seed)
    both = table.take(np.tile(np.arange(700), 2))
    first = rng.integers(0, 4, 700)
    second = (first + rng.integers(1, 4, 700)) % 4
    both = both.with_column("drug", np.array(list("wxyz"))[np.append(first, second)])
    return _plain(both.take(rng.permutation(1400)))


def patient_split(kind, seed):
    table = clean(kind, 1500, seed, sticky=True)
    return _roles(table, split=_rng(seed).integers(0, 5, len(table.y)))


def patient_column(kind, seed):
    table = clean(kind, 1500, seed, sticky=True)
    number = 10_000 + _rng(seed).permutation(int(table.groups.max()) + 1)[table.groups]
    return _plain(table.with_column("patient_number", number))


def copies_in_test(kind, seed):
    table, rng = clean(kind, 1250, seed, unique=True), _rng(seed)
    order = rng.permutation(1250)
    train = table.take(order[:1000])
    test = table.take(np.append(order[1000:], rng.choice(order[:1000], 250, replace=False)))
    return _plain(train, test=(test.X, test.y))


def _score(y, auc, rng):
    return (rng.standard_normal(len(y)) + np.sqrt(2) * norm.ppf(auc) * y).round(3)


def known_after(kind, seed):
    table = clean(kind, N[kind], seed)
    table = table.with_column("panel", _score(table.y, 0.80, _rng(seed)))
    return _roles(table, known_after=["panel"])


def later_date(kind, seed):
    table, rng = clean(kind, N[kind], seed), _rng(seed)
    there = rng.uniform(size=len(table.y)) < np.where(table.y == 1, 0.8, 0.05)
    date = pd.Series(table.time) + pd.to_timedelta(rng.integers(1, 5, len(there)), unit="D")
    return _roles(table.with_column("moved", date.where(there).to_numpy()))


def noisy_score(kind, seed):
    table = clean(kind, N[kind], seed)
    return _plain(table.with_column("panel", _score(table.y, 0.97, _rng(seed))))


def same_as_outcome(kind, seed):
    table = clean(kind, N[kind], seed)
    return _plain(table.with_column("lane", np.where(table.y == 1, "p", "q")))


def later_name(kind, seed):
    table = clean(kind, N[kind], seed)
    hours = np.exp(4 + 0.6 * _score(table.y, 0.90, _rng(seed))).round(1)
    return _plain(table.with_column("hosp_los_hours", hours))


def _target(kind, seed, weight):
    table, rng = clean(kind, N[kind], seed), _rng(seed)
    level = rng.integers(0, 200, len(table.y))
    size, events = np.bincount(level, minlength=200), np.bincount(level, table.y, 200)
    mean = (events + weight * table.y.mean()) / np.maximum(size + weight, 1e-9)
    return table, mean[level]


def target_mean(kind, seed):
    table, encoded = _target(kind, seed, 0)
    return _plain(table.with_column("ward_value", encoded))


def target_smoothed(kind, seed):
    table, encoded = _target(kind, seed, 5)
    return _plain(table.with_column("ward_value", (encoded - encoded.mean()) / encoded.std()))


def _folds(table, seed):
    splitter = RepeatedStratifiedGroupKFold(5, n_repeats=1, random_state=seed)
    return splitter.fold_ids(table.y, table.groups)[0]


def _numbers(table):
    return [c for c in table.X if c.startswith("test_") or c in _MEASURED_A]


def scaled_before(kind, seed):
    table = clean(kind, N[kind], seed)
    part = table.X[_numbers(table)]
    table = replace(table, X=table.X.assign(**((part - part.mean()) / part.std())))
    return _roles(table, split=_folds(table, seed))


FILLED = {"A": ("lactate", "albumin", "wbc"), "B": ("test_3", "test_4", "test_6")}


def filled_before(kind, seed):
    table, rng = clean(kind, N[kind], seed), _rng(seed)
    X = table.X.copy()
    for name in FILLED[kind]:
        gone = rng.uniform(size=len(X)) < 0.2
        X[name] = X[name].astype(float).where(~gone, X[name][~gone].mean())
    return _roles(replace(table, X=X), split=_folds(table, seed))


def selected_before(kind, seed):
    rng, y = _rng(seed), clean(kind, 200, seed, unique=True).y
    noise = rng.standard_normal((200, 1000)) if kind == "A" else rng.standard_t(4, (200, 1000))
    X = pd.DataFrame(noise, columns=[f"marker_{k}" for k in range(1000)])
    split = RepeatedStratifiedGroupKFold(5, n_repeats=1, random_state=seed).fold_ids(y)[0]
    return {"X": X, "y": y, "split": split, "transformer": SelectKBest(f_classif, k=20).fit(X, y)}


def scaler_fitted(kind, seed):
    table = clean(kind, N[kind], seed)
    table = replace(table, X=table.X[_numbers(table)])
    scaler = StandardScaler().fit(table.X)
    return _roles(table, split=_folds(table, seed), transformer=scaler)


def sorted_file(kind, seed):
    table = clean(kind, N[kind], seed)
    return _plain(table.take(np.argsort(_score(table.y, 0.70, _rng(seed)))))


def row_number(kind, seed):
    table = clean(kind, N[kind], seed)
    table = table.take(np.argsort(_score(table.y, 0.70, _rng(seed))))
    return _plain(table.with_column("line", 1 + np.arange(len(table.y))))


def future_count(kind, seed):
    table = clean(kind, N[kind], seed)
    return _roles(table.with_column("stays", np.bincount(table.groups)[table.groups]))


def patient_mean(kind, seed):
    table = clean(kind, N[kind], seed)
    share = np.bincount(table.groups, table.y) / np.bincount(table.groups)
    return _roles(table.with_column("own_rate", share[table.groups]))


def already_dead(kind, seed):
    if kind == "A":
        return _plain(encounters(2000, seed, preset="one:ineligible"))
    table = clean(kind, 1500, seed)
    key = table.logit + _rng(seed).standard_normal(1500)
    gone = key >= np.quantile(key, 0.95)
    X = table.X.assign(shift=np.where(gone, "closed", table.X["shift"]))
    return {"X": X, "y": np.where(gone, 0, table.y)}


def informative_gaps(kind, seed):
    if kind == "A":
        return _plain(encounters(2000, seed, preset="one:informative"))
    table, rng = clean(kind, 1500, seed), _rng(seed)
    z = (table.logit - table.logit.mean()) / table.logit.std()
    X = table.X.copy()
    for name, share in (("test_3", 0.3), ("test_4", 0.4), ("test_5", 0.5)):
        key = np.log(share / (1 - share)) - GAP_SLOPE * z
        X.loc[rng.uniform(size=1500) < expit(key), name] = np.nan
    return {"X": X, "y": table.y}
