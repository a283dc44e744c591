"""What an audit is handed: features, outcome, roles, and the risks of a fitted model."""

from healthml._core._checks import check_alignment, check_proba
from healthml._core._tables import check_table, to_pandas
from healthml.exceptions import InputError
from healthml.reporting._case import Roles, take_roles
from healthml.validation._scoring import predict_risk


def take_inputs(X, y, groups, sensitive_features, site, time, schema, score, known_after):
    """Return features, outcome, roles and what a Schema adds."""
    if schema is not None and y is None:
        given = (groups, sensitive_features, site, time, score, known_after)
        if any(value is not None for value in given):
            raise InputError(
                "The schema declares the columns of every role; declare groups, site, time, "
                "sensitive, score and known_after there, or pass y and all roles without it."
            )
        return _from_schema(check_table(X, "table"), schema)
    if y is None:
        raise InputError("y is missing; pass the outcome, the name of its column, or a schema.")
    roles = {
        "groups": groups,
        "site": site,
        "time": time,
        "sensitive_features": sensitive_features,
        "score": score,
    }
    check_alignment(X=X, y=y, **roles)
    X = check_table(X, "table")
    later = None
    known_after = [known_after] if isinstance(known_after, str) else known_after
    if isinstance(known_after, list | tuple):
        unknown = [c for c in known_after if c not in X.columns]
        if unknown:
            raise InputError(f"known_after names {unknown[0]!r}, which is not a column of X.")
        later, X = X[list(known_after)], X.drop(columns=list(known_after))
        if X.shape[1] == 0:
            raise InputError("known_after names every column of X; nothing is left to predict by.")
    elif known_after is not None:
        check_alignment(X=X, known_after=known_after)
        later = to_pandas(known_after, "known_after")
    X, y, roles = take_roles(X, y, **roles)
    return X, y, Roles(**{**vars(roles), "known_after": later}), {}


def _from_schema(table, schema):
    parts = schema.split(table)
    kept = table.iloc[parts.kept]
    X, y, roles = take_roles(
        parts.X,
        parts.y,
        groups=parts.groups,
        site=parts.site,
        time=parts.time,
        sensitive_features=parts.sensitive,
        score=parts.score,
    )
    later = [c for c in _listed(schema.known_after) if c in kept.columns]
    names = [c for c in _listed(schema.identifier) if c in kept.columns]
    roles = Roles(
        **{
            **vars(roles),
            "known_after": kept[later] if later else None,
            "identifiers": kept[names] if names else None,
            "named": {c: role for c, role in schema._named_columns() if c not in parts.X.columns},
        }
    )
    extra = {"flow": parts.flow, "split": True, "raw_outcome": kept[schema.outcome]}
    return X, y, roles, extra


def _listed(value):
    return [value] if isinstance(value, str) else list(value or ())


def fitted_risk(model, X, label):
    """Return the risks of a fitted model, given the columns that it was fitted with."""
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        table = X.to_numpy() if hasattr(model, "n_features_in_") else X
    else:
        absent = [name for name in names if name not in X.columns]
        if absent:
            raise InputError(f"The model was fitted with {absent[0]!r}, which is no column of X.")
        table = X[list(names)]
    try:
        risk = predict_risk(model, table, event_label=label)
    except InputError:
        raise
    except Exception as error:  # its words may hold a patient's value: only its kind is passed on
        raise InputError(
            f"The model could not predict these rows: {type(error).__name__} in "
            f"{type(model).__name__}; refit=False needs a model fitted on the same columns."
        ) from None
    return check_proba(risk, len(X), "the model's predict_proba")
