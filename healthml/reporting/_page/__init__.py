"""The report as one HTML page."""

from healthml.reporting._page.html import render
from healthml.reporting._page.pictures import draw_calibration, draw_net_benefit

__all__ = ["draw_calibration", "draw_net_benefit", "render"]
