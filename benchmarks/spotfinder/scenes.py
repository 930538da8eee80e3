"""What the simulator shows the spot finder: dark grid scans, images full of spots, backgrounds of a given level."""

from typing import Literal

from simulator.crystal import Crystal
from simulator.demo import THAUMATIN
from simulator.detector import Detector, Model
from simulator.grid import GridScan
from simulator.rotation import RotationScan
from simulator.sample import Beam, Ellipsoid, MountedCrystal

BitDepth = Literal[16, 32]

DISTANCE_MM: dict[Model, float] = {"1M": 100, "4M": 150, "9M": 200, "16M": 250}
D_MIN: dict[Model, float] = {"1M": 2.0, "4M": 1.7}
WIDTH: dict[Model, float] = {"1M": 0.1, "4M": 0.25}
SCALE: dict[Model, float] = {"1M": 200, "4M": 2200}
"""Of the rotations: resolution [Å], slice [degrees], intensity [photons] that make 300 spots per megapixel."""

AIR_MEAN: dict[Model, float] = {"4M": 0.0530, "9M": 0.0469, "16M": 0.0434}
SOLVENT_MEAN: dict[Model, float] = {"4M": 0.290, "9M": 0.256, "16M": 0.230}
"""Mean counts per valid pixel of a background whose level is 1."""

AIR_PART = 0.08
"""Of the counts of an even background."""

WHOLE = 1000.0
"""Semi-axis of a loop that is everywhere in the beam [µm]."""


def dark_grid(model: Model, n_images: int, bit_depth: BitDepth = 16) -> GridScan:
    """A crystal in a loop: 0.05 counts/px beside the loop, 0.3 in its middle; a few to 200 spots or so."""
    columns, rows = 4, n_images // 4
    return GridScan(
        steps_x=columns,
        steps_y=rows,
        detector=Detector(model=model, distance_mm=DISTANCE_MM[model], bit_depth=bit_depth),
        beam=Beam(),
        crystals=(_crystal(columns, rows),),
        loop=Ellipsoid((columns / 2, rows / 2), (9 * columns, 9 * rows)),
        air_level=0.05 / AIR_MEAN[model],
        solvent_level=0.25 / SOLVENT_MEAN[model],
    )


def level_grid(counts: float, model: Model = "4M") -> GridScan:
    """The same crystal over a background of so many counts per pixel on average."""
    columns, rows = 4, 2
    return GridScan(
        steps_x=columns,
        steps_y=rows,
        detector=Detector(model=model, distance_mm=DISTANCE_MM[model]),
        beam=Beam(),
        crystals=(_crystal(columns, rows),),
        loop=Ellipsoid((columns / 2, rows / 2), (WHOLE, WHOLE)),
        air_level=AIR_PART * counts / AIR_MEAN[model],
        solvent_level=(1 - AIR_PART) * counts / SOLVENT_MEAN[model],
    )


def rotation(model: Model) -> RotationScan:
    """A big crystal, turned: 300 spots per megapixel."""
    return RotationScan(
        n_images=8,
        width=WIDTH[model],
        detector=Detector(model=model, distance_mm=DISTANCE_MM[model]),
        beam=Beam(),
        crystal=Crystal(
            THAUMATIN, "P41212", d_min=D_MIN[model], mosaicity=0.1, wilson_b=20, scale=SCALE[model], seed=10
        ),
    )


def _crystal(columns: int, rows: int) -> MountedCrystal:
    """Off the middle of the grid, so that each image is another."""
    crystal = Crystal(THAUMATIN, "P41212", d_min=1.9, mosaicity=0.12, wilson_b=30, scale=450, seed=21)
    return MountedCrystal(crystal, Ellipsoid((columns / 2 - 0.3, rows / 2 - 0.2), (10 * columns, 9 * rows), 25))
