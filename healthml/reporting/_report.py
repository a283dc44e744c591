"""The report of an audit: what must be settled, what was measured, what was not assessed."""

import html
import json
from dataclasses import dataclass, field, replace

import pandas as pd

from healthml._core._findings import (
    MODERATE,
    NOT_ASSESSABLE,
    NOTE,
    SERIOUS,
    SEVERITIES,
    Cutoff,
    Effect,
    Finding,
)
from healthml._core._release import release_crosstab, release_table, release_words, write_file
from healthml._core._results import Result, plain

# not shown to be better than something simple: to be settled whatever the size
_ALWAYS_SETTLE = ("HM401", "HM403", "HM406")


@dataclass(frozen=True)
class NotAssessed:
    """Something a reader would ask that this audit cannot answer, and what would answer it.

    Parameters
    ----------
    topic : str
        The question.
    reason : str
        Why it was not assessed.
    needed : str
        What evidence would answer it.
    code : str
        Code of the check, where there is one.
    """

    topic: str
    reason: str
    needed: str
    code: str = ""


@dataclass(frozen=True)
class Figure:
    """A picture of a section: how to draw it on an axes, and its description in words.

    Parameters
    ----------
    draw : callable
        Takes a matplotlib axes.
    alt : str
        What the picture shows, for those who cannot see it.
    """

    draw: callable
    alt: str


@dataclass(frozen=True)
class Section:
    """One question of the report with its answer.

    Parameters
    ----------
    key : str
        Short name, unique in the report.
    part : str
        Chapter: "cohort", "data", "performance", "leakage", "transport" or "groups".
    title : str
        The question in plain words.
    lead : str
        The answer in one or two sentences.
    tables : tuple of (str, DataFrame)
        Captions and tables.
    figures : tuple of Figure
        Pictures.
    crosstabs : tuple of (str, DataFrame, DataFrame)
        Captions, counts of rows by two groupings, and the patients behind them; they leave the
        session as tables in words, protected along rows and columns.
    """

    key: str
    part: str
    title: str
    lead: str
    tables: tuple = ()
    figures: tuple = ()
    crosstabs: tuple = ()

    def released(self, linked, *, as_text):
        """Return the section as it leaves the session, its tables protected with linked ones."""
        tables = [
            (caption, _in_words(release_table(table, linked=linked, as_text=as_text)))
            for caption, table in self.tables
        ]
        tables += [
            (caption, release_crosstab(counts, people).reset_index())
            for caption, counts, people in self.crosstabs
        ]
        return replace(self, tables=tuple(tables), crosstabs=())


