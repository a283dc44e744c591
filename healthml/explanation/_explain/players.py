"""Who plays: the columns of a table, or groups of columns that belong together."""

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from healthml._core._checks import as_tuple
from healthml._core._tables import parse_numbers
from healthml.exceptions import InputError

# Rank correlation from which columns are proposed as one group: half of the variance shared. By
# judgement, not by simulation; lower makes larger groups, higher leaves twins apart.
_CLOSE = 0.7


def name_players(columns, players, frame):
    """Return the names of the players and the player of each column.

    Parameters
    ----------
    columns : list
        Columns of the table.
    players : dict, "clusters" or None
        Name to columns; columns that are not named play alone. "clusters" takes what
        `propose_players` proposes.
    frame : DataFrame
        Rows from which clusters are found.

    Returns
    -------
    names : list of str
    player : ndarray of int of shape (n_columns,)
    """
    if isinstance(players, str) and players == "clusters":
        players = propose_players(frame)
    players = {} if players is None else players
    if not isinstance(players, dict):
        raise InputError(
            "players is no dict; pass {name: columns}, such as {'blood gas': ['ph', 'pco2']}, or "
            "'clusters'."
        )
    owner = _owner(columns, players)
    names, player = [], []
    for column in columns:
        name = owner.get(column, column)
        if name not in names:
            names.append(name)
        player.append(names.index(name))
    return [str(name) for name in names], np.array(player)


def _owner(columns, players):
    """Return the group of each column that is named in one."""
    owner = {}
    for name, members in players.items():
        for column in as_tuple(members):
            if column not in columns:
                raise InputError(f"players[{name!r}] names {column!r}, which is no column of X.")
            if column in owner:
                raise InputError(f"players names {column!r} twice; a column plays in one group.")
            owner[column] = name
    clash = [name for name in players if name in columns and owner.get(name) != name]
    if clash:
        raise InputError(f"players has a group named as the column {clash[0]!r}; rename the group.")
    return owner


def propose_players(frame):
    """Return groups of columns that go together in these rows, by rank correlation.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"sbp": [110, 120, 150, 160], "map": [80, 85, 104, 110.0]})
    >>> propose_players(frame.assign(age=[60, 40, 70, 50]))
    {'sbp, map': ['sbp', 'map']}
    """
    numbers = {}
    for name in frame.columns:
        values, is_text = parse_numbers(frame[name])
        if not is_text.any() and values.nunique() > 2:
            numbers[name] = values.to_numpy()
    if len(numbers) < 2:
        return {}
    names = list(numbers)
    near = pd.DataFrame(numbers).corr(method="spearman", min_periods=3).abs().fillna(0).to_numpy()
    apart = np.clip(1 - (near + near.T) / 2, 0, 1)
    np.fill_diagonal(apart, 0)
    # complete linkage: every two columns of a group are close, not only neighbours in a chain
    code = fcluster(linkage(squareform(apart), "complete"), 1 - _CLOSE, "distance")
    groups = [[names[k] for k in np.flatnonzero(code == c)] for c in dict.fromkeys(code)]
    return {", ".join(map(str, group)): group for group in groups if len(group) > 1}
