"""One comparison with a named peer: a ratio, what is wanted of it, and whether it holds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """A comparison, or the reason why it was not made.

    Parameters
    ----------
    what : str
        What was compared with what.
    value : float or None
        The ratio; None where the peer is absent.
    wanted : str
        Such as "<= 0.1"; empty where nothing is wanted.
    detail : str
        Seconds, or why there is no ratio.
    """

    what: str
    value: float | None
    wanted: str = ""
    detail: str = ""

    @property
    def holds(self):
        """Return "yes", "NO", or nothing where nothing is wanted or known."""
        if self.value is None or not self.wanted:
            return ""
        sign, limit = self.wanted.split()
        good = self.value >= float(limit) if sign == ">=" else self.value <= float(limit)
        return "yes" if good else "NO"

    def __str__(self):
        number = "left out" if self.value is None else f"{self.value:.3g}"
        return f"| {self.what} | {number} | {self.wanted} | {self.holds} | {self.detail} |"


def made(what, value, wanted="", detail=""):
    """Return a comparison, printed as soon as it is made."""
    ratio = Ratio(what, float(value), wanted, detail)
    print(ratio, flush=True)
    return ratio


def left_out(what, reason):
    """Return a comparison that was not made, and say why."""
    ratio = Ratio(what, None, detail=reason)
    print(ratio, flush=True)
    return ratio
