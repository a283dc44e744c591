"""A fitted model on other patients."""

from healthml.validation._external.validate import ExternalValidationResult, external_validate

__all__ = ["ExternalValidationResult", "external_validate"]
