"""Sites that write a column in other ways are named; wards, rare levels and practice are not."""

import numpy as np
import pandas as pd
import pytest

from healthml.cleaning._quality import words_by_site

N = 900
RNG = np.random.default_rng(0)
SITE = RNG.choice(list("abcd"), N)


def found(column, site=SITE):
    return words_by_site(pd.DataFrame({"v": column}), site).to_dict("records")


def test_two_vocabularies_of_one_column():
    sex = RNG.choice(["m", "f"], N).astype(object)
    other = SITE == "c"
    sex[other] = np.where(sex[other] == "m", "male", "female")
    (line,) = found(sex)
    assert (line["column"], line["kind"]) == ("v", "other words")
    assert (line["n_sites"], line["n_compared"], line["n_samples"]) == (1, 4, other.sum())


def test_classes_at_one_site_and_numbers_at_the_others():
    fraction = RNG.normal(50, 10, N).round().astype(int).astype(str).astype(object)
    other = SITE == "b"
    fraction[other] = np.where(RNG.random(other.sum()) < 0.5, "normal", "reduced")
    (line,) = found(fraction)
    assert (line["kind"], line["n_sites"], line["n_samples"]) == (
        "words and numbers",
        1,
        other.sum(),
    )


@pytest.mark.parametrize(
    "column",
    [
        RNG.choice(["I", "II", "III"], N),
        np.array([f"{s}{k}" for s, k in zip(SITE, RNG.integers(0, 3, N), strict=True)]),  # wards
        np.where(RNG.random(N) < 0.02, "rare", "common"),
        np.where(SITE == "a", RNG.choice(["x", "y", "z"], N), RNG.choice(["x", "y"], N)),
        RNG.normal(size=N),
        [f"name {k}" for k in range(N)],
        np.full(N, None),
    ],
    ids=["same", "wards", "rare", "one level more", "numbers", "free text", "empty"],
)
def test_what_is_no_fault_is_left_alone(column):
    assert found(column) == []


def test_small_sites_are_not_looked_at():
    sex = np.append(np.tile(["m", "f"], 150), np.resize(["male", "female"], 19))
    site = np.repeat(["a", "b"], [300, 19])
    assert found(sex, site) == []
    assert len(found(np.append(sex, "male"), np.append(site, "b"))) == 1


def values_of(seed, digits=1):
    rng = np.random.default_rng(seed)
    return rng.normal(38, 6, 400).round(digits), np.repeat(list("abcd"), 100)


def test_a_site_that_writes_classes_as_numbers_is_named():
    values, site = values_of(0)
    classes = np.select([values < 34, values < 38, values < 42], [30.0, 36.0, 40.0], 44.0)
    (line,) = found(np.where(site == "b", classes, values), site)
    assert (line["kind"], line["n_sites"], line["n_samples"]) == ("few numbers", 1, 100)


@pytest.mark.parametrize("step", [1, 5])
def test_coarser_rounding_at_a_site_and_scales_are_no_classes(step):
    values, site = values_of(1)
    assert found(np.where(site == "b", (values / step).round() * step, values), site) == []
    assert found(np.clip(values // 10, 0, 5), site) == []


def test_one_value_at_a_site_is_a_code_or_a_constant_and_no_class():
    values, site = values_of(2)
    assert found(np.where(site == "b", 0.0, values), site) == []


def test_what_is_the_same_for_all_patients_of_a_site_is_its_property():
    """Its country or its kind: two sites share one, the others have their own."""
    kind = pd.Series(SITE).map({"a": "teaching", "b": "teaching", "c": "rural", "d": "private"})
    assert found(kind.astype(object)) == []
