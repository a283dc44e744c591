"""The JSON Schema of a report, one file for each version that was ever written."""

import json
from importlib.resources import files

from healthml.exceptions import InputError

FORMAT = "healthml audit report"
VERSION = 1  # raised whenever a key goes, changes its meaning, or becomes required


def json_schema(version=VERSION):
    """Return the JSON Schema (2020-12) of a version of the format.

    Parameters
    ----------
    version : int, default=VERSION
        Version of the format; files say theirs under ``format``.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If there is no such version.
    """
    if version not in range(1, VERSION + 1):
        raise InputError(
            f"There is no version {version!r} of the report's format; the versions are 1 to "
            f"{VERSION}."
        )
    name = f"audit_report_{version}.schema.json"
    return json.loads((files(__package__) / name).read_text(encoding="utf-8"))
