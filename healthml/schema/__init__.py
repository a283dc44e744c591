"""The prediction task and the columns, declared once: `Schema`, `Variable` and `Parts`."""

from healthml.schema._schema import Schema
from healthml.schema._split import Parts
from healthml.schema._variable import Variable

__all__ = ["Parts", "Schema", "Variable"]
