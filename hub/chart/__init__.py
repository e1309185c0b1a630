"""Draws the workflow chart (社区矫正工作流程图) from its data: lanes, phases, arrows, as SVG. Nothing here knows a particular
exchange, agency or phase, and nothing here reads the store: counts are handed in.
"""

from hub.chart.edges import ANY, Choice, Edge, NotInChart, Plan, passed, plan
from hub.chart.picture import Picture, breadth, legend, pages, phase, whole

__all__ = [
    "ANY",
    "Choice",
    "Edge",
    "NotInChart",
    "Picture",
    "Plan",
    "breadth",
    "legend",
    "pages",
    "passed",
    "phase",
    "plan",
    "whole",
]
