"""The line of code that acts on a finding, in the names of the call that made the report."""

import ast
from dataclasses import dataclass, field, replace

_ROLES = ("groups", "site", "time", "sensitive_features", "score", "known_after")


@dataclass(frozen=True)
class Call:
    """How an audit was called: what the reader's own lines can refer to.

    Parameters
    ----------
    schema : bool
        Whether a table and a Schema were handed in, called `table` and `schema`; else `X` and `y`.
    judged : {"procedure", "model", "score"}
        What was judged: `model`, or the risks `y_proba` of `y_true`.
    own_model : bool
        Whether it was the audit's own model.
    named : dict of str to str
        Role -> the column that was named, or declared, for it.
    arrays : tuple of str
        Roles that were handed in as arrays of that name.
    options : dict of str to object
        Other arguments that were given.
    sensitive, dropped : tuple of str
        Sensitive columns; columns that the audit's own model is not given.
    declared : tuple of str
        Columns that the Schema names.
    thresholds : tuple of float
        Lowest and highest decision threshold.
    """

    schema: bool = False
    judged: str = "procedure"
    own_model: bool = False
    named: dict = field(default_factory=dict)
    arrays: tuple = ()
    options: dict = field(default_factory=dict)
    sensitive: tuple = ()
    dropped: tuple = ()
    declared: tuple = ()
    thresholds: tuple = ()

    @property
    def table(self):
        """The name of the table."""
        return "table" if self.schema else "X"

    @property
    def features(self):
        """An expression for the columns without outcome, patient and score."""
        if self.schema:
            return "parts.X"
        out = [self.named[role] for role in ("y", "groups", "score") if role in self.named]
        return f"X.drop(columns={out!r})" if out else "X"

    def role(self, role):
        """Return an expression for a role (y, groups, site, time), or "" where it was not given."""
        if self.schema:
            return f"parts.{role}" if role in self.named else ""
        if role in self.named:
            return f"X[{self.named[role]!r}]"
        if role == "y":
            return "y_true" if self.judged == "score" else "y"
        return role if role in self.arrays else ""

    def outcome(self):
        """Return the arguments outcome and event, as other functions take them."""
        event = None if self.schema else self.options.get("event")
        return self.role("y") + ("" if event is None else f", event={event!r}")

    def keyword(self, *roles):
        """Return `, groups=groups` and the like, for the roles that were given."""
        return "".join(f", {r}={self.role(r)}" for r in roles if self.role(r))

    def audit(self):
        """Return the call that repeats the audit."""
        if self.judged == "score":
            parts = ["y_true", "y_proba"]
        else:
            first = "None" if self.own_model else "model"
            parts = [first, "table, schema=schema"] if self.schema else [first, "X"]
        if not self.schema:
            if self.judged != "score":
                parts.append(repr(self.named["y"]) if "y" in self.named else "y")
            given = [(r, repr(self.named[r])) for r in _ROLES if r in self.named]
            given += [(r, r) for r in _ROLES if r in self.arrays]
            parts += [f"{role}={value}" for role, value in given]
        parts += [f"{name}={_written(name, value)}" for name, value in self.options.items()]
        function = "audit_predictions" if self.judged == "score" else "audit"
        return f"report = healthml.{function}({', '.join(parts)})"

    def setup(self):
        """Return the lines that come before all others: imports, and the model as a name."""
        lines = ["from dataclasses import replace", "import healthml, pandas as pd"]
        lines.append("from sklearn.pipeline import make_pipeline")
        if not self.own_model:
            return lines
        if not self.dropped:
            return [*lines, "model = healthml.validation.default_model()"]
        without = (
            f'make_column_transformer(("drop", {list(self.dropped)!r}), remainder="passthrough", '
            'verbose_feature_names_out=False).set_output(transform="pandas")'
        )
        return [
            *lines,
            "from sklearn.compose import make_column_transformer",
            f"model = make_pipeline({without}, healthml.validation.default_model())",
        ]


def _written(name, value):
    """Return a plain value as it is written, and the name of the argument for any other."""
    if isinstance(value, str | int | float):
        return repr(value)
    try:
        return repr(ast.literal_eval(repr(value)))
    except (SyntaxError, ValueError):
        return name


