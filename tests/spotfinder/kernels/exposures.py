"""What kernels are given in their tests: small exposures, and their planes by definition."""

import numpy as np
import pytest
from hypothesis import strategies as st

from services.spotfinder.buffers import plane_layout
from services.spotfinder.kernels.planes import HIGH, LOW, N_PLANES, RAISED
from services.spotfinder.kernels.valid import count_valid
from tests.spotfinder.naive import window_sums

TYPES = [np.uint8, np.uint16, np.uint32]
shapes = st.tuples(st.integers(1, 20), st.integers(1, 150))


def both(kernel):
    """Run the test with the compiled kernel and with the plain one."""
    return pytest.mark.parametrize(kernel.__name__, [kernel, kernel.py_func], ids=["compiled", "python"])


@st.composite
def exposures(draw, dtype=np.uint16):
    """A dim image with some bright pixels, and a mask whose invalid pixels hold the detector's marker."""
    shape = draw(shapes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    image = rng.poisson(draw(st.sampled_from([0.02, 0.3, 3.0])), shape).astype(dtype)
    spots = rng.random(shape) < draw(st.sampled_from([0.0, 0.01, 0.1]))
    image[spots] += rng.integers(1, 200, spots.sum()).astype(dtype)
    valid = rng.random(shape) >= draw(st.sampled_from([0.0, 0.05, 0.6]))
    image[~valid] = np.iinfo(dtype).max
    return image, valid


@st.composite
def flags(draw):
    """Some pixels of an image."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return rng.random(draw(shapes)) < draw(st.sampled_from([0.0, 0.02, 0.2, 0.6, 1.0]))


def bits_of(plane, shape):
    """The flags in a plane, ``[slow, fast]``."""
    margin, _ = plane_layout(shape)
    return np.unpackbits(plane[margin:], bitorder="little")[: shape[0] * shape[1]].reshape(shape).astype(bool)


def planes_of(image):
    """The planes of an image whose invalid pixels are 0, and their margin [bytes]."""
    margin, n_bytes = plane_layout(image.shape)
    planes = np.zeros((N_PLANES, n_bytes), np.uint8)
    for k, bits in {**{k: image >> k & 1 for k in range(LOW)}, HIGH: image >= 1 << LOW, RAISED: image >= 2}.items():
        packed = np.packbits(bits.astype(bool), bitorder="little")
        planes[k, margin : margin + packed.size] = packed
    return planes, margin


def counted(valid):
    """Number of valid pixels in the window around each pixel."""
    n_valid = np.zeros(valid.shape, np.uint8)
    count_valid(valid, n_valid)
    return n_valid


def sums_of(image):
    """Sum and sum of squares of the window around each pixel of an image whose invalid pixels are 0."""
    values = image.astype(np.int64)
    return window_sums(values), window_sums(values * values)
