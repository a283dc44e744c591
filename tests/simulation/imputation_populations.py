"""Populations with a known truth for the coverage of intervals after imputation."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit

SIZE = 20_000


@dataclass(frozen=True)
class Population:
    """Rows to draw samples from, the model of interest, and what goes missing by what.

    Parameters
    ----------
    rows : pandas.DataFrame
        All rows; ``y`` is the outcome.
    n : int
        Rows of a sample.
    terms : list of str
        Columns of the model of interest.
    incomplete, drivers : list of str
        Columns with gaps, and the complete columns on which gaps depend.
    binary : bool
        Logistic regression instead of least squares.
    ordered : tuple of str
        Columns whose levels have an order.
    """

    rows: pd.DataFrame
    n: int
    terms: list
    incomplete: list
    drivers: list
    binary: bool = True
    ordered: tuple = ()

    def design(self, table):
        """Return the columns of the model of interest, intercept first, and their names."""
        columns, names = [np.ones(len(table))], ["intercept"]
        for term in self.terms:
            if isinstance(table[term].dtype, pd.CategoricalDtype):
                for level in self.rows[term].cat.categories[1:]:
                    columns.append((table[term] == level).to_numpy(float))
                    names.append(f"{term}={level}")
            else:
                columns.append(table[term].to_numpy(float))
                names.append(term)
        return np.column_stack(columns), names

    def sample(self, rng, rate=0.3):
        """Return a sample and the same with gaps, missing at random given the drivers."""
        picked = rng.choice(len(self.rows), self.n, replace=False)
        full = self.rows.iloc[picked].reset_index(drop=True)
        drive = full[self.drivers].astype(float)
        drive = ((drive - drive.mean()) / drive.std()).to_numpy()
        gaps = full.astype(dict.fromkeys(self._numbers(), float))
        for place, name in enumerate(self.incomplete):
            line = drive @ np.array([0.7, 0.6 if place % 2 == 0 else -0.5])
            level = brentq(lambda c, line=line: expit(c + line).mean() - rate, -12, 12)
            gaps.loc[rng.random(self.n) < expit(level + line), name] = np.nan
        return full, gaps

    def _numbers(self):
        return [
            name
            for name in self.incomplete
            if not isinstance(self.rows[name].dtype, pd.CategoricalDtype)
        ]


def simulated(name):
    """Return one of the simulated populations.

    Parameters
    ----------
    name : {"linear", "interaction", "quadratic", "skewed", "levels"}
    """
    rng = np.random.default_rng(20_261)
    age, b, c = rng.normal(size=(3, SIZE))
    if name == "quadratic":
        x1 = 0.5 * age + b
        x2 = 0.5 * (x1**2 - 1) + 0.7 * c
    elif name == "skewed":
        x1 = np.exp(0.4 * age + 0.7 * b)
        x2 = np.exp(0.5 * np.log(x1) + 0.6 * c)
    else:
        x1 = 0.5 * age + b
        x2 = 0.4 * x1 + c
    table = pd.DataFrame({"age": age, "x1": x1, "x2": x2})
    if name == "interaction":
        table["x2"] = x2 + 0.6 * age * x1
    line = -0.8 + 0.5 * age + 0.4 * table["x1"] + 0.3 * table["x2"]
    terms, incomplete, ordered = ["age", "x1", "x2"], ["x1", "x2"], ()
    if name == "levels":
        stage = np.digitize(x1 + rng.logistic(size=SIZE), [-1, 0.5, 2.5])
        kind = (rng.random(SIZE) < expit(0.8 * x2 - 1)).astype(int)
        site = rng.multinomial(1, [0.6, 0.32, 0.08], size=SIZE).argmax(axis=1)
        table = pd.DataFrame({"age": age})
        table["stage"] = pd.Categorical.from_codes(stage, ["I", "II", "III", "IV"])
        table["kind"] = pd.Categorical.from_codes(kind, ["no", "yes"])
        table["site"] = pd.Categorical.from_codes(site, ["north", "south", "west"])
        line = -1 + 0.4 * age + 0.4 * stage + 0.8 * kind + 0.5 * (site == 2)
        terms, ordered = ["age", "stage", "kind", "site"], ("stage",)
        incomplete = ["stage", "kind", "site"]
    table.insert(0, "y", (rng.random(SIZE) < expit(line)).astype(int))
    return Population(table, 500, terms, incomplete, ["y", "age"], ordered=ordered)


def rare_levels(name):
    """Return a population with rare levels: "rare" (ordered, with a rare disease) or "five".

    Parameters
    ----------
    name : {"rare", "five"}
    """
    rng = np.random.default_rng(77_001)
    age = rng.normal(size=SIZE)
    if name == "rare":
        lab = 0.4 * age + rng.normal(size=SIZE)
        disease = (rng.random(SIZE) < expit(-3.1 + 0.8 * age + 0.5 * lab)).astype(int)
        drive = 0.5 * lab + 0.9 * disease - 0.3 * age + rng.logistic(size=SIZE)
        grade = np.digitize(drive, [0.3, 1.6, 3.2])
        line = -2.6 + 0.4 * age + 0.3 * lab + 0.9 * disease + 0.4 * grade
        table = pd.DataFrame({"age": age, "lab": lab})
        table["disease"] = pd.Categorical.from_codes(disease, ["no", "yes"])
        table["grade"] = pd.Categorical.from_codes(grade, list("abcd"))
        incomplete, ordered = ["lab", "disease", "grade"], ("grade",)
    else:
        odds = [0 * age, 0.3 + 0.8 * age - 0.5 * age**2, -0.8 - 0.4 * age, -2.2 + 0.6 * age]
        odds = np.column_stack([*odds, -2.4 - 0.5 * age + 0.3 * age**2])
        kind = (odds + rng.gumbel(size=odds.shape)).argmax(axis=1)
        line = -0.6 - 0.4 * age + 0.9 * (kind == 3) - 0.5 * (kind == 1)
        smoker = (rng.random(SIZE) < expit(line)).astype(int)
        bmi = 0.3 * smoker - 0.2 * age + 0.5 * (kind == 2) + rng.normal(size=SIZE)
        effect = np.array([0, 0.3, -0.4, 0.9, 0.6])[kind]
        line = -1.3 + 0.5 * age + 0.6 * smoker + effect + 0.3 * bmi
        table = pd.DataFrame({"age": age, "bmi": bmi})
        table["kind"] = pd.Categorical.from_codes(kind, list("abcde"))
        table["smoker"] = pd.Categorical.from_codes(smoker, ["no", "yes"])
        incomplete, ordered = ["bmi", "kind", "smoker"], ()
    table.insert(0, "y", (rng.random(SIZE) < expit(line)).astype(int))
    terms = [name for name in table if name != "y"]
    return Population(table, 500, terms, incomplete, ["y", "age"], ordered=ordered)


def real(name):
    """Return nwtco or nafld, as the public harness has them, from the shared folder."""
    folder = Path(os.environ.get("HEALTHML_SHARED", "../shared")) / "reference/imputation"
    table = pd.read_csv(folder / f"frozen/base/{name}.csv")
    for column in table.select_dtypes(exclude="number"):
        table[column] = table[column].astype("category")
    drivers = ["y", "age"]
    if name == "nafld":
        terms, incomplete = ["age", "male", "weight", "height"], ["male", "weight", "height"]
        return Population(table, 600, terms, incomplete, drivers)
    incomplete = ["instit", "histol", "stage"]
    return Population(table, 500, ["age", *incomplete], incomplete, drivers, ordered=("stage",))


def population(name):
    """Return a population by its name."""
    if name in ("nwtco", "nafld"):
        return real(name)
    return rare_levels(name) if name in ("rare", "five") else simulated(name)
