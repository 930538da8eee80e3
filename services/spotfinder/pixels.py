"""What an image is: pixels in memory, or a chunk as the detector stored it."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32]
Count = int | np.int64
"""A whole number, in kernels of 64 bits."""

Pixels = Image | NDArray[np.int32]
"""``[slow, fast]`` [counts]; negative values are invalid."""


Encoded = bytes | memoryview
"""A chunk's bytes."""


class Chunk(NamedTuple):
    """One image as an EIGER stores it: bitshuffle-LZ4, not yet decoded.

    Attributes:
        encoded: the chunk's bytes; of an image source, valid as long as the image is worked on.
        shape: of the image, slow and fast [px].
        dtype: of its pixels.
    """

    encoded: Encoded
    shape: tuple[int, int]
    dtype: np.dtype[Any]


Stored = Pixels | Chunk
