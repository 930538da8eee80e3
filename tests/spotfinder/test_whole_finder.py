"""Any image, any mask, any parameters, as an array and as a chunk: the spots are those of the definition."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from services.spotfinder.finder import Parameters, SpotFinder
from services.spotfinder.pixels import Chunk
from tests.spotfinder import naive
from tests.spotfinder.nexus_files import encoded

LEVELS = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 63, 64, 127, 128, 254, 255, 256, 257, 1023, 4096]
LEVELS += [32767, 32768, 65533, 65534, 65535, 65536, 2**20, 2**24, 2**28 - 1]
BACKGROUNDS = [0, 0, 0.02, 0.1, 0.3, 1, 3, 20]
SATURATIONS = [1, 2, 3, 5, 15, 16, 255, 256, 1000, 65534, 2**20, 2**31 - 1]
BLOCKS_PX = [0, 8, 24, 64, 72, 128, 200, 1000, 4096]
TYPES = [np.uint8, np.uint16, np.uint32, np.int32]

eighths = st.integers(4, 320).map(lambda n: n / 8)  # of sigma; floats hold their multiples exactly
some_parameters = st.builds(
    Parameters,
    nsigma_b=eighths,
    nsigma_s=eighths.map(lambda nsigma: nsigma / 4),
    min_local=st.sampled_from([2, 3, 10, 28, 48, 49]),
    global_threshold=st.sampled_from([0.0, 0.5, 1.0, 2.0, 15.0, 16.5, 255.0]),
    min_spot_size=st.integers(1, 5),
    max_spot_size=st.sampled_from([5, 9, 16, 1000]),
    max_separation=st.sampled_from([0.0, 0.5, 1.0, 2.0, 10.0]),
)
parameters = st.one_of(st.just(Parameters()), some_parameters)


@dataclass
class Series:
    """Images of one detector."""

    valid: np.ndarray
    saturation: int
    images: list[np.ndarray]


@st.composite
def series(draw, dtype):
    shape = draw(st.integers(1, 60)), draw(st.integers(1, 200))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    valid = rng.random(shape) >= draw(st.sampled_from([0, 0.01, 0.1, 0.6]))
    for gap in draw(st.lists(st.integers(0, shape[1]), max_size=2)):
        valid[:, gap : gap + 4] = False
    levels = draw(st.lists(st.sampled_from([v for v in LEVELS if v <= np.iinfo(dtype).max]), min_size=1, max_size=4))
    images = [draw_image(draw, rng, shape, levels).astype(dtype) for _ in range(draw(st.integers(1, 3)))]
    if draw(st.booleans()):
        for image in images:
            image[~valid] = np.array(-1).astype(dtype)  # as detectors mark them
    return Series(valid, draw(st.sampled_from(SATURATIONS)), images)


def draw_image(draw, rng, shape, levels):
    """Dim or bright, with blobs of a few levels anywhere, some with a slope or with holes."""
    image = rng.poisson(draw(st.sampled_from(BACKGROUNDS)), shape)
    slope, holes = draw(st.sampled_from([0, 0, 1])), draw(st.sampled_from([0, 0, 0.2]))
    for level in rng.choice(levels, draw(st.sampled_from([0, 1, 2, 4, 8, image.size // 150]))):
        height, width = rng.integers(1, 6, 2)
        y, x = rng.integers(-2, shape[0]), rng.integers(-2, shape[1])
        blob = image[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
        counts = level - slope * rng.integers(0, 1 + level // 2, blob.shape)
        blob[...] = np.where(rng.random(blob.shape) < holes, blob, counts)
    return np.minimum(image, max([*levels, 120]))


@pytest.mark.parametrize("dtype", TYPES)
@settings(max_examples=250)
@given(data=st.data())
def test_spots_are_those_of_the_definition_in_arrays_and_in_chunks(dtype, data):
    given_series, chosen = data.draw(series(dtype)), data.draw(parameters)
    finder = SpotFinder(given_series.valid, given_series.saturation)
    for image in given_series.images:
        expected = naive.find_spots(image, given_series.valid, chosen, given_series.saturation)
        chunk = Chunk(encoded(image, data.draw(st.sampled_from(BLOCKS_PX))), image.shape, image.dtype)
        for stored in (image, chunk):
            found = np.column_stack(finder.find_spots(stored, chosen))
            assert np.array_equal(found[:, 2:], expected[:, 2:])
            assert np.allclose(found[:, :2], expected[:, :2], rtol=1e-12, atol=0)


@given(series=series(np.uint16), chosen=parameters)
def test_an_image_that_has_been_read_in_parts_has_the_same_spots(series, chosen):
    """Memory that is not contiguous, as a slice of a larger image is."""
    finder = SpotFinder(series.valid, series.saturation)
    for image in series.images:
        framed = np.pad(image, 3, constant_values=9)[3:-3, 3:-3]
        assert np.array_equal(finder.find_spots(framed, chosen), finder.find_spots(image, chosen))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("counts", "limits"), [(4, {"nsigma_b": 6}), (9, {"nsigma_s": 8}), (17, {"nsigma_b": 32})])
def test_a_pixel_exactly_at_a_threshold_is_not_strong(dtype, counts, limits):
    """Alone among 9 valid pixels, where both tests have whole numbers on both sides."""
    valid = np.zeros((20, 130), np.bool_)
    valid[9:12, 70:73] = True
    image = np.zeros(valid.shape, dtype)
    image[10, 71] = counts
    below = {name: limit - 0.125 for name, limit in limits.items()}
    for stored in (image, Chunk(encoded(image), image.shape, image.dtype)):
        found = [
            SpotFinder(valid).find_spots(stored, Parameters(min_spot_size=1, **chosen)).counts.tolist()
            for chosen in (limits, below)
        ]
        assert found == [[], [counts]]
