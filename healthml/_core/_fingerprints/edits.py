"""How many slips of typing lie between two words."""


def n_edits(a, b, most):
    """Return the optimal string alignment distance of two words, or ``most + 1`` beyond it.

    A letter too many, too few or wrong is one edit, and so are two neighbours exchanged.

    Parameters
    ----------
    a, b : str
        Words.
    most : int
        Edits beyond which the number does not matter; counting stops there.

    Returns
    -------
    int

    Examples
    --------
    >>> from healthml._core._fingerprints import n_edits
    >>> n_edits("blakc", "black", 2), n_edits("abc", "abcd", 2), n_edits("pulse", "weight", 2)
    (1, 1, 3)
    """
    from rapidfuzz.distance import OSA  # 60 ms of import, needed only where words are compared

    return OSA.distance(a, b, score_cutoff=most)