def describe_call(arguments, schema, judged):
    """Return the call of an audit.

    Parameters
    ----------
    arguments : dict
        Its arguments by name.
    schema : Schema or None
        Where it stands in for the roles.
    judged : {"procedure", "model", "score"}
        What is judged.

    Returns
    -------
    Call
    """
    given = {k: v for k, v in arguments.items() if v is not None and v is not False}
    options = {k: given[k] for k in _OPTIONS if k in given}
    if schema is None and "schema" in given:
        options = {"schema": given["schema"], **options}
    if judged == "model":
        options = {"refit": False, **options}
    if schema is not None:
        columns = {"y": schema.outcome, "groups": schema.patient}
        columns |= {role: getattr(schema, role) for role in ("site", "time", "score")}
        named = {role: column for role, column in columns.items() if column is not None}
        roles = {"named": named, "sensitive": tuple(schema.sensitive)}
        declared = tuple(str(column) for column, _ in schema._named_columns())
        return Call(True, judged, **roles, options=options, declared=declared)
    names = {r: given[r] for r in ("y", *_ROLES) if isinstance(given.get(r), str | list)}
    names = {r: v for r, v in names.items() if isinstance(v, str) or _all_text(v)}
    arrays = tuple(r for r in _ROLES if r in given and r not in names)
    sensitive = names.get("sensitive_features", ())
    sensitive = (sensitive,) if isinstance(sensitive, str) else tuple(sensitive)
    return Call(False, judged, named=names, arrays=arrays, options=options, sensitive=sensitive)


_OPTIONS = (
    "event",
    "threshold_range",
    "severity_rules",
    "n_repeats",
    "only",
    "skip",
    "deep",
    "time_budget",
    "show_values",
)


# Values up to which a role may be a list of column names; a longer list is one value a row. Chosen
# by judgement; lower, and many columns named at once are taken for rows.
_MOST_NAMES = 50


def _all_text(values):
    return len(values) < _MOST_NAMES and all(isinstance(value, str) for value in values)


def with_line(finding, call):
    """Return a finding with the line of code that acts on it."""
    write = _LINES[finding.code]
    if "DateParser" in finding.remedy:
        write = _step("healthml.cleaning.DateParser(schema)")
    text = write(call, [str(column) for column in finding.columns])
    if call.schema and "parts." in text:
        text = f"parts = schema.split(table)\n{text}"
    return replace(finding, remedy_code=text)


def _step(expression):
    """Put a cleaning step before the model; a model that is not refitted gets a cleaned table."""

    def line(call, columns):
        step = expression if call.schema else expression.replace("(schema, ", "(")
        step = step if call.schema else step.replace("(schema)", "()")
        if call.judged == "procedure":
            return f"model = make_pipeline({step}, model)"
        return _set(call, columns, f"{step}.fit_transform({call.table}[{columns!r}])")

    return line


def _set(call, columns, expression):
    return f"{call.table}[{columns!r}] = {expression}"


def _drop_columns(call, columns):
    """Take columns that say nothing out of the table; those that the Schema names stay in it."""
    if not call.schema or not columns or set(columns) & set(call.declared):
        return _leave_out(call, columns)
    return f"table = table.drop(columns={columns!r})"


def _leave_out(call, columns):
    """Take columns out of the model that are known too late."""
    if not columns:
        return _watch(call, columns)
    if not call.schema:
        return f"X = X.drop(columns={columns!r})"
    sensitive = [c for c in call.sensitive if c not in columns]
    kept = f"sensitive={sensitive!r}, " if len(sensitive) < len(call.sensitive) else ""
    names = ", ".join(map(repr, columns))
    return f"schema = replace(schema, {kept}known_after=[*schema.known_after, {names}])"


def _keep_late_out(call, columns):
    if call.schema:
        return f"schema = replace(schema, known_after={columns!r})"
    return f"known_after = {columns!r}  # in every later call, as in this one"


