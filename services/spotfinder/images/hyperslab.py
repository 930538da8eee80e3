"""Which image of which source a virtual dataset shows."""

from typing import NamedTuple


class Hyperslab(NamedTuple):
    """Every ``stride``-th run of ``block`` images from ``start``, ``runs`` of them in all (None: without end)."""

    start: int
    stride: int
    runs: int | None
    block: int

    def rank(self, image: int) -> int | None:
        """How many images of the selection come before this one; None if it is not selected."""
        run, within = divmod(image - self.start, self.stride)
        if run < 0 or within >= self.block or (self.runs is not None and run >= self.runs):
            return None
        return run * self.block + within

    def image(self, rank: int) -> int:
        """The image with this many of the selection before it."""
        run, within = divmod(rank, self.block)
        return self.start + run * self.stride + within
