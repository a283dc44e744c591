"""Whether the place of a row in the file tells the outcome or what is missing."""

from dataclasses import replace

import numpy as np

from healthml._core._contingency import chi_square_by_group, row_blocks
from healthml.cleaning._columns import FOUND, NOTE, Flag

ORDER_OUTCOME, ORDER_MISSING = "row_order_outcome", "row_order_missing"

# Runs of rows that are compared: of at least BLOCK rows, MOST_BLOCKS of them, or FEW_BLOCKS where
# the rarer value stands less than PER_BLOCK times in a run, too little for a chi-square test.
BLOCK, MOST_BLOCKS, FEW_BLOCKS, PER_BLOCK = 50, 20, 4, 3
# A difference is reported from Cramer's V 0.1 ("small" after Cohen 1988) and P 0.001 after
# Bonferroni over the columns. Chosen by judgement: at P 0.05 one clean table in twenty would be
# accused.
WORTH_SAYING, P_VALUE = 0.1, 0.001


def screen_row_order(table, codes):
    """Yield the outcome and columns whose missing cells depend on the place in the file.

    With patients given, only the first row of each patient counts, since rows of one patient
    often stand together.
    """
    names, flags = [], []
    if table.y is not None:
        names.append("")
        flags.append(table.y.astype(bool))
    for column in table.columns:
        missing = column.missing | codes.get(column.name, False)
        names.append(column.name)
        flags.append(missing)
    rows = table.first_rows
    if len(rows) < FEW_BLOCKS * BLOCK:
        return
    everywhere = np.column_stack(flags)
    flags = everywhere[rows]
    rarer = np.minimum(flags.sum(axis=0), len(rows) - flags.sum(axis=0))
    fine = row_blocks(len(rows), smallest=BLOCK, most=MOST_BLOCKS)
    for blocks, wanted in (
        (fine, rarer >= PER_BLOCK * (fine.max() + 1)),
        (
            row_blocks(len(rows), smallest=BLOCK, most=FEW_BLOCKS),
            (rarer >= PER_BLOCK * FEW_BLOCKS) & (rarer < PER_BLOCK * (fine.max() + 1)),
        ),
    ):
        for flag in _test(blocks, flags, names, np.flatnonzero(wanted), int((rarer > 0).sum())):
            n_cells = int(everywhere[:, names.index(flag.column)].sum())
            yield replace(flag, n_cells=n_cells)


def _test(blocks, flags, names, wanted, n_tests):
    if not len(wanted):
        return
    shares, p_value, v = chi_square_by_group(blocks, flags[:, wanted])
    for k, position in enumerate(wanted):
        p = min(1.0, p_value[k] * n_tests)
        if p >= P_VALUE or v[k] < WORTH_SAYING:
            continue
        low, high = shares[:, k].min(), shares[:, k].max()
        name = names[position]
        what = "event rate" if name == "" else "missing share"
        detail = (
            f"{what} runs from {low:.1%} to {high:.1%} over {blocks.max() + 1} runs of rows "
            f"(Cramer's V {v[k]:.2f}), more than chance lets where every row is another patient"
        )
        yield Flag(
            name,
            ORDER_OUTCOME if name == "" else ORDER_MISSING,
            FOUND if name == "" else NOTE,
            detail,
            estimate=float(v[k]),
            evidence={"p_value": float(p), "shares": shares[:, k].tolist()},
        )
