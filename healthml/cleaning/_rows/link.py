"""Probabilistic linkage of the records of one table, computed by splink."""

import contextlib
import json
import logging
import warnings
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from healthml._core._checks import check_alignment, check_groups
from healthml._core._release import count_text, released_histogram
from healthml._core._results import Result, plain, table_text
from healthml._core._tables import to_pandas
from healthml.cleaning._rows.persons import REPEATED, check_match_probability, person_columns
from healthml.exceptions import InputError

# Bands of probability in the table of a result; they change no pair.
BANDS = (0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)


@dataclass(frozen=True, repr=False)
class LinkageResult(Result):
    """Proposed pairs of one person's records, made by `link_records`; nothing is merged.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per band of probability: ``probability_from``, ``probability_to``, ``n_pairs``,
        ``n_rows`` (rows in these pairs) and ``n_expected_wrong`` (sum of one minus probability).
    pairs : pandas.DataFrame
        ``first`` and ``second`` (row positions), ``match_weight`` (bits, the prior included),
        ``probability``.
    person : ndarray of int
        Person of each row when all proposed pairs were true; rows without a pair are alone.
    columns : tuple of str
        Columns that were compared.
    match_probability : float
        Least probability of a proposed pair.
    n_samples : int
        Rows in the table.
    """

    pairs: pd.DataFrame = None
    person: np.ndarray = None
    columns: tuple = ()
    match_probability: float = 0.9
    n_samples: int = 0

    @classmethod
    def of_pairs(cls, pairs, records, person, match_probability):
        """Count pairs by their probability and join them to persons."""
        n, rows = len(records), []
        for low, high in zip((0.0, *BANDS[:-1]), BANDS, strict=True):
            inside = pairs["probability"].gt(low) & pairs["probability"].le(high)
            own = pairs[inside]
            n_rows = len(np.unique(own[["first", "second"]].to_numpy()))
            if high > match_probability:
                wrong = float((1 - own["probability"]).sum())
                rows.append((max(low, match_probability), high, len(own), n_rows, wrong))
        names = ["probability_from", "probability_to", "n_pairs", "n_rows", "n_expected_wrong"]
        ends = (pairs["first"].to_numpy(), pairs["second"].to_numpy())
        links = coo_matrix((np.ones(len(pairs), dtype=bool), ends), shape=(n, n))
        return cls(
            table=pd.DataFrame(rows, columns=names),
            pairs=pairs,
            person=pd.factorize(connected_components(links, directed=False)[1])[0],
            columns=tuple(
                str(c) for c in (*person.names, person.birth_date, person.sex) if c is not None
            ),
            match_probability=match_probability,
            n_samples=n,
        )

    def summary(self):
        """Return the counts in plain words."""
        wrong = self.table["n_expected_wrong"].sum()
        return (
            f"{count_text(len(self.pairs))} pairs of {self.n_samples:,} rows may be of one person "
            f"(probability of at least {self.match_probability:g}, by {', '.join(self.columns)}); "
            f"about {wrong:.1f} of them are expected to be wrong. Nothing is merged.\n"
            f"{table_text(self.table)}"
        )

    def to_json(self, *, indent=None):
        """Return counts and pairs as JSON text: positions, no values."""
        shown = {"table": self.table, "pairs": self.pairs, "columns": self.columns}
        return json.dumps(plain(shown), indent=indent)

    def plot(self, ax=None, **kwargs):
        """Draw how many pairs have which match weight; returns the matplotlib axes."""
        from healthml._core._displays import BLUE, new_axes

        ax = new_axes(ax, height=3.2)
        edges, heights = released_histogram(self.pairs["match_weight"], 30)
        ax.stairs(heights, edges, **{"color": BLUE, "fill": True, **kwargs})
        ax.set(xlabel="Match weight (bits)", ylabel="Proposed pairs")
        return ax


