"""Announcements that tests make: a valid one of each kind, to be bent."""

from typing import Any

import orjson

GRIDSCAN: dict[str, Any] = {
    "schema": "data-collection/1",
    "event": "start",
    "beamline": "i03",
    "visit": "cm12345-1",
    "dcid": 1001,
    "experiment": "gridscan",
    "folder": "lysozyme/grid",
    "prefix": "xtal1",
    "run_number": 1,
    "number_of_images": 1189,
    "exposure_s": 0.1,
    "detector_distance_mm": 464.092,
    "resolution_A": 2.333,
    "transmission_percent": 50,
    "grid": {"steps_x": 41, "steps_y": 29, "box_x_um": 10, "box_y_um": 10, "snaked": True},
}
ROTATION: dict[str, Any] = {
    **{key: value for key, value in GRIDSCAN.items() if key != "grid"},
    "dcid": 2001,
    "experiment": "rotation",
    "number_of_images": 40,
    "rotation": {"start_deg": 0, "width_deg": 0.5},
}


def announce(template: dict[str, Any], visit: object, **changes: object) -> bytes:
    """The announcement's body."""
    return orjson.dumps({**template, "visit_directory": str(visit), **changes})


def end_of(template: dict[str, Any], event: str = "end", **changes: object) -> bytes:
    """The end (or abort) of an announced collection."""
    kept = {key: template[key] for key in ("schema", "beamline", "visit", "dcid")}
    return orjson.dumps({**kept, "event": event, **changes})
