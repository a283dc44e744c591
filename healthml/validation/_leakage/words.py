"""Names and intervals as phrases."""


def names_in_words(columns, most=6):
    """Return column names as one phrase."""
    shown = ", ".join(map(str, list(columns)[:most]))
    return shown + (f" and {len(columns) - most} more" if len(columns) > most else "")


def interval_words(row, digits=3):
    """Return "estimate (lower to upper)" of a table row."""
    return f"{row['estimate']:.{digits}f} ({row['lower']:.{digits}f} to {row['upper']:.{digits}f})"
