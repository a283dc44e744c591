"""The report as one HTML page, and as Markdown."""

from healthml.reporting._page.html import render
from healthml.reporting._page.markdown import render_markdown
from healthml.reporting._page.pictures import CalibrationPicture, NetBenefitPicture

__all__ = ["CalibrationPicture", "NetBenefitPicture", "render", "render_markdown"]
