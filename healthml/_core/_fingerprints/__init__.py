"""Near-duplicate rows: which rows tell of the same patient, and how sure that is."""

from healthml._core._fingerprints.duplicates import duplicate_clusters

__all__ = ["duplicate_clusters"]
