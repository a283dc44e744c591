"""Plain pandas and scikit-learn computations beside what an audit claims above a note.

Nothing of healthml is used here: the table is read with pandas, models are scikit-learn's, and
each function answers one code with a sentence of its own numbers.
"""

import argparse
import os
import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import (
    GroupKFold,
    LeaveOneGroupOut,
    StratifiedGroupKFold,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

MOST_LEVELS = 100  # of a column of text; the others are 'other', as trees take 255 levels at most
MOST_ROWS = 20_000  # rows that are refitted on; a sample of whole patients where there are more
SEED = 1  # not that of the audits


@dataclass(frozen=True)
class Plain:
    """A table as the command line of an audit declares it.

    Parameters
    ----------
    frame : DataFrame
        All columns.
    y : ndarray of shape (n,)
        Outcome as 0/1.
    roles : Namespace
        What the command line names.
    suspects : frozenset of str
        Columns that the report suspects; each claim about some is made beside the others only.
    """

    frame: pd.DataFrame
    y: np.ndarray
    roles: argparse.Namespace
    suspects: frozenset = frozenset()

    @cached_property
    def groups(self):
        """The patient of each row, or the row itself."""
        name = self.roles.patient
        return np.arange(len(self.y)) if name is None else pd.factorize(self.frame[name])[0]

    @cached_property
    def features(self):
        """Columns without roles, texts as categories."""
        r = self.roles
        drop = {r.outcome, r.patient, r.site, r.time, r.score, *r.exclude, *r.known_after}
        kept = self.frame[[c for c in self.frame.columns if c not in drop]]
        return kept.apply(_plain_column)

    def sample(self):
        """Return rows of whole patients, about as many as are refitted on."""
        if len(self.y) <= MOST_ROWS:
            return np.arange(len(self.y))
        order = np.random.default_rng(SEED).permutation(self.groups.max() + 1)
        return np.flatnonzero(order[self.groups] < MOST_ROWS * len(order) / len(self.y))

    def risks(self, columns, model, split=None):
        """Return sampled rows, their outcome, and risks from folds of whole patients."""
        rows = self.sample()
        y, groups = self.y[rows], self.groups[rows]
        split = split or StratifiedGroupKFold(5, shuffle=True, random_state=SEED)
        X = self.features[list(columns)].iloc[rows]
        risk = cross_val_predict(model, X, y, cv=split, groups=groups, method="predict_proba")
        return rows, y, risk[:, 1]

    def auc(self, columns, split=None):
        """Return the AUC of boosted trees on some columns."""
        trees = HistGradientBoostingClassifier(
            max_iter=60, categorical_features="from_dtype", random_state=SEED
        )
        _, y, risk = self.risks(columns, trees, split)
        return roc_auc_score(y, risk)


def _plain_column(column):
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype(float)
    text = column.astype(str).where(column.notna())
    common = text.value_counts().index[:MOST_LEVELS]
    return text.where(text.isin(common) | text.isna(), "other").astype("category")


def logistic():
    """Return logistic regression on filled-in, scaled numbers and on levels."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    levels = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="ignore", min_frequency=10),
    )
    parts = make_column_transformer(
        (numbers, make_column_selector(dtype_include=float)),
        (levels, make_column_selector(dtype_exclude=float)),
    )
    return make_pipeline(parts, LogisticRegression(max_iter=2000))


def read_plain(command, work):
    """Read the table of an audit's command line with pandas.

    Parameters
    ----------
    command : str
        As the page prints it.
    work : Path
        Folder in which it runs.

    Returns
    -------
    Plain
    """
    parser = argparse.ArgumentParser()
    for name in ("--outcome", "--event", "--patient", "--site", "--time", "--score"):
        parser.add_argument(name)
    for name in ("--sensitive", "--known-after", "--exclude"):
        parser.add_argument(name, nargs="+", default=[])
    parser.add_argument("table")
    words = shlex.split(os.path.expandvars(command.replace("\\\n", " ")))
    roles, _ = parser.parse_known_args(words[words.index("audit") + 1 :])
    frame = pd.read_csv(Path(work) / roles.table, low_memory=False)
    frame = frame[frame[roles.outcome].notna()].reset_index(drop=True)
    outcome = frame[roles.outcome]
    if roles.event and roles.event.startswith(">"):
        y = outcome.astype(float) > float(roles.event[1:])
    else:
        y = outcome.astype(str) == (roles.event or "1")
    return Plain(frame, y.to_numpy(int), roles)


# one function per code: the report's finding and the table -> a sentence of plain numbers


def with_and_without(finding, plain):
    """Return the AUC of boosted trees with and without the columns that a finding names."""
    named = [c for c in plain.features if str(c) in set(finding["columns"])]
    rest = [c for c in plain.features if c not in named and str(c) not in plain.suspects]
    both, without = plain.auc([*rest, *named]), plain.auc(rest)
    return f"boosted trees reach an AUC of {both:.3f} with {_some(named)} and {without:.3f} without"


def rows_against_patients(finding, plain):
    """Return the AUC of boosted trees in a split by rows and in one by patients."""
    by_rows = plain.auc(plain.features, StratifiedKFold(5, shuffle=True, random_state=SEED))
    by_patients = plain.auc(plain.features)
    return f"boosted trees reach {by_rows:.3f} split by rows and {by_patients:.3f} by patients"


def equal_rows(finding, plain):
    """Return how many rows repeat another one, the columns that a finding names left out."""
    kept = [c for c in plain.features if str(c) not in set(finding["columns"])]
    n = int(plain.features[kept].astype(str).duplicated().sum())
    return f"{n:,} of {len(plain.y):,} rows equal an earlier one in {len(kept)} columns"


def event_free_levels(finding, plain):
    """Return the levels of the named columns in which nobody had the event."""
    parts = []
    for name in finding["columns"]:
        table = pd.crosstab(plain.frame[name].astype(str), plain.y)
        none = table[(table.get(1, 0) == 0) & (table.sum(axis=1) >= 11)]
        parts.append(f"{name}: {len(none)} levels without an event, {int(none.to_numpy().sum()):,}")
    rate = plain.y.mean()
    return f"{'; '.join(parts)} rows, at an event rate of {rate:.1%} overall"


def sites_left_out(finding, plain):
    """Return observed over expected events of logistic regression at each site left out."""
    columns = list(plain.features)
    site = pd.factorize(plain.frame[plain.roles.site].astype(str))
    risk = cross_val_predict(
        logistic(),
        plain.features[columns],
        plain.y,
        cv=LeaveOneGroupOut(),
        groups=site[0],
        method="predict_proba",
    )[:, 1]
    return "at sites left out observed / expected is " + _ratios(site[1][site[0]], plain.y, risk)


def later_rows(finding, plain):
    """Return observed over expected events in the last third, of a model on earlier rows."""
    time = plain.frame[plain.roles.time].rank(method="average", pct=True).to_numpy()
    early = time <= 2 / 3
    model = logistic().fit(plain.features[early], plain.y[early])
    risk = model.predict_proba(plain.features[~early])[:, 1]
    ratio = plain.y[~early].sum() / risk.sum()
    return f"of a model on the first two thirds, observed / expected later is {ratio:.2f}"


def groups_apart(finding, plain):
    """Return observed over expected events, and AUC, by level of the sensitive columns."""
    rows, y, risk = plain.risks(plain.features, logistic())
    parts = []
    for name in plain.roles.sensitive:
        level = _plain_column(plain.frame[name].iloc[rows])
        if level.dtype == float:
            level = pd.qcut(level, 4, duplicates="drop")
        level = level.astype(str).to_numpy()
        common = [k for k, n in pd.Series(level).value_counts().items() if n >= 50]
        parts.append(f"{name} {_ratios(level, y, risk, common)}")
    return "observed / expected " + "; ".join(parts)


def against_age_and_sex(finding, plain):
    """Return the AUC of logistic regression, and of age and sex alone."""
    known = [c for c in plain.features if str(c).lower() in ("age", "sex", "gender")]
    _, y, risk = plain.risks(plain.features, logistic())
    _, _, simple = plain.risks(known, logistic())
    auc = roc_auc_score(y, risk), roc_auc_score(y, simple)
    return f"logistic regression reaches {auc[0]:.3f}, {_some(known)} alone {auc[1]:.3f}"


def against_the_score(finding, plain):
    """Return the AUC of logistic regression, and of the existing score, on the same rows."""
    score = pd.to_numeric(plain.frame[plain.roles.score], errors="coerce").to_numpy()
    rows, y, risk = plain.risks(plain.features, logistic())
    use = (score[rows] >= 0) & (score[rows] <= 1)
    auc = roc_auc_score(y[use], risk[use]), roc_auc_score(y[use], score[rows][use])
    return f"logistic regression reaches {auc[0]:.3f}, the score {auc[1]:.3f} in {use.sum():,} rows"


def calibration(finding, plain):
    """Return observed over expected events and the calibration slope of logistic regression."""
    _, y, risk = plain.risks(plain.features, logistic(), GroupKFold(5))
    odds = np.log(np.clip(risk, 1e-6, 1 - 1e-6) / np.clip(1 - risk, 1e-6, 1))
    slope = LogisticRegression(C=np.inf).fit(odds.reshape(-1, 1), y).coef_[0, 0]
    return f"observed / expected {y.sum() / risk.sum():.2f}, calibration slope {slope:.2f}"


def _some(names):
    return ", ".join(map(str, names[:4])) + (f" and {len(names) - 4} more" if names[4:] else "")


def _ratios(level, y, risk, levels=None):
    levels = pd.unique(level) if levels is None else levels
    inside = {k: level == k for k in levels}
    return ", ".join(f"{k} {y[m].sum() / risk[m].sum():.2f}" for k, m in inside.items())


PLAIN = {
    "HM102": calibration,
    "HM103": event_free_levels,
    "HM204": equal_rows,
    "HM301": with_and_without,
    "HM302": with_and_without,
    "HM304": rows_against_patients,
    "HM305": equal_rows,
    "HM307": with_and_without,
    "HM308": with_and_without,
    "HM401": against_age_and_sex,
    "HM402": calibration,
    "HM404": sites_left_out,
    "HM405": later_rows,
    "HM406": against_the_score,
    "HM408": calibration,
    "HM501": groups_apart,
    "HM502": groups_apart,
}


def plain_words(finding, plain):
    """Return the plain computation beside a finding, or None where there is none."""
    compute = PLAIN.get(finding["code"])
    return None if compute is None else f"Plainly: {compute(finding, plain)}."
