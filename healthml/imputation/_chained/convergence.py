"""Have the chains mixed? Traces of the imputed cells, and how far the chains lie apart."""

import numpy as np
import pandas as pd


def trace_table(traces, names):
    """Return the trace of each chain as a tidy table.

    Parameters
    ----------
    traces : ndarray of shape (n_chains, n_iter, n_columns, 2)
        Mean and standard deviation of the imputed cells, in the units of the column.
    names : list
        Columns in the order of the visits.

    Returns
    -------
    pandas.DataFrame
        ``chain``, ``round``, ``column``, ``mean``, ``sd``.
    """
    chains, rounds = traces.shape[:2]
    index = pd.MultiIndex.from_product(
        [range(chains), range(1, rounds + 1), names], names=["chain", "round", "column"]
    )
    table = pd.DataFrame(traces.reshape(-1, 2), index=index, columns=["mean", "sd"])
    return table.reset_index().astype({"chain": "int64", "round": "int64"})


def convergence_table(traces, names, n_missing):
    """Return R-hat of the mean and the standard deviation of the imputed cells, by column.

    Parameters
    ----------
    traces, names
        As in `trace_table`.
    n_missing : list of int
        Imputed cells of each column.

    Returns
    -------
    pandas.DataFrame
        ``column``, ``statistic``, ``r_hat`` (NaN with one chain or fewer than 4 rounds),
        ``n_missing``.
    """
    rows = [
        (name, statistic, r_hat(traces[:, :, place, part]), int(n_missing[place]))
        for place, name in enumerate(names)
        for part, statistic in enumerate(("mean", "sd"))
    ]
    return pd.DataFrame(rows, columns=["column", "statistic", "r_hat", "n_missing"])


def r_hat(chains):
    """Return the potential scale reduction of the second half of some chains.

    Parameters
    ----------
    chains : ndarray of shape (n_chains, n_iter)

    Returns
    -------
    float
        1 where the chains have mixed; 1.1 and more asks for more rounds. With few rounds it is a
        hint, not a test.

    References
    ----------
    Gelman A, Rubin DB. Inference from iterative simulation using multiple sequences. Stat Sci
    1992;7:457-472.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.imputation._chained.convergence import r_hat
    >>> bool(r_hat(np.array([[0.0, 0.1, 0.0, 0.1], [9.0, 9.1, 9.0, 9.1]])) > 10)
    True
    """
    half = chains[:, chains.shape[1] // 2 :]
    m, n = half.shape
    if m < 2 or n < 2:
        return np.nan
    within = half.var(axis=1, ddof=1).mean()
    between = n * half.mean(axis=1).var(ddof=1)
    if within <= 0:
        return 1.0 if between <= 0 else np.inf
    return float(np.sqrt(((n - 1) / n * within + between / n) / within))


def draw_traces(trace, ax=None):
    """Draw the mean of the imputed cells against the round, one panel per column.

    Parameters
    ----------
    trace : pandas.DataFrame
        As `trace_table` gives it.
    ax : sequence of matplotlib axes, optional
        One for each column; new ones by default.

    Returns
    -------
    list of matplotlib axes
    """
    import matplotlib.pyplot as plt

    columns = list(dict.fromkeys(trace["column"]))
    if ax is None:
        size = {"figsize": (5, 1.8 * max(len(columns), 1)), "layout": "constrained"}
        ax = plt.subplots(max(len(columns), 1), 1, sharex=True, squeeze=False, **size)[1][:, 0]
    for panel, column in zip(ax, columns, strict=False):
        for _, part in trace[trace["column"] == column].groupby("chain"):
            panel.plot(part["round"], part["mean"], lw=1)
        panel.set_ylabel(str(column))
    ax[-1].set_xlabel("Round")
    return list(ax)
