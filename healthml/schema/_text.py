"""A schema as YAML or JSON text, read without YAML's surprises.

``No`` and ``on`` stay text, ``010`` and ``1:30`` are no numbers, dates stay text, and a key that is
written twice is refused.
"""

import json
import re
from pathlib import Path

import yaml

from healthml._core._release import write_file
from healthml.exceptions import SchemaError

_ENDINGS = (".yaml", ".yml", ".json")

# The first and the last line of what is written as YAML. A text that has the first and not the last
# was cut, by a full disk or a broken copy; JSON needs none, since its brackets would stay open.
# There is no checksum, since people edit these files; a file written by hand needs neither line.
_FIRST_LINE = "# healthml schema; whole when its last line is '# end of schema'"
_LAST_LINE = "# end of schema"

_TOO_DEEP = (
    "the schema is nested too deeply to be one; write names and values in two or three levels."
)
_NO_VALUE = (
    "the schema holds a value that cannot be read; write plain text, numbers, true or false."
)


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
    # healthml schema; whole when its last line is '# end of schema'
    outcome: died
    event: 'No'
    # end of schema
    """
    text = yaml.dump(mapping, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return _write(f"{_FIRST_LINE}\n{text}{_LAST_LINE}\n", path)


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
    text = _text_of(source)
    try:
        _refuse_cut(text)
        mapping = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise SchemaError(
            f"the schema is not YAML{where}; correct its indentation or quotes."
        ) from None
    except RecursionError:
        raise SchemaError(_TOO_DEEP) from None
    except SchemaError:
        raise
    except (ValueError, TypeError, OverflowError):  # an explicit tag, or a number of 5,000 digits
        raise SchemaError(_NO_VALUE) from None
    if mapping is None:
        raise SchemaError("the schema is empty; write it again with to_yaml.")
    return mapping


def _refuse_cut(text):
    """Refuse what begins as `write_yaml` begins and does not end as it ends."""
    lines = text.strip().splitlines()
    begun = lines and lines[0].strip() and _FIRST_LINE.startswith(lines[0].strip())
    if begun and lines[0].startswith("#") and lines[-1].strip() != _LAST_LINE:
        raise SchemaError(
            f"the schema was cut: its last line {_LAST_LINE!r} is missing. Take the whole file, "
            "or, if that line was deleted by hand, put it back."
        )


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
        ) from None
    except RecursionError:
        raise SchemaError(_TOO_DEEP) from None
    except SchemaError:
        raise
    except ValueError:
        raise SchemaError(_NO_VALUE) from None


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
        write_file(path, text)
    return text


def _pairs(pairs):
    _refuse_repeated([key for key, _ in pairs])
    return dict(pairs)


def _refuse_repeated(keys):
    for position, key in enumerate(keys):
        if key in keys[:position]:
            raise SchemaError(f"the schema has the key {key!r} twice; keep one.")