def _drop_rows(words, kind=None):
    """Leave rows out, and everything aligned with them."""

    def line(call, columns):
        reason = f"{call.features}.duplicated({columns!r})"
        if kind is not None:
            reason = f"healthml.cleaning.find_duplicates({call.features}).repeats({kind!r})"
        reasons = f"reasons={{{words!r}: {reason}}}"
        if call.schema:
            reasons = reasons.replace("parts.X.dup", "table.iloc[parts.kept].dup")
            table = "table.iloc[parts.kept]"
            return f"table = healthml.cleaning.drop_rows({table}, {reasons}).X"
        roles = [r for r in ("y", "groups") if r not in call.named and call.role(r)]
        names = {r: call.role(r) for r in roles}
        more = [r for r in call.arrays if r != "groups"]
        more += ["y_proba"] if call.judged == "score" else []
        keywords = "".join(
            f", {r}={v}" for r, v in {**names, **dict(zip(more, more, strict=True))}.items()
        )
        lines = [f"kept = healthml.cleaning.drop_rows(X{keywords}, {reasons})", "X = kept.X"]
        lines += [f"{name} = kept.{r}" for r, name in names.items()]
        lines += [f"{r} = kept.aligned[{r!r}]" for r in more]
        return "\n".join(lines)

    return line


def _recalibrate(call, columns):
    """Recalibrate by risks of patients left out; risks that are given are recalibrated outside."""
    if call.judged == "procedure":
        return "model = healthml.validation.ShrunkenClassifier(model)"
    risk = "y_proba" if call.judged == "score" else _given_risk(call)
    return (
        f"print(healthml.validation.external_validate({call.role('y')}, {risk}"
        f"{call.keyword('groups')}, random_state=0).summary())"
    )


def _given_risk(call):
    return f"model.predict_proba({call.features}[list(model.feature_names_in_)])[:, 1]"


def _look(expression, *, refits=False):
    """Print an answer; `refits` says that it needs a procedure that can be refitted."""

    def line(call, columns):
        absent = any(f"{{{r}}}" in expression and not call.role(r) for r in ("site", "time"))
        if absent or (refits and call.judged != "procedure"):
            return _show(call)
        words = {
            "X": call.features,
            "y": call.outcome(),
            "outcome": call.role("y"),
            "columns": repr(columns),
            "first": repr(columns[0] if columns else ""),
            "groups": call.keyword("groups"),
            "site": call.role("site"),
            "time": call.role("time"),
            "roles": call.keyword("groups", "site", "time"),
            "table": call.table,
        }
        return expression.format(**words)

    return line


def _show(call):
    return "print(report.to_frame())"


def _watch(call, columns):
    return _look("print(healthml.cleaning.quality_report({X}).summary())")(call, columns)


def _score(call, columns):
    """Compare with a column that may be a risk instead of learning from it."""
    if not columns:
        return _watch(call, columns)
    name = columns[0]
    if call.schema:
        return f"schema = replace(schema, score={name!r})"
    return f"score, X = X[{name!r}], X.drop(columns=[{name!r}])"


def _one_side(call, columns):
    """Keep one of columns that are copies: the first that is named."""
    return _drop_columns(call, columns[1:] or columns)


def _levels(call, columns):
    return _set(call, columns, f'{call.table}[{columns!r}].astype("string")')


def _unfilled(call, columns):
    return (
        f"for column in {columns!r}: {call.table}[column] = "
        f"{call.table}[column].mask({call.table}[column] == {call.table}[column].mode()[0])"
    )


def _by_group(call, columns):
    if call.judged == "procedure" and columns:
        return (
            "model = healthml.fairness.GroupRecalibratedClassifier(model, "
            f"sensitive_feature={columns[0]!r})"
        )
    return _show(call)


def _group_gaps(call, columns):
    if not columns:
        return _show(call)
    return f"print(healthml.fairness.missingness_by_group({call.features}, {columns!r}).summary())"


