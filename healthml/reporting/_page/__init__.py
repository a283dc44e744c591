"""The report as one HTML page."""

from healthml.reporting._page.html import render
from healthml.reporting._page.pictures import CalibrationPicture, NetBenefitPicture

__all__ = ["CalibrationPicture", "NetBenefitPicture", "render"]
