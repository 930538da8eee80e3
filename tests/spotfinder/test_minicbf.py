"""Single images in miniCBF files."""

import gzip

import fabio.cbfimage
import numpy as np
import pytest

from services.spotfinder.images import ImageNotReady, ImageUnreadable, OpenFiles, open_images, read
from services.spotfinder.images.minicbf import parse_header
from tests.spotfinder.nexus_files import settle

HEADER = """# Detector: PILATUS 6M-F, S/N 60-0114-F
# Pixel_size 172e-6 m x 172e-6 m
# Silicon sensor, thickness 0.000320 m
# Exposure_time 0.037 s
# Count_cutoff 1048575 counts
# Wavelength 0.97950 A
# Detector_distance 0.26495 m
# Beam_xy (1230.06, 1280.99) pixels"""


@pytest.fixture
def pixels():
    image = np.random.default_rng(1).poisson(3, (40, 50)).astype(np.int32)
    image[10:13] = -1
    image[20, 20] = -2
    return image


@pytest.fixture
def cbf(tmp_path, pixels):
    path = tmp_path / "thau_1_0001.cbf"
    header = {"_array_data.header_convention": '"PILATUS_1.2"', "_array_data.header_contents": HEADER}
    fabio.cbfimage.CbfImage(data=pixels, header=header).write(str(path))
    return path


def test_the_image_is_read(cbf, pixels):
    source = open_images(cbf, OpenFiles(1))
    assert source.count() == 1
    assert np.array_equal(read(source, 0), pixels)
    assert np.array_equal(source.mask, pixels >= 0)


def test_a_compressed_file_is_read(cbf, pixels):
    compressed = cbf.with_suffix(".cbf.gz")
    compressed.write_bytes(gzip.compress(cbf.read_bytes()))
    assert np.array_equal(read(open_images(compressed, OpenFiles(1)), 0), pixels)


def test_the_header_gives_the_detector(cbf):
    detector = open_images(cbf, OpenFiles(1)).detector
    assert detector == parse_header(HEADER)
    assert detector.pixel_size_mm == pytest.approx((0.172, 0.172))
    assert detector.distance_mm == pytest.approx(264.95)
    assert detector.beam_centre_px == (1230.06, 1280.99)
    assert detector.wavelength_angstrom == 0.9795
    assert (detector.sensor_material, detector.sensor_thickness_mm) == ("Si", pytest.approx(0.32))
    assert detector.saturation == 1048575


def test_there_is_no_second_image(cbf):
    with pytest.raises(ImageUnreadable, match="no image 1"):
        read(open_images(cbf, OpenFiles(1)), 1)


def test_a_header_without_wavelength_says_so(cbf):
    with pytest.raises(ValueError, match="no Wavelength"):
        parse_header(HEADER.replace("Wavelength", "Colour"))


def test_half_a_file_is_unreadable_once_nobody_writes_it(cbf):
    cbf.write_bytes(cbf.read_bytes()[:1500])
    with pytest.raises(ImageNotReady):
        open_images(cbf, OpenFiles(1))
    settle(cbf)
    with pytest.raises(ImageUnreadable, match=r"thau_1_0001\.cbf"):
        open_images(cbf, OpenFiles(1))


def test_a_file_that_does_not_exist_is_not_ready(tmp_path):
    with pytest.raises(ImageNotReady, match="does not exist"):
        open_images(tmp_path / "later.cbf", OpenFiles(1))
