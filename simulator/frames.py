"""From a scan's physical model to compressed images in a file: slow, in several processes, and done only once."""

import hashlib
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import h5py

import simulator
from simulator.chunks import Compressor, create_images, eiger_format, write_chunk
from simulator.live import LIBVER
from simulator.scans import Exposer, Scan

OnProgress = Callable[[int, int], None]
"""Told how many images are done, of how many."""


def cached_frames(
    scan: Scan, folder: Path, *, workers: int = 1, on_progress: OnProgress = lambda _done, _of: None
) -> Path:
    """The file with a scan's compressed images in `/data`; generated unless an earlier call left it in the folder.

    The name is a hash of the scan and of the simulator's source: neither can change and leave stale images behind.

    Args:
        scan: what to simulate.
        folder: the cache; created if missing.
        workers: processes that generate.
        on_progress: called for each image generated.
    """
    path = cache_path(scan, folder)
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".part-{os.getpid()}")
        try:
            write_frames(scan, unfinished, workers=workers, on_progress=on_progress)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    return path


def cache_path(scan: Scan, folder: Path) -> Path:
    """Where a scan's images are, once they are generated."""
    return folder / f"{scan_key(scan)}.h5"


def scan_key(scan: Scan) -> str:
    """Hash of everything that the images depend on."""
    digest = hashlib.sha256(repr(scan).encode())
    for source in sorted(Path(simulator.__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return f"{type(scan).__name__.lower()}-{digest.hexdigest()[:20]}"


def write_frames(
    scan: Scan, path: Path, *, workers: int = 1, on_progress: OnProgress = lambda _done, _of: None
) -> None:
    """Generates all images of a scan into `/data` of a file, one chunk each."""
    with h5py.File(path, "w", libver=LIBVER) as file:
        images = create_images(file, "data", scan.n_images, eiger_format(scan.detector.shape, scan.detector.dtype))
        for image, chunk in enumerate(generate_chunks(scan, workers)):
            write_chunk(images, image, chunk)
            on_progress(image + 1, scan.n_images)


def generate_chunks(scan: Scan, workers: int = 1) -> Iterator[bytes]:
    """Compressed images in collection order; each worker process prepares the scan's model for itself."""
    if workers == 1:
        yield from map(FrameMaker(scan), range(scan.n_images))
        return
    # spawned, not forked: the caller may have threads, whose locks a fork would copy as they are
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_prepare_worker, initargs=(scan,)) as pool:
        yield from pool.map(_make_frame, range(scan.n_images), chunksize=4)


class FrameMaker:
    """Makes compressed images of one scan by their number."""

    def __init__(self, scan: Scan) -> None:
        self._expose: Exposer = scan.prepare()
        self._compressor = Compressor(eiger_format(scan.detector.shape, scan.detector.dtype))

    def __call__(self, image: int) -> bytes:
        return self._compressor.compress(self._expose(image))


_worker: list[FrameMaker] = []
"""The frame maker of this worker process."""


def _prepare_worker(scan: Scan) -> None:
    _worker[:] = [FrameMaker(scan)]


def _make_frame(image: int) -> bytes:
    return _worker[0](image)
