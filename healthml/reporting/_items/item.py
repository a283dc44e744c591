"""One item of a reporting guideline, what fills it, and the map of all items of a report."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from healthml._core._release import write_file
from healthml._core._results import Result

FILLED, PARTLY, MISSING, NOT_APPLICABLE = "filled", "partly", "MISSING", "not applicable"
STATUSES = (FILLED, PARTLY, MISSING, NOT_APPLICABLE)
DEVELOPMENT, EVALUATION = "D", "E"


@dataclass(frozen=True)
class Evidence:
    """What the report itself says about an item.

    Parameters
    ----------
    text : str
        The evidence in words, each number of it computed by the audit.
    where : tuple of str
        Keys of the sections, or names of the parts, of the report that it comes from.
    whole : bool
        Whether nothing is left for people to add.
    """

    text: str
    where: tuple = ()
    whole: bool = False


@dataclass(frozen=True)
class Item:
    """One item of a guideline.

    Parameters
    ----------
    identifier : str
        Number in the guideline, such as "12d".
    name : str
        Its content in a few own words.
    supplier : str
        Who supplies what the report does not hold.
    applies : str
        "D" (development), "E" (evaluation) or "DE".
    evidence : callable, optional
        Takes `Facts` and returns `Evidence`, or None where the report holds none. Without it the
        item is for people alone.
    """

    identifier: str
    name: str
    supplier: str
    applies: str = DEVELOPMENT + EVALUATION
    evidence: Callable | None = None


@dataclass(frozen=True, repr=False)
class ItemMapResult(Result):
    """Which items of a guideline a report fills, from what, and who must supply the rest.

    Made by `AuditReport.to_tripod` and `AuditReport.to_model_card`. Nothing in it is invented: an
    item is filled from what the audit computed or what was declared, or it is ``MISSING``.

    Parameters
    ----------
    table : DataFrame
        item, name, applies, status ("filled", "partly", "MISSING", "not applicable"), evidence,
        where (parts of the report), missing (who must supply what is not there).
    title : str
        Guideline and its source.
    caution : str
        What the map is not.
    """

    title: str = ""
    caution: str = ""

    def counts(self):
        """Return how many items have each status."""
        counts = self.table["status"].value_counts()
        return counts.reindex(list(STATUSES), fill_value=0)

    def summary(self):
        """Return title, counts and one line for each item, for a terminal."""
        lines = [self.title, self.caution, self._counts_line(), ""]
        lines += [
            f"{row.item:>4}  {row.status:<14}  {row.name}" for row in self.table.itertuples(False)
        ]
        return "\n".join(lines)

    def to_markdown(self, path=None):
        """Return the map as a Markdown document, and write it to `path` when given.

        Parameters
        ----------
        path : str or path-like, optional
            File to write.

        Returns
        -------
        str
        """
        lines = [f"# {self.title}", "", self.caution, "", self._counts_line(), ""]
        lines += [
            "| item | content | status | evidence | where | to be supplied |",
            "|" + "---|" * 6,
        ]
        for row in self.table.itertuples(index=False):
            cells = (row.item, row.name, row.status, row.evidence, row.where, row.missing)
            lines.append("| " + " | ".join(map(escape_cell, cells)) + " |")
        text = "\n".join(lines) + "\n"
        if path is not None:
            write_file(path, text)
        return text

    def plot(self, ax=None, **kwargs):
        """Draw how many items of each status the map holds."""
        import matplotlib.pyplot as plt

        ax = plt.subplots()[1] if ax is None else ax
        counts = self.counts().iloc[::-1]
        bars = ax.barh(counts.index, counts.to_numpy(), **kwargs)
        ax.bar_label(bars, padding=3)
        ax.set(xlabel="Items", title=self.title)
        return ax

    def _counts_line(self):
        words = [f"{n} {status}" for status, n in self.counts().items()]
        return f"{len(self.table)} items: {', '.join(words)}."


def escape_cell(value):
    """Return a text that stays within one cell of a Markdown table."""
    return " ".join(str(value).split()).replace("\\", "\\\\").replace("|", "\\|")


def fill_items(items, facts, *, title, caution):
    """Fill the items of a guideline from the facts of a report.

    Parameters
    ----------
    items : sequence of Item
        The items, in the order of the guideline.
    facts : Facts
        What the report holds.
    title, caution : str
        Words of the map.

    Returns
    -------
    ItemMapResult
    """
    rows = [_row(item, facts) for item in items]
    columns = ["item", "name", "applies", "status", "evidence", "where", "missing"]
    return ItemMapResult(pd.DataFrame(rows, columns=columns), title, caution)


def _row(item, facts):
    start = (item.identifier, item.name, " and ".join(_KINDS[mark] for mark in item.applies))
    if facts.kind not in item.applies:
        other = "an evaluation" if facts.kind == DEVELOPMENT else "the development"
        return (*start, NOT_APPLICABLE, "", "", f"asked of {other} only")
    evidence = None if item.evidence is None else item.evidence(facts)
    if evidence is None:
        return (*start, MISSING, "", "", item.supplier)
    where = ", ".join(evidence.where)
    if evidence.whole:
        return (*start, FILLED, evidence.text, where, "")
    return (*start, PARTLY, evidence.text, where, item.supplier)


_KINDS = {DEVELOPMENT: "development", EVALUATION: "evaluation"}
