"""The JSON Schema of a report, one file for each version that was ever written."""

import json
from importlib.resources import files

from healthml.exceptions import InputError

FORMAT = "healthml audit report"
VERSION = 1  # raised whenever a key goes, changes its meaning, or becomes required


def json_schema(*, version=VERSION):
    """Return the JSON Schema of what `AuditReport.to_json` writes.

    With it another program can check a report before it reads it, in any language that has a
    validator for JSON Schema 2020-12. Old versions stay in the package.

    Parameters
    ----------
    version : int, default=1
        Version of the format, the newest unless an old file is meant; files say theirs under
        ``format``.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If there is no such version.

    See Also
    --------
    AuditReport.to_json : Writes what the schema describes.
    AuditReport.from_json : Reads it back, also where an earlier version wrote it.

    Examples
    --------
    >>> from healthml.reporting import json_schema
    >>> json_schema()["$schema"]
    'https://json-schema.org/draft/2020-12/schema'
    """
    if version not in range(1, VERSION + 1):
        raise InputError(
            f"There is no version {version!r} of the report's format; the versions are 1 to "
            f"{VERSION}."
        )
    name = f"audit_report_{version}.schema.json"
    return json.loads((files(__package__) / name).read_text(encoding="utf-8"))
