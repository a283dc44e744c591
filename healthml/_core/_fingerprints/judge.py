"""Judgement of candidate pairs of rows: the same record, or two patients alike."""

from functools import partial

import numpy as np

from healthml._core._fingerprints.cells import READINGS, share_out
from healthml._core._fingerprints.pairs import candidates, distinct, exact_pairs
from healthml._core._parallel import run_in_threads

# Values without a source were chosen by judgement, not by simulation.
# Chance that a cell agrees when two rows are the same record (m of Fellegi and Sunter). Lower
# proposes pairs that differ more.
SAME = 0.9
# Chance of any pair in a clean table of independent columns (Bonferroni over all pairs).
FALSE_ALARM = 1e-3
# Share of the informative cells observed in both rows that must agree.
LEAST_SHARE = 0.75
# The same, each cell counted by its information.
LEAST_BITS_SHARE = 0.6
# Agreeing cells with a value that less than 1 row in 20 has.
LEAST_RARE = 2.0
# Information of such a value.
RARE_BITS = np.log2(20)
# Largest share of claims that the empirical null may explain: visits of one patient are alike
# too.
FALSE_SHARE = 0.2
# Pairs judged at a time; it bounds memory.
CHUNK = 100_000
MEASURES = ("bits", "share", "info_share", "rare")
# Edges of the shares of agreement that are counted; `LEAST_SHARE` is one of them. By judgement, not
# by simulation; finer bins hold too few pairs to follow the tail.
BINS = np.array([0.0, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95, 1.01])


class Judge:
    """Candidate pairs with the evidence for each, and which of them are claimed."""

    def __init__(self, cells, n, exact_id, random, n_jobs=None):
        self.cells, self.n, self.n_jobs = cells, n, n_jobs
        self.bits_needed = float(np.log2(n * (n - 1) / 2 * len(READINGS) / FALSE_ALARM))
        share_out(cells, n, random, n_jobs)
        self.able = self._able_rows()
        alike = candidates(cells, np.flatnonzero(self.able), n, random, n_jobs)
        pairs = distinct(np.append(alike, exact_pairs(exact_id)))
        self.first, self.second = pairs // n, pairs % n
        self.exact = exact_id[self.first] == exact_id[self.second]
        self.evidence = self._all_evidence(np.arange(len(pairs)))
        self.withheld = np.zeros(len(pairs), dtype=bool)
        self.claimed = self._claims("exact")
        for reading in ("close", "loose"):
            self.claimed |= self._if_isolated(reading, self._claims(reading) & ~self.claimed)
        self.withheld &= ~self.claimed

    def _able_rows(self):
        """Return which rows hold enough information for an exact repeat of them to be claimed."""
        bits, rare = np.zeros(self.n), np.zeros(self.n)
        for column in self.cells:
            own = column.bits["exact"]
            known = column.codes >= 0
            bits += column.independence * known * (own + np.log2(SAME))
            rare += column.independence * (own >= RARE_BITS)
        return (bits >= self.bits_needed) & (rare >= LEAST_RARE)

    def _claims(self, reading):
        """Return which pairs are claimed under a reading; equal pairs need no further proof."""
        evidence = self.evidence[reading]
        alike = self._alike(evidence)
        expected = _tail(evidence["share"][~self.exact])
        for least, beyond in expected.items():
            standing = alike & (evidence["share"] >= least)
            if (standing & ~self.exact).sum() * FALSE_SHARE >= beyond:
                break
        else:
            standing = alike & self.exact
        self.withheld |= alike & ~standing
        return standing

    def _alike(self, evidence):
        enough = (evidence["bits"] >= self.bits_needed) & (evidence["rare"] >= LEAST_RARE)
        enough &= evidence["info_share"] >= LEAST_BITS_SHARE
        return enough & (evidence["share"] >= LEAST_SHARE)

    def _if_isolated(self, reading, claimed):
        """Return claims by closeness, or none if as many pairs lie just outside the tolerance.

        Pairs that are close by chance grow at least fourfold when the tolerance doubles (two or
        more independent directions); repeats with jitter hardly grow.
        """
        if not claimed.any():
            return claimed
        inside = self._alike(self.evidence[reading])
        outside = np.flatnonzero(~inside & (self.evidence[reading]["share"] > LEAST_SHARE / 2))
        n_ring = self._alike(self._all_evidence(outside, widen=2)[reading]).sum()
        if n_ring <= 3 * FALSE_SHARE * claimed.sum():
            return claimed
        self.withheld |= claimed
        return np.zeros_like(claimed)

    def _all_evidence(self, pairs, widen=1):
        """Return for each reading the evidence of pairs, computed in pieces."""
        pieces = np.array_split(pairs, len(pairs) // CHUNK + 1)
        options = {"n_rows": self.n, "n_jobs": self.n_jobs}
        parts = run_in_threads(partial(self._evidence, widen), pieces, **options)
        return {
            reading: {name: np.concatenate([p[reading][name] for p in parts]) for name in MEASURES}
            for reading in READINGS
        }

    def _evidence(self, widen, piece):
        first, second = self.first[piece], self.second[piece]
        sums = {reading: _Sums(len(first)) for reading in READINGS}
        for column in self.cells:
            both = (column.codes[first] >= 0) & (column.codes[second] >= 0)
            for reading, agree in column.agree(first, second, widen).items():
                sums[reading].add(column, reading, first, second, both, agree & both)
        return {reading: total.measures() for reading, total in sums.items()}


class _Sums:
    """Running sums of the evidence for pairs over columns."""

    def __init__(self, n_pairs):
        zeros = np.zeros((6, n_pairs), dtype=np.float32)
        self.bits, self.cells, self.cells_agree, self.info, self.info_agree, self.rare = zeros

    def add(self, column, reading, first, second, both, agree):
        weight = np.float32(column.independence)
        info = (column.bits[reading][first] + column.bits[reading][second]) / 2
        against = np.log2((1 - SAME) / max(1 - column.chance[reading], 1e-9))
        against = np.float32(min(0.0, against))
        informative = weight * (both & (info >= 1))
        self.bits += weight * np.where(agree, info + np.float32(np.log2(SAME)), against * both)
        self.cells += informative
        self.cells_agree += informative * agree
        self.info += weight * info * both
        self.info_agree += weight * info * agree
        self.rare += weight * (agree & (info >= RARE_BITS))

    def measures(self):
        share = self.cells_agree / np.maximum(self.cells, 1e-9)
        info_share = self.info_agree / np.maximum(self.info, 1e-9)
        values = (self.bits, share, info_share, self.rare)
        return dict(zip(MEASURES, values, strict=True))


def _tail(shares):
    """Return how many chance pairs to expect beyond each threshold of the share of agreement.

    The counts of alike pairs fall ever faster in clean tables (a log-concave tail), also with
    repeated visits. The tail is followed from its mode and continued by its own rate of fall;
    counts above that are the repeats.
    """
    counts = np.histogram(shares, BINS)[0].astype(float)
    expected, rate = counts.copy(), 1.0
    for place in range(int(counts[:6].argmax()) + 1, len(counts)):
        ahead = expected[place - 1] * rate
        ahead += 2 * np.sqrt(ahead) if ahead >= 1 else 0.0
        expected[place] = min(counts[place], ahead)
        rate = min(rate, (expected[place] + 0.5) / (expected[place - 1] + 0.5))
    beyond = expected[::-1].cumsum()[::-1]
    return {least: n for least, n in zip(BINS, beyond, strict=False) if least >= LEAST_SHARE}
