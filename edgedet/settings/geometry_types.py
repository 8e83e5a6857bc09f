"""Points, lines and polygons in a configuration: fractions of the picture, checked for making sense."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

Fraction = Annotated[float, Field(ge=0.0, le=1.0, json_schema_extra={"unit": "a fraction of the picture"})]
"""A share of the picture's width or height, in [0, 1]."""

Point = tuple[Fraction, Fraction]
"""`[x, y]`: x to the right, y down, fractions of width and height."""

_SMALLEST = 1e-6  # of the picture; less than a pixel of any camera


def _check_polygon(points: tuple[Point, ...]) -> tuple[Point, ...]:
    if len(points) > 1 and points[0] == points[-1]:
        points = points[:-1]
    if len(points) < 3:
        raise ValueError(f"{len(points)} different points make no polygon; give at least 3")
    # imported here because most configurations have no polygon, and this takes longer than all the rest
    from shapely import Polygon
    from shapely.validation import explain_validity

    polygon = Polygon(points)
    if not polygon.is_valid:
        where = explain_validity(polygon).partition("[")[2].rstrip("]").replace(" ", ", ")
        place = f" at [{where}]" if where else ""
        raise ValueError(f"the polygon crosses or touches itself{place}; give its corners in their order around it")
    if polygon.area < _SMALLEST:
        raise ValueError("the polygon has no area; give corners that do not lie on one line")
    return points


PolygonPoints = Annotated[tuple[Point, ...], AfterValidator(_check_polygon)]
"""Corners in their order around the area; the last is joined to the first."""
