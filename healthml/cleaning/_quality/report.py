"""One look at a table: what is missing, coded, impossible, mistyped or repeated, and where."""

from healthml.cleaning._quality.eager import eager_report
from healthml.cleaning._quality.lazy import lazy_report, lazy_table


def quality_report(X, schema=None, *, y=None, groups=None, site=None, time=None):
    """Look at a table and say what is missing, coded, impossible, mistyped or repeated.

    Nothing is changed. Cells are judged by the steps of `ClinicalCleaner` in "propose", so that the
    report and the cleaner give the same counts under the same names of rules; screens add what no
    step answers: roles of columns, copies, keys, declared facts, the order of the file. "found"
    means the data show it, "suspected" that a person should look before acting, "note" that it
    may matter. Ranges are shipped facts that no clinician has reviewed yet; the column
    ``reviewed`` says so row by row. Every row stands in the terms of Kahn et al. [1]_ and, where
    OHDSI's DataQualityDashboard [2]_ has the same check, under its name.

    A lazy table (polars LazyFrame, DuckDB relation, Spark DataFrame, or another that narwhals
    reads lazily) is never loaded. Up to 50,000 rows it is judged like any other. Above, the steps
    learn from about 50,000 rows spread over the table and judge the distinct values of each
    column, which are then counted in the table; what depends on several cells of a row is judged
    on those rows alone, which the detail then says. What was not looked at is listed in
    ``not_assessed``.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)
        The table: pandas, polars, or lazy.
    schema : Schema, default=None
        Declared units, limits, missing codes and vocabulary take the place of the shipped facts;
        declared roles are used where the argument of that name is not given.
    y : array-like of shape (n_samples,) or str, default=None
        Outcome 0/1, to count events among flagged rows and to test the row order; or the name of
        its column in `X`.
    groups : array-like of shape (n_samples,) or str, default=None
        Patient of each row, or the name of that column.
    site, time : array-like of shape (n_samples,) or str, default=None
        Site and time of each row, or the name of that column: every rule about cells is counted
        by site and by period, groups of fewer than 11 patients hidden.

    Returns
    -------
    QualityReport

    Raises
    ------
    InputError
        If the table is empty, lengths differ, or a named column is not there; for a lazy table
        also if a role is an array.

    See Also
    --------
    ClinicalCleaner : Acts on what the report finds.
    healthml.imputation.missingness_report : What is missing, and whether that tells the outcome.
    find_duplicates : Rows that stand for the same encounter.

    References
    ----------
    .. [1] Kahn MG, Callahan TJ, Barnard J, et al. A harmonized data quality assessment
       terminology and framework for the secondary use of electronic health record data. eGEMs.
       2016;4(1):18.
    .. [2] Blacketer C, Defalco FJ, Ryan PB, Rijnbeek PR. Increasing trust in real-world evidence
       through evaluation of observational data quality. J Am Med Inform Assoc.
       2021;28:2251-2257.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.cleaning import quality_report
    >>> rng = np.random.default_rng(0)
    >>> sodium = rng.normal(138, 4, size=300).round()
    >>> sodium[::15] = -1
    >>> report = quality_report(pd.DataFrame({"sodium": sodium}))
    >>> report.table[["column", "rule", "n_cells", "category"]].to_string(index=False, header=False)
    'sodium missing_code_number       20 completeness'
    """
    lazy = lazy_table(X)
    roles = {"y": y, "groups": groups, "site": site, "time": time}
    if lazy is not None:
        return lazy_report(lazy, schema, roles)
    return eager_report(X, schema, roles)