@dataclass(frozen=True, repr=False)
class AuditReport(Result):
    """What an audit found; made by `healthml.audit` and `healthml.audit_predictions`.

    Parameters
    ----------
    table : DataFrame
        The findings, most severe first: code, severity, title, measure, estimate, lower, upper,
        n_samples, n_events, columns, evidence, remedy, remedy_code.
    statement : str
        First line: what was judged, and for whom.
    headline : str
        Performance, never without the leak beside it.
    findings : tuple of Finding
        The findings themselves.
    not_assessed : tuple of NotAssessed
        What was not assessed and why.
    sections : tuple of Section
        The evidence, chapter by chapter.
    about : dict
        Rows, events, patients, thresholds, resampling, version, seed.
    columns : str
        Second line: the columns used and left out, and why.
    checks : DataFrame
        Every check: question, codes, found ("nothing" where it looked and found nothing).
    declared : dict
        What was declared of the task, and what the judged procedure is made of, in words.
    judged : JudgedRows or None
        The rows behind a live report, for `compare`; never written, and not pickled.
    """

    statement: str = ""
    headline: str = ""
    findings: tuple = ()
    not_assessed: tuple = ()
    sections: tuple = ()
    about: dict = field(default_factory=dict)
    columns: str = ""
    checks: pd.DataFrame = field(default_factory=pd.DataFrame)
    declared: dict = field(default_factory=dict)
    judged: object = field(default=None, compare=False)

    def __getstate__(self):
        """Return what is stored: all but the rows."""
        return {**self.__dict__, "judged": None}

    @property
    def must_settle(self):
        """Findings to be settled before anyone relies on this model."""
        return tuple(
            f
            for f in self.findings
            if f.severity in (SERIOUS, MODERATE)
            or (f.code in _ALWAYS_SETTLE and f.severity != NOT_ASSESSABLE)
        )

    @property
    def notes(self):
        """Findings below the cut-off of harm, and those whose interval is too wide."""
        settle = set(map(id, self.must_settle))
        return tuple(f for f in self.findings if id(f) not in settle)

    @property
    def exit_code(self):
        """0 without a serious finding, else 1."""
        return int(any(f.severity == SERIOUS for f in self.findings))

    @property
    def next_evidence(self):
        """What evidence is needed next, in order and without repeats."""
        asked = [f.remedy for f in self.must_settle] + [n.needed for n in self.not_assessed]
        return tuple(dict.fromkeys(asked))

    def released(self, *, as_text=False):
        """Return the report as it leaves the session, its tables protected together.

        Counts of 1 to 10 are hidden, and what would tell them is rounded. This is what `to_html`,
        `to_json`, `summary` and the notebook show.

        Parameters
        ----------
        as_text : bool, default=False
            Write counts in words ("<11", "~290") instead of numbers with gaps.

        Returns
        -------
        AuditReport
        """
        linked = [table for section in self.sections for _, table in section.tables]
        sections = tuple(s.released(linked, as_text=as_text) for s in self.sections)
        findings = tuple(_released_finding(finding, linked) for finding in self.findings)
        return replace(self, sections=sections, findings=findings, table=findings_table(findings))

    def section(self, key):
        """Return one section by its key."""
        return next(s for s in self.sections if s.key == key)

    def codes(self, *severities):
        """Return the codes found, optionally only those of the given severities."""
        return [f.code for f in self.findings if not severities or f.severity in severities]

    def summary(self):
        """Return the short summary for a terminal."""
        return self.released()._words()

    def _words(self):
        lines = [text for text in (self.statement, self.columns, self.headline) if text] + [""]
        settle = self.must_settle
        lines.append(
            f"To be settled before anyone relies on this model: {len(settle)}"
            if settle
            else "Nothing above a note was measured."
        )
        for finding in settle:
            lines.append(f"  [{finding.severity}] {finding.code} {finding.title}")
            if finding.effect is not None:
                lines.append(f"      {finding.effect.in_words()}")
        counts = {s: sum(f.severity == s for f in self.notes) for s in (NOTE, NOT_ASSESSABLE)}
        lines.append(
            f"Notes: {counts[NOTE]}; not assessable: {counts[NOT_ASSESSABLE]}; "
            f"questions not assessed: {len(self.not_assessed)} (see the report). What was not "
            "found is not a proof that all is well."
        )
        return "\n".join(lines)

    def to_json(self, path=None, *, indent=1):
        """Return the report as JSON text, and write it to `path` when given."""
        body = self.released()._body()
        text = json.dumps(body, indent=indent, ensure_ascii=False)
        if path is not None:
            write_file(path, text)
        return text

    def _body(self):
        from healthml.reporting._format import FORMAT, VERSION

        return {
            "format": {"name": FORMAT, "version": VERSION},
            "statement": self.statement,
            "columns": self.columns,
            "headline": self.headline,
            "exit_code": self.exit_code,
            "about": plain(self.about),
            "declared": plain(self.declared),
            "must_settle": [plain(f) for f in self.must_settle],
            "findings": [plain(f) for f in self.findings],
            "not_assessed": [plain(n) for n in self.not_assessed],
            "next_evidence": list(self.next_evidence),
            "checks": plain(self.checks),
            "sections": [_section_json(s) for s in self.sections],
        }

    @classmethod
    def from_json(cls, source):
        """Return a report from what `to_json` wrote: all its words and tables, no pictures.

        Parameters
        ----------
        source : str or path-like
            The file, or the JSON text. Files of earlier versions of the format are read too.

        Returns
        -------
        AuditReport
            Small counts stay hidden: they are not in the file.

        Raises
        ------
        InputError
            If it is no report, or one of a later version than this healthml knows.

        See Also
        --------
        to_json : Writes it.

        Examples
        --------
        >>> import numpy as np
        >>> from healthml.reporting import AuditReport, audit_predictions
        >>> rng = np.random.default_rng(0)
        >>> risk = rng.uniform(0.05, 0.6, 500)
        >>> outcome = (rng.uniform(size=500) < risk).astype(int)
        >>> report = audit_predictions(outcome, risk, random_state=0)
        >>> AuditReport.from_json(report.to_json()).headline == report.headline
        True
        """
        from healthml.reporting._format import read_body

        body = read_body(source)
        findings = tuple(_read_finding(item) for item in body["findings"])
        return cls(
            findings_table(findings),
            statement=body["statement"],
            headline=body["headline"],
            findings=findings,
            not_assessed=tuple(NotAssessed(**item) for item in body["not_assessed"]),
            sections=tuple(_read_section(item) for item in body["sections"]),
            about=_read_about(body["about"]),
            columns=body["columns"],
            checks=pd.DataFrame(body["checks"], columns=["question", "codes", "found"]),
            declared=body["declared"],
        )

    def to_html(self, path=None):
        """Return the report as one self-contained page, and write it to `path` when given."""
        from healthml.reporting._page import render

        page = render(self.released(as_text=True))
        if path is not None:
            write_file(path, page)
        return page

    def to_markdown(self, path=None):
        """Return the report as a Markdown document, and write it to `path` when given.

        It has the order and the words of the page, with small counts hidden as there; pictures
        stand in it by their descriptions.

        Parameters
        ----------
        path : str or path-like, optional
            File to write.

        Returns
        -------
        str

        See Also
        --------
        to_html : With pictures.
        to_json : For machines.
        """
        from healthml.reporting._page import render_markdown

        text = render_markdown(self.released(as_text=True))
        if path is not None:
            write_file(path, text)
        return text

    def to_tripod(self):
        """Return which of the 52 sub-items of TRIPOD+AI this report fills, and from what.

        Each item is filled from what the audit computed or what was declared, with the part of the
        report that it comes from, or it is ``MISSING`` with who must supply it. Items that are
        asked of a development only are "not applicable" to risks judged as they are, and the
        reverse. Counts of 1 to 10 are hidden, as in the page.

        Returns
        -------
        ItemMapResult
            With `to_frame`, `to_markdown` and `plot`.

        See Also
        --------
        to_model_card : The same evidence as a model card.

        References
        ----------
        .. [1] Collins GS, Moons KGM, Dhiman P, et al. TRIPOD+AI statement: updated guidance for
           reporting clinical prediction models that use regression or machine learning methods.
           BMJ. 2024;385:e078378.

        Examples
        --------
        >>> import numpy as np
        >>> from healthml import audit_predictions
        >>> rng = np.random.default_rng(0)
        >>> risk = rng.uniform(0.05, 0.6, 500)
        >>> outcome = (rng.uniform(size=500) < risk).astype(int)
        >>> items = audit_predictions(outcome, risk, random_state=0).to_tripod()
        >>> len(items.table)
        52
        """
        from healthml.reporting._items import to_tripod

        return to_tripod(self.released(as_text=True))

    def to_model_card(self):
        """Return a model card filled from this report, with the source attributes of ONC HTI-1.

        The nine sections of a model card [1]_, each filled from what the audit computed or what
        was declared, or ``MISSING`` with who must supply it. Its `source_attributes` are the 31 of
        45 CFR 170.315(b)(11)(iv)(B), with the day on which the state of that rule was looked up.

        Returns
        -------
        ModelCardResult
            With `to_frame`, `to_markdown`, `plot` and `source_attributes`.

        See Also
        --------
        to_tripod : The same evidence as the items of TRIPOD+AI.

        References
        ----------
        .. [1] Mitchell M, Wu S, Zaldivar A, et al. Model cards for model reporting. FAT* 2019:
           220-229.
        """
        from healthml.reporting._items import to_model_card

        return to_model_card(self.released(as_text=True))

    def plot(self, ax=None, **kwargs):
        """Draw the measured AUC of the model and of everything simple beside it."""
        import matplotlib.pyplot as plt

        ax = plt.subplots()[1] if ax is None else ax
        self.section("performance").figures[0].draw(ax, **kwargs)
        return ax

    def __repr__(self):
        """Return the short summary."""
        return f"AuditReport\n{self.summary()}"

    def _repr_html_(self):
        shown = self.table[["code", "severity", "title", "estimate", "lower", "upper"]]
        words = "".join(f"<p>{html.escape(text)}</p>" for text in (self.statement, self.headline))
        return words + shown.round(3).to_html(index=False, border=0)


