"""Texts that look like dates are named even where they cannot be read for sure."""

import numpy as np
import pandas as pd
import pytest

import healthml
from healthml.cleaning._dates import unread_dates

DAYS = pd.Series(pd.to_datetime("2012-01-01") + pd.to_timedelta(np.arange(0, 1500, 5), unit="D"))


@pytest.mark.parametrize("form", ["%d/%m/%y", "%b %d, %y", "%Y%m%d", "%d%b%Y", "%y-%m-%d 10:30"])
def test_dates_in_many_forms(form):
    assert unread_dates(pd.DataFrame({"op": DAYS.dt.strftime(form)}), ()) == ["op"]


def test_what_is_read_and_what_is_no_date():
    text = [f"{k}/4 bed, seen 03/04/14" for k in range(300)]
    grades = np.resize(["1-2", "2-3", "120/80"], 300)
    X = pd.DataFrame({"op": DAYS.dt.strftime("%d/%m/%y"), "note": text, "grade": grades})
    assert unread_dates(X.assign(code=np.arange(20140101, 20140401)), ("op",)) == []


def test_the_audit_says_that_they_cannot_be_read():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"age": rng.integers(30, 90, 300), "op": DAYS.dt.strftime("%d/%m/%y")})
    report = healthml.audit(None, X, rng.integers(0, 2, 300), only=["HM207"], random_state=0)
    (finding,) = [f for f in report.findings if f.code == "HM207"]
    assert finding.columns == ("op",)
    assert "op cannot be read for sure" in finding.evidence
