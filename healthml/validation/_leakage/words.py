"""Names and intervals as phrases."""


def names_in_words(columns, most=6):
    """Return column names as one phrase."""
    shown = ", ".join(map(str, list(columns)[:most]))
    return shown + (f" and {len(columns) - most} more" if len(columns) > most else "")


def interval_words(row, digits=3):
    """Return "estimate (lower to upper)" of a table row."""
    return f"{row['estimate']:.{digits}f} ({row['lower']:.{digits}f} to {row['upper']:.{digits}f})"


def count_words(n, noun, plural=None):
    """Return a count with its noun: "1 column", "1,200 columns".

    Parameters
    ----------
    n : int
        The count.
    noun : str
        The noun in the singular.
    plural : str, optional
        The plural; by default the noun with an s.

    Returns
    -------
    str
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"
