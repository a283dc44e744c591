"""Near-duplicate rows: which rows tell of the same patient, and how sure that is."""

from healthml._core._fingerprints.duplicates import duplicate_clusters
from healthml._core._fingerprints.edits import n_edits

__all__ = ["duplicate_clusters", "n_edits"]
