"""Resampling that nothing brought back: named in the model, wherever it stands."""

import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from healthml.resampling import ResampledClassifier
from healthml.resampling._guards import recalibrated_on_resampled_rows, uncorrected_resampling

PLAIN = LogisticRegression()
INSIDE = CalibratedClassifierCV(LogisticRegression())
BEHIND = make_pipeline(RandomOverSampler(), INSIDE)


@pytest.mark.parametrize(
    ("model", "step", "cause"),
    [
        (PLAIN, None, None),
        (INSIDE, None, None),
        (BEHIND, "CalibratedClassifierCV", "RandomOverSampler"),
        (make_pipeline(StandardScaler(), BEHIND), "CalibratedClassifierCV", "RandomOverSampler"),
        (make_pipeline(RandomOverSampler(), PLAIN), None, "RandomOverSampler"),
        (CalibratedClassifierCV(BEHIND), None, None),
        (ResampledClassifier(INSIDE, RandomOverSampler()), None, None),
        (
            ResampledClassifier(INSIDE, RandomOverSampler(), correction=None),
            "CalibratedClassifierCV",
            "RandomOverSampler",
        ),
    ],
)
def test_a_recalibration_behind_the_sampler_is_named(model, step, cause):
    assert recalibrated_on_resampled_rows(model) == step
    assert uncorrected_resampling(model) == cause
