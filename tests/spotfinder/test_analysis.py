"""What a worker process answers."""

import gc
import pickle
from importlib import import_module
from pkgutil import iter_modules
from typing import get_args

import numpy as np
import pytest

from services.spotfinder import kernels
from services.spotfinder.analysis import COLLECTIONS, Analyst, ImageReport, analyse_available, count_images, warm_up
from services.spotfinder.finder import DEFAULTS, Algorithm, Parameters
from services.spotfinder.images import ImageNotReady, OpenFiles, open_images, read
from services.spotfinder.images.nexus import NexusImages
from services.spotfinder.per_image_analysis import analyse_image
from services.spotfinder.untrusted import NOTHING
from tests.spotfinder.nexus_files import SHAPE, STORAGES, Master, collection, link, settle, some_images, write_images


def spotted_images(n, seed=1):
    """Dark images, the more spots the later."""
    rng = np.random.default_rng(seed)
    images = rng.poisson(0.05, (n, 120, 130)).astype(np.uint16)
    for image in range(n):
        for y, x in rng.integers(5, 110, (8 * image, 2)):
            images[image, y : y + 2, x : x + 2] += 40
    return images


def spotted_collection(folder, images, **changes):
    return collection(folder, images, **{"detector/pixel_mask": (None, None), **changes})


def test_every_image_is_reported_in_order(tmp_path):
    images = spotted_images(4)
    master = spotted_collection(tmp_path, images)
    reports = analyse_available(str(master), [0, 1, 2, 3])
    source = open_images(master, OpenFiles(1))
    expected = [analyse_image(image, source.mask, source.detector) for image in images]
    assert [report.image for report in reports] == [0, 1, 2, 3]
    assert [report.analysis for report in reports] == expected
    assert expected[3].n_spots_total > expected[1].n_spots_total > expected[0].n_spots_total == 0
    assert all(report.seconds > 0 and not report.failure for report in reports)
    assert reports[3].figures()["n_spots_total"] == expected[3].n_spots_total


def test_parameters_decide_what_a_spot_is(tmp_path):
    master = spotted_collection(tmp_path, spotted_images(2))
    (report,) = analyse_available(str(master), [1], Parameters(min_spot_size=1000))
    assert report.analysis.n_spots_total == 0


def test_reports_stop_at_the_first_image_that_is_not_there_yet(tmp_path):
    images = spotted_images(3)
    master = Master().write(tmp_path / "grid_master.h5", **{"detector/pixel_mask": (None, None)})
    link(master, "data_000001", "grid_1.h5")
    link(master, "data_000002", "grid_2.h5")
    assert analyse_available(str(master), [0, 1, 2]) == []
    write_images(tmp_path / "grid_1.h5", images[:2])
    assert [report.image for report in analyse_available(str(master), [0, 1, 2])] == [0, 1]
    write_images(tmp_path / "grid_2.h5", images[2:])
    assert [report.image for report in analyse_available(str(master), [2])] == [2]


def test_a_broken_image_is_a_failure_and_the_next_is_analysed(tmp_path):
    images = spotted_images(3)
    master = spotted_collection(tmp_path, images)
    first, beyond, last = analyse_available(str(master), [0, 7, 2])
    assert first.analysis
    assert last.analysis
    assert "no image 7" in beyond.failure
    assert (beyond.analysis, beyond.figures()) == (None, {})


def test_a_collection_replaced_by_one_of_the_same_name_is_read_anew(tmp_path):
    before = spotted_collection(tmp_path, spotted_images(3, seed=1))
    old = analyse_available(str(before), [2])[0].analysis
    for file in tmp_path.iterdir():
        file.unlink()
    assert analyse_available(str(before), [2]) == []
    after = spotted_collection(tmp_path, spotted_images(3, seed=2), **{"detector/distance": (0.4, "m")})
    new = analyse_available(str(after), [2])[0].analysis
    source = open_images(after, OpenFiles(1))
    assert new == analyse_image(read(source, 2), source.mask, source.detector) != old