# Chance of each level of agreement in two records of one person, from equal to other, in the order
# of splink's comparisons (the m probabilities). Chosen by judgement for clerical data, not by
# simulation; an unlabelled table cannot tell them. More weight on the last level forgives more.
NAME_LEVELS = (0.80, 0.08, 0.04, 0.03, 0.05)

# The same for dates of birth.
DATE_LEVELS = (0.93, 0.03, 0.01, 0.01, 0.01, 0.01)

# The same for sex: equal and other.
SEX_LEVELS = (0.98, 0.02)


def link_records(
    X,
    *,
    names=None,
    birth_date=None,
    sex=None,
    groups=None,
    match_probability=0.9,
    max_pairs=1_000_000,
    random_state=None,
) -> LinkageResult:
    """Weigh which records may be of one person, by Fellegi and Sunter's model through splink.

    Where `find_duplicates` asks names to agree word by word, here each column may disagree and
    takes weight away when it does: a new surname after marriage can be outweighed by a birth date,
    a rare first name and the sex. Needs ``pip install 'healthml[linkage]'``.

    Parameters
    ----------
    X : pandas or polars DataFrame
        The table.
    names : sequence of str, optional
        Columns with people's names, each compared for itself; recognised by name by default.
    birth_date, sex : str, optional
        Columns, recognised by name by default. The birth date is a date, or text like 1950-12-31.
    groups : array-like of shape (n_samples,), optional
        Patient of each row, as far as known: only pairs of two patients are proposed.
    match_probability : float, default=0.9
        Least probability of a proposed pair.
    max_pairs : int, default=1_000_000
        Random pairs from which the chance of agreeing by accident is counted.
    random_state : int, RandomState or None, default=None
        Choice of the random pairs.

    Returns
    -------
    LinkageResult
        Pairs are proposed, never merged.

    Raises
    ------
    InputError
        If splink is not installed, or names and a birth date are not in the table.

    Notes
    -----
    The match weight of a pair adds, column by column, log2(m / u): how often two records of one
    person agree that well (m), over how often two random records do (u). u is counted in this table
    and, for names, by how common the very name is. m is not in an unlabelled table; it is fixed at
    values for clerical data, 80 % of names and 93 % of birth dates equal, and part of the result.
    A pair's probability starts from 1 record in 100 being a second one of somebody, so that
    `match_probability` means the same in small and large tables: of pairs proposed at 0.9, about
    one in ten is expected to be wrong where these values hold. Check some pairs by hand.

    Only pairs with an equal birth date, or with all names equal, are compared; otherwise the work
    would grow with the square of the rows.

    See Also
    --------
    find_duplicates : Needs no other package; asks names to agree word by word.

    References
    ----------
    .. [1] Fellegi IP, Sunter AB. A theory for record linkage. J Am Stat Assoc. 1969;64:1183-1210.
    .. [2] Linacre R, et al. Splink: free software for probabilistic record linkage at scale. Int J
       Popul Data Sci. 2022;7:1794.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.cleaning import link_records
    >>> names = ["Abel", "Berg", "Cole", "Dahl", "Abel"]
    >>> born = ["1950-03-01", "1961-07-12", "1944-01-30", "1970-11-05", "1950-03-01"]
    >>> table = pd.DataFrame({"surname": names, "birth_date": born})
    >>> result = link_records(table, random_state=0)  # doctest: +SKIP
    >>> result.pairs[["first", "second"]].to_numpy().tolist()  # doctest: +SKIP
    [[0, 4]]
    """
    splink = _import_splink()
    check_alignment(X=X, groups=groups)
    frame = to_pandas(X).reset_index(drop=True)
    check_match_probability(match_probability)
    person = person_columns(frame, names, birth_date, sex)
    records = _records(frame, person)
    patient = None if groups is None else check_groups(groups, len(frame))
    pairs = _predict(splink, records, person, match_probability, max_pairs, random_state)
    if patient is not None:
        pairs = pairs[patient[pairs["first"]] != patient[pairs["second"]]].reset_index(drop=True)
    return LinkageResult.of_pairs(pairs, records, person, match_probability)


