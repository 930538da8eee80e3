"""Images as large as those of the detectors in use, from the file to their spots."""

import numpy as np
import pytest

from services.spotfinder.analysis import analyse_available
from services.spotfinder.finder import Parameters
from tests.spotfinder.cbf_files import write_cbf
from tests.spotfinder.nexus_files import collection

EIGERS = {
    "EIGER 1M": (1065, 1030),
    "EIGER 4M": (2167, 2070),
    "EIGER 9M": (3269, 3110),
    "EIGER 16M": (4371, 4150),
    "EIGER2 1M": (1062, 1028),
    "EIGER2 4M": (2162, 2068),
    "EIGER2 9M": (3262, 3108),
    "EIGER2 16M": (4362, 4148),
}
PILATUSES = {"PILATUS 2M": (1679, 1475), "PILATUS 6M": (2527, 2463), "PILATUS 12M": (5071, 2463)}
N_SPOTS = 7
EVERYWHERE = Parameters(d_max=1e9)


def spotted(shape, dtype):
    """Dark but for some spots, the last of them in the corner."""
    image = np.zeros(shape, dtype)
    for y, x in zip(*(np.linspace(30, size - 2, N_SPOTS, dtype=int) for size in shape), strict=True):
        image[y : y + 2, x : x + 2] = 50
    return image


@pytest.mark.parametrize("shape", EIGERS.values(), ids=EIGERS)
@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_spots_are_found_on_every_eiger(tmp_path, shape, dtype):
    changes = {"detector/pixel_mask": (np.zeros(shape, np.uint32), None)}
    master = collection(tmp_path, spotted(shape, dtype)[None], **changes)
    (report,) = analyse_available(str(master), [0], EVERYWHERE)
    assert report.analysis.n_spots_total == N_SPOTS


@pytest.mark.parametrize("shape", PILATUSES.values(), ids=PILATUSES)
def test_spots_are_found_on_every_pilatus(tmp_path, shape):
    image = spotted(shape, np.int32)
    image[195:212] = -1
    write_cbf(tmp_path / "thau_1_0001.cbf", image)
    (report,) = analyse_available(str(tmp_path / "thau_1_####.cbf"), [0], EVERYWHERE)
    assert report.analysis.n_spots_total == N_SPOTS
