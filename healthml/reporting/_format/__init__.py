"""The report as JSON: its published format, and the way back from a file."""

from healthml.reporting._format.read import read_body
from healthml.reporting._format.schema import FORMAT, VERSION, json_schema

__all__ = ["FORMAT", "VERSION", "json_schema", "read_body"]
