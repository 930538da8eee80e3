"""Worker processes: results as in this process, and a crash that costs one image."""

import ctypes
import os
from pathlib import Path

import anyio

from services.spotfinder.analysis import ImageReport
from services.spotfinder.finder import Parameters
from services.spotfinder.workers import Workers

CURSED = 3


def analyse_cursed(master_file: str, images: list[int], parameters: Parameters) -> list[ImageReport]:
    """Native code that crashes on one image."""
    with Path(master_file).open("a") as log:
        log.write(f"{os.getpid()}\n")
    if CURSED in images:
        ctypes.string_at(0)
    return [ImageReport(image=image) for image in images]


def complain(master_file: str, images: list[int], parameters: Parameters) -> list[ImageReport]:
    """Native code that prints, a megabyte in all."""
    for image in images:
        os.write(2, f"image {image} is odd\n".encode() * 1000)
    return [ImageReport(image=image) for image in images]


async def test_what_native_code_prints_goes_where_the_service_prints_and_holds_no_worker_up(capfd):
    with anyio.fail_after(60):
        reports = await Workers(1, Parameters(), complain).analyse("a.h5", range(60))
    assert len(reports) == 60
    assert capfd.readouterr().err.count("is odd\n") == 60_000


async def test_an_image_that_kills_its_worker_is_reported_and_the_others_go_on(tmp_path):
    pool = Workers(1, Parameters(), analyse_cursed)
    log = tmp_path / "log"
    (healthy,) = await pool.analyse(str(log), [2])
    (failed,) = await pool.analyse(str(log), [3, 4, 5])
    assert not healthy.failure
    assert (failed.image, failed.failure[:23]) == (3, "the worker process died")
    assert [report.image for report in await pool.analyse(str(log), [4, 5])] == [4, 5]
    assert len(set(log.read_text().split())) == 3