def _import_splink():
    try:
        import splink
    except ImportError as error:
        raise InputError(
            "link_records needs splink, which is not installed; pip install 'healthml[linkage]'."
        ) from error
    return splink


def _records(frame, person):
    if not person.names or person.birth_date is None:
        raise InputError(
            "link_records needs columns with names and a birth date and did not recognise them; "
            "pass names=[...] and birth_date=..."
        )
    columns = [c for c in (*person.names, person.birth_date, person.sex) if c is not None]
    absent = [name for name in columns if name not in frame.columns]
    if absent:
        raise InputError(f"the table has no column {absent}; name columns that it has.")
    records = {f"name{i}": _text(frame[name]) for i, name in enumerate(person.names)}
    dates = pd.to_datetime(frame[person.birth_date], errors="coerce", format="ISO8601")
    records["birth"] = dates.dt.strftime("%Y-%m-%d").astype(object)
    if dates.isna().all():
        raise InputError(
            f"no cell of birth_date {str(person.birth_date)!r} is a date; parse it, or write it as "
            "year-month-day."
        )
    if person.sex is not None:
        records["sex"] = _text(frame[person.sex])
    table = pd.DataFrame({"unique_id": np.arange(len(frame)), **records})
    return table.astype(object).where(table.notna(), None).astype({"unique_id": "int64"})


def _text(series):
    """Return text in plain lower case without outer spaces, missing where nothing is left."""
    text = series.astype(object).where(series.notna(), "").map(str)
    text = text.str.normalize("NFKC").str.split().str.join(" ").str.casefold()
    return text.where(text != "", None)


def _predict(splink, records, person, match_probability, max_pairs, random_state):
    names = [column for column in records if column.startswith("name")]
    blocks = [splink.block_on("birth"), splink.block_on(*names)]
    settings = splink.SettingsCreator(
        link_type="dedupe_only",
        comparisons=list(_comparisons(names, person.sex is not None)),
        blocking_rules_to_generate_predictions=blocks,
        probability_two_random_records_match=min(2 * REPEATED / max(len(records) - 1, 1), 0.5),
        retain_matching_columns=False,
    )
    with _quiet():
        table = splink.DuckDBAPI().register(records)
        linker = splink.Linker(table, settings, log_level="ERROR")
        seed = _seed(random_state)
        linker.training.estimate_u_using_random_sampling(max_pairs=max_pairs, seed=seed)
        predicted = linker.inference.predict(threshold_match_probability=match_probability)
        predicted = predicted.as_pandas_dataframe()
    ends = np.sort(predicted[["unique_id_l", "unique_id_r"]].to_numpy(dtype=np.int64), axis=1)
    pairs = pd.DataFrame(
        {
            "first": ends[:, 0],
            "second": ends[:, 1],
            "match_weight": predicted["match_weight"].to_numpy(dtype=float),
            "probability": predicted["match_probability"].to_numpy(dtype=float),
        }
    )
    return pairs.sort_values(["first", "second"], ignore_index=True)


def _comparisons(names, with_sex):
    import splink.comparison_library as library

    for name in names:
        yield library.NameComparison(name).configure(
            term_frequency_adjustments=True, m_probabilities=list(NAME_LEVELS)
        )
    yield library.DateOfBirthComparison("birth", input_is_string=True).configure(
        m_probabilities=list(DATE_LEVELS)
    )
    if with_sex:
        yield library.ExactMatch("sex").configure(m_probabilities=list(SEX_LEVELS))


def _seed(random_state):
    from healthml._core._checks import check_random_seeds

    if isinstance(random_state, Integral):
        return int(random_state)
    return check_random_seeds(random_state, 1)[0]


@contextlib.contextmanager
def _quiet():
    """Keep splink's running commentary, which names tables and values, to itself."""
    logger = logging.getLogger("splink")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