def _in_words(table):
    """Return a table whose sentences count no few cells either."""
    names = [name for name in ("detail", "reason") if name in table.columns]
    return table.assign(
        **{name: [w and release_words(w) for w in table[name].fillna("")] for name in names}
    )


def _released_finding(finding, linked):
    """Return a finding whose words and effect say no more of a group than the released tables."""
    words = {name: release_words(getattr(finding, name)) for name in ("title", "evidence")}
    finding, effect = replace(finding, **words), finding.effect
    if effect is None:
        return finding
    for table in linked:
        names = ["n_samples", "n_events", "estimate", "lower", "upper"]
        if not set(names) <= set(table.columns):
            continue
        same = (table["n_samples"] == effect.n_samples) & (table["n_events"] == effect.n_events)
        same &= (table["estimate"] - effect.estimate).abs() < 1e-12
        if not same.any():
            continue
        out = release_table(table, linked=linked, keep_rows=True)
        if out is not table:
            row = out.loc[same.to_numpy()].iloc[0]
            ends = {name: float(row[name]) for name in names[2:]}
            counts = {k: None if pd.isna(row[k]) else int(row[k]) for k in names[:2]}
            return replace(finding, effect=replace(effect, **ends, **counts))
    return finding


def findings_table(findings):
    """Return the findings as a tidy table."""
    rows = []
    for f in findings:
        e = f.effect
        measured = (e.measure, e.estimate, e.lower, e.upper, e.n_samples, e.n_events) if e else ()
        rows.append(
            (
                f.code,
                f.severity,
                f.title,
                *(measured or (None, *([float("nan")] * 5))),
                ", ".join(map(str, f.columns)),
                f.evidence,
                f.remedy,
                f.remedy_code,
            )
        )
    columns = ["code", "severity", "title", "measure", "estimate", "lower", "upper"]
    columns += ["n_samples", "n_events", "columns", "evidence", "remedy", "remedy_code"]
    return pd.DataFrame(rows, columns=columns)


def sort_findings(findings):
    """Order findings by severity, then by code."""
    return tuple(sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), f.code)))


def _read_about(about):
    rules = about.get("severity_rules", {})
    return {**about, "severity_rules": {name: Cutoff(**rule) for name, rule in rules.items()}}


def _read_finding(item):
    effect = item["effect"]
    if effect is not None:
        ends = {name: _nan_for_none(effect[name]) for name in ("estimate", "lower", "upper")}
        effect = Effect(**{**effect, **ends})
    return Finding(**{**item, "effect": effect, "columns": tuple(item["columns"])})


def _nan_for_none(value):
    return float("nan") if value is None else value


def _read_section(item):
    tables = tuple((table["caption"], pd.DataFrame(table["rows"])) for table in item["tables"])
    return Section(item["key"], item["part"], item["title"], item["lead"], tables)


def _section_json(section):
    return {
        "key": section.key,
        "part": section.part,
        "title": section.title,
        "lead": section.lead,
        "tables": [{"caption": caption, "rows": plain(table)} for caption, table in section.tables],
    }
