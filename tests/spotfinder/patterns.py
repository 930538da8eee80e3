"""What a spot finder could get wrong, as small arrays of counts; 0 leaves a pixel as it is."""

from itertools import product

import numpy as np

LEVELS = (1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 63, 64, 127, 128, 252, 253, 254, 255, 256, 257, 1023, 4096, 32767)
LEVELS += (32768, 65531, 65532, 65533, 65534, 65535, 65536, 2**17 + 1, 2**20)


def hot_pixels(highest):
    """One, two and three pixels of each level: alone, side by side, corner to corner, as an L."""
    shapes = [[[1]], [[1, 1]], [[1], [1]], [[1, 0], [0, 1]], [[1, 1], [1, 0]], [[0, 1], [1, 1]], [[1, 1, 1]]]
    return [level * np.array(shape) for level, shape in product(LEVELS, shapes) if level <= highest]


def faint(highest):
    """Three pixels near the least that makes a spot."""
    values = [v for v in product(range(2, 13), repeat=3) if max(v) <= highest]
    return [np.array([[a, b], [c, 0]]) for a, b, c in values]


def lopsided(highest):
    """Peaks at 2 px from their centroid, a little more and a little less."""
    tops = [top for top in (50, 250, 60_000, 2**20) if top <= highest]
    rows = [row for top in tops for row in tails(top)]
    columns = [row.T for row in rows]
    return [flip for pattern in rows + columns for flip in (pattern, pattern[::-1, ::-1])] + slanting(highest)


def tails(top):
    """Rows whose first pixel is the highest."""
    weights = ([0] * 5, [0, 1, 0, 0, 0], [0, 0, 0, 1, 0], [0, 1, 0, 1, 0], [0] * 6, [0] * 4, [0, 1, 1, 1, 1, 1])
    return [top - np.array([weight]) for weight in weights]


def slanting(highest):
    """Steps whose centroid is 6/5 px across and 8/5 px down from the peak, which floats do not hold exactly."""
    steps = np.array([[17, 0, 0], [3, 3, 0], [0, 5, 16], [0, 0, 16]])
    return [scale * steps for scale in (4, 17, 1000) if scale * steps.max() <= highest]


def plateaus(highest):
    """Several pixels that are equally the highest."""
    shapes = list(product(range(1, 6), repeat=2))
    flat = [np.full(shape, level) for shape in shapes for level in (9, 60, 250) if level <= highest]
    ring = np.array([[40, 60, 40], [60, 0, 60], [40, 60, 40]])
    twins = np.array([[30, 60, 30, 60, 30]])
    return [*flat, ring, ring - (ring > 0), twins, twins.T, np.pad(twins, ((1, 1), (0, 0)), constant_values=30)]


def levels(highest):
    """A pixel of each level with neighbours as high, half as high, and just above the background."""
    cross, square = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]), np.ones((3, 3), int)
    chosen = [level for level in LEVELS if level <= highest]
    return [
        np.where(shape > 0, level // part, 0) + np.pad([[level - level // part * shape[1, 1]]], 1)
        for level, part, shape in product(chosen, (1, 2, 5), (cross, square))
    ]


def saturated(highest):
    """Spots with a pixel at, near or above the highest value that is not saturated, in the middle or at the side."""
    tops = [highest + 2 - k for k in range(5)] + [highest // 2, highest // 2 + 1]
    places = [(1, 1), (0, 1), (1, 0), (2, 2), (1, 3)]
    return [with_top(top, place) for top in tops for place in places]


def with_top(top, place):
    spot = np.array([[20, 60, 30, 0], [70, 90, 60, 20], [30, 60, 40, 0]])
    spot[place] = top
    return spot


def line(n):
    """A line of n pixels, the highest in its middle."""
    counts = np.full((1, n), 300)
    counts[0, (n - 1) // 2] = 301
    return counts


def comb(n):
    """A connected spot of n pixels, 45 wide: every second row, and a column that joins them."""
    side = 45
    teeth = np.zeros((side, side), int)
    teeth[::2] = 9000
    teeth[:, side // 2] = 9000
    distance = np.hypot(*(np.indices(teeth.shape) - side // 2))
    order = np.argsort(np.where(teeth > 0, -distance, np.inf).ravel(), kind="stable")
    has_excess = np.count_nonzero(teeth) - n
    for pixel in order[: max(has_excess, 0)]:
        teeth.flat[pixel] = 0
    teeth[side // 2, side // 2] += 1
    return teeth
