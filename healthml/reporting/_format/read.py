"""Read a report's JSON: what a file of any version holds, in the shape of the newest."""

import json
from pathlib import Path

from healthml.exceptions import InputError
from healthml.reporting._format.schema import FORMAT, VERSION

_KEYS = ("statement", "headline", "about", "findings", "not_assessed", "sections")


def read_body(source):
    """Return the content of a report written by `AuditReport.to_json`.

    Parameters
    ----------
    source : str or path-like
        A file, or the JSON text itself.

    Returns
    -------
    dict
        In the shape of the newest version of the format.

    Raises
    ------
    InputError
        If it is no report, or one of a later version than this library knows.
    """
    name, text = _text_of(source)
    try:
        body = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{name} is not JSON (line {error.lineno}, column {error.colno}); pass what "
            "report.to_json() wrote."
        ) from None
    if not isinstance(body, dict) or any(key not in body for key in _KEYS):
        raise InputError(f"{name} is not an audit report; pass what report.to_json() wrote.")
    return _upgraded(body, name)


def _text_of(source):
    """Return how to call the source, and its text."""
    if isinstance(source, str) and source.lstrip().startswith("{"):
        return "the text", source
    path = Path(source)
    if not path.is_file():
        raise InputError(f"There is no file {str(path)!r}; pass a report's JSON file or its text.")
    try:
        return repr(path.name), path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path.name!r} is not UTF-8 text; pass a report's JSON file.") from None


def _upgraded(body, name):
    """Return the body in the shape of the newest version; before version 1 none was written."""
    about = body.get("format") or {"name": FORMAT, "version": 0}
    version = about.get("version") if isinstance(about, dict) else None
    if not isinstance(version, int) or about.get("name") != FORMAT:
        raise InputError(f"{name} does not name a version of the format {FORMAT!r}.")
    if version > VERSION:
        raise InputError(
            f"{name} has version {version} of the format, and this healthml knows versions up to "
            f"{VERSION}; install a newer one."
        )
    body = {"columns": "", "declared": {}, "checks": [], **body}
    return {**body, "format": {"name": FORMAT, "version": VERSION}}