def _by_patient(call, columns):
    """Declare the patient that the columns seem to name; split by the one that was declared."""
    if not columns or call.role("groups"):
        return "cv = healthml.validation.RepeatedStratifiedGroupKFold(5, random_state=0)"
    if len(columns) > 1:
        return f"groups = {call.features}.groupby({columns!r}, dropna=False).ngroup()"
    if call.schema:
        return f"schema = replace(schema, patient={columns[0]!r})"
    return f"groups = X[{columns[0]!r}]"


def _thresholds(call, columns):
    low, high = call.thresholds
    if call.schema:
        return f"schema = replace(schema, threshold_range=({low:.3g}, {high:.3g}))"
    return f"threshold_range = ({low:.3g}, {high:.3g})  # the risks at which one would act"


_GAPS = (
    "print(healthml.imputation.missingness_report({X}, {outcome}{roles}, random_state=0).summary())"
)
_CROSS = "print(pd.crosstab({X}[{first}], {outcome}))"
_BY_SITE = "print(pd.crosstab({site}, {outcome}))"
_TABLE = "print(healthml.reporting.table_one({X}[{columns}], {outcome}{groups}))"
_MORE = (
    "print(healthml.validation.learning_curve(model, {X}, {y}{groups}, n_repeats=1, "
    "random_state=0).summary())"
)
_OTHER_SITES = (
    "print(healthml.validation.internal_external(model, {X}, {y}, site={site}{groups}).summary())"
)
_LATER = (
    'cv = healthml.validation.PatientTimeSplit({time}, n_splits=2, patients="all")\n'
    "print(healthml.validation.temporal_performance(model, {X}, {y}, cv=cv{groups}).summary())"
)
_SUSPECTS = (
    "suspected = healthml.cleaning.LabelAudit(model, random_state=0).fit({X}, {outcome}{groups})"
    ".suspected_"
)
# By code; each takes the call and the finding's columns.
_LINES = {
    "HM101": _look(
        "print(pd.Series({outcome}).isna().sum(), 'of', len({table}), 'rows have no outcome')"
    ),
    "HM102": _recalibrate,
    "HM103": _look(_CROSS),
    "HM105": _look(_BY_SITE),
    "HM106": _drop_rows("another row of the same stay"),
    "HM107": _step("healthml.cleaning.CategoryNormalizer(schema)"),
    "HM201": _step("healthml.cleaning.MissingCodes(schema)"),
    "HM202": _step("healthml.cleaning.MissingCodes(schema)"),
    "HM203": _step("healthml.cleaning.PlausibleRange(schema)"),
    "HM204": _drop_rows("rows that appear more than once", "exact"),
    "HM206": _drop_columns,
    "HM207": _step("healthml.cleaning.LabValueParser(schema)"),
    "HM208": _levels,
    "HM209": _look(_GAPS),
    "HM210": _look(_GAPS),
    "HM211": _look(_GAPS),
    "HM212": _one_side,
    "HM213": _watch,
    "HM214": _unfilled,
    "HM215": _step('healthml.cleaning.UnitHarmonizer(schema, mode="apply")'),
    "HM216": _step('healthml.cleaning.DecimalSlips(schema, mode="apply")'),
    "HM217": _step('healthml.cleaning.CrossFieldCheck(schema, mode="apply")'),
    "HM218": _step("healthml.cleaning.CategoryNormalizer(schema)"),
    "HM219": _look(_SUSPECTS, refits=True),
    "HM301": _leave_out,
    "HM302": _leave_out,
    "HM303": _keep_late_out,
    "HM304": _by_patient,
    "HM305": _drop_rows("rows that are nearly the same", "near"),
    "HM306": _drop_columns,
    "HM307": _score,
    "HM308": _drop_columns,
    "HM309": _drop_columns,
    "HM401": _look(_MORE, refits=True),
    "HM402": _recalibrate,
    "HM403": _thresholds,
    "HM404": _look(_OTHER_SITES, refits=True),
    "HM405": _look(_LATER, refits=True),
    "HM406": _look(_MORE, refits=True),
    "HM407": _look(_TABLE),
    "HM408": _recalibrate,
    "HM409": _recalibrate,
    "HM501": _by_group,
    "HM502": _group_gaps,
    "HM503": _look("print({table}[{columns}].describe())"),
}
