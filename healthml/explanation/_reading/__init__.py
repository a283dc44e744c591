"""What a fitted model is made of: its encoders, linear parts and trees."""

from healthml.explanation._reading.forms import Encoder, Form, Linear, Term, Trees, as_matrix
from healthml.explanation._reading.read import (
    form_values,
    part_values,
    pipeline_parts,
    read_forms,
    tree_values,
    unwrap,
)

__all__ = [
    "Encoder",
    "Form",
    "Linear",
    "Term",
    "Trees",
    "as_matrix",
    "form_values",
    "part_values",
    "pipeline_parts",
    "read_forms",
    "tree_values",
    "unwrap",
]
