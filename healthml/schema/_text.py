"""A schema as YAML or JSON text, read without YAML's surprises.

``No`` and ``on`` stay text, ``010`` and ``1:30`` are no numbers, dates stay text, and a key that is
written twice is refused.
"""

import json
import re
from pathlib import Path

import yaml

from healthml.exceptions import SchemaError

_ENDINGS = (".yaml", ".yml", ".json")


class _Loader(yaml.SafeLoader):
    """Safe YAML in which only plain numbers, true, false and null are not text."""

    yaml_implicit_resolvers = {}

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        _refuse_repeated(keys)
        return super().construct_mapping(node, deep=deep)


_FLOAT = r"[-+]?(\d+\.\d*|\.\d+)([eE][-+]?\d+)?|[-+]?\d+[eE][-+]\d+|[-+]?\.inf|\.nan"
for _tag, _pattern, _first in (
    ("null", r"null|Null|NULL|~|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9]\d*)", list("-+0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
):
    _whole = re.compile(f"(?:{_pattern})$")
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _whole, _first)


class _Dumper(yaml.SafeDumper):
    """Safe YAML with plain lists on one line and nothing that `_Loader` would not read back."""

    def represent_str(self, text):
        style = "'" if re.fullmatch(_FLOAT, text) else None
        style = style if text.isprintable() else '"'
        return self.represent_scalar("tag:yaml.org,2002:str", text, style)

    def represent_list(self, items):
        on_one_line = not any(isinstance(item, dict | list) for item in items)
        return self.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=on_one_line)


_Dumper.add_representer(str, _Dumper.represent_str)
_Dumper.add_representer(list, _Dumper.represent_list)


def write_yaml(mapping, path=None):
    """Return a mapping as YAML text, and write it to `path` if one is given.

    Examples
    --------
    >>> from healthml.schema._text import write_yaml
    >>> print(write_yaml({"outcome": "died", "event": "No"}), end="")
    outcome: died
    event: 'No'
    """
    text = yaml.dump(mapping, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return _write(text, path)


def write_json(mapping, path=None):
    r"""Return a mapping as JSON text, and write it to `path` if one is given.

    Examples
    --------
    >>> from healthml.schema._text import write_json
    >>> write_json({"outcome": "died"})
    '{\n  "outcome": "died"\n}'
    """
    return _write(json.dumps(mapping, indent=2, ensure_ascii=False, allow_nan=False), path)


def read_yaml(source):
    """Read a mapping from a YAML file (a path) or from YAML text.

    Examples
    --------
    >>> from healthml.schema._text import read_yaml
    >>> read_yaml("event: No")
    {'event': 'No'}
    """
    try:
        return yaml.load(_text_of(source), Loader=_Loader) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise SchemaError(
            f"the schema is not YAML{where}; correct its indentation or quotes."
        ) from error


def read_json(source):
    """Read a mapping from a JSON file (a path) or from JSON text.

    Examples
    --------
    >>> from healthml.schema._text import read_json
    >>> read_json('{"outcome": "died"}')
    {'outcome': 'died'}
    """
    try:
        return json.loads(_text_of(source), object_pairs_hook=_pairs)
    except json.JSONDecodeError as error:
        raise SchemaError(
            f"the schema is not JSON in line {error.lineno}; correct its commas or quotes."
        ) from error


def _text_of(source):
    is_path = isinstance(source, Path) or (
        isinstance(source, str) and "\n" not in source and source.endswith(_ENDINGS)
    )
    if not is_path:
        return source
    try:
        return Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SchemaError(f"the schema file {str(source)!r} cannot be read; check it.") from error


def _write(text, path):
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text


def _pairs(pairs):
    _refuse_repeated([key for key, _ in pairs])
    return dict(pairs)


def _refuse_repeated(keys):
    for position, key in enumerate(keys):
        if key in keys[:position]:
            raise SchemaError(f"the schema has the key {key!r} twice; keep one.")