def test_many_collections_can_be_asked_about_in_turn(tmp_path):
    masters = []
    for number in range(4):
        (tmp_path / f"{number}").mkdir()
        masters.append(spotted_collection(tmp_path / f"{number}", spotted_images(3, seed=number)))
    rich, poor = Analyst(), Analyst(most_pixels=1)  # one keeps them all, the other only the latest
    for analyst in (rich, poor, rich, poor):
        reports = [analyst.report(str(master), 2, DEFAULTS, NOTHING) for master in masters]
        assert [r.analysis for r in reports] == [analyse_available(str(m), [2])[0].analysis for m in masters]


def test_of_small_images_no_more_collections_are_kept_than_of_large_ones(tmp_path):
    master = spotted_collection(tmp_path, spotted_images(1))
    masters = [tmp_path / f"{number}_master.h5" for number in range(2 * COLLECTIONS)]
    for name in masters:
        name.symlink_to(master)
    analyst = Analyst(most_pixels=10**12)
    before = n_kept()
    for name in masters:
        assert analyst.report(str(name), 0, DEFAULTS, NOTHING).analysis
    assert n_kept() - before == COLLECTIONS


def n_kept():
    gc.collect()
    return sum(isinstance(each, NexusImages) for each in gc.get_objects())


def test_images_are_counted(tmp_path):
    assert count_images(str(spotted_collection(tmp_path, spotted_images(3)))) == 3
    with pytest.raises(ImageNotReady):
        count_images(str(tmp_path / "missing_master.h5"))


def test_images_in_a_growing_master_are_analysed(tmp_path):
    images = some_images(2)
    master = Master().write(tmp_path / "grid_master.h5")
    write_images(master, images, name="entry/data/data", chunks=(1, 30, 44), maxshape=(None, 30, 44))
    assert len(analyse_available(str(master), [0, 1, 2])) == 2
    settle(master)
    assert "no image 2" in analyse_available(str(master), [2])[0].failure


def test_reports_travel_between_processes(tmp_path):
    master = spotted_collection(tmp_path, spotted_images(3))
    reports = analyse_available(str(master), [0, 2, 9])
    assert pickle.loads(pickle.dumps(reports)) == reports  # noqa: S301 - our own


def test_a_report_without_analysis_has_no_figures():
    assert ImageReport(image=3, failure="why").figures() == {}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int32])
@pytest.mark.parametrize("background", [0.0, 0.05, 5.0])
@pytest.mark.parametrize("algorithm", get_args(Algorithm))
@pytest.mark.parametrize("storage", ["bitshuffle-lz4", "gzip"])
def test_after_warming_up_no_kernel_is_compiled(tmp_path, dtype, background, algorithm, storage):
    warm_up()
    before = signatures()
    images = np.random.default_rng(1).poisson(background, (1, *SHAPE)).astype(dtype)
    images[0, 10:14, 10:14] += np.arange(80, 112, 2, dtype).reshape(4, 4)
    master = Master().write(tmp_path / "grid_master.h5")
    write_images(tmp_path / "grid_1.h5", images, **STORAGES[storage])
    link(master, "data_000001", "grid_1.h5")
    (report,) = analyse_available(str(master), [0], Parameters(algorithm=algorithm))
    assert report.analysis
    assert signatures() == before


def test_after_warming_up_many_spots_compile_nothing_either(tmp_path):
    warm_up()
    before = signatures()
    (report,) = analyse_available(str(spotted_collection(tmp_path, spotted_images(4))), [3])
    assert report.analysis.noisiness_method_1 is not None
    assert signatures() == before


def signatures():
    """Of all kernels compiled so far."""
    modules = [import_module(f"{kernels.__name__}.{module.name}") for module in iter_modules(kernels.__path__)]
    compiled = {v for module in modules for v in vars(module).values() if hasattr(v, "py_func")}
    assert len(compiled) > 20
    return {kernel.__name__: tuple(kernel.signatures) for kernel in compiled}
