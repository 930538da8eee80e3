"""Single images in miniCBF files."""

from pathlib import Path

import numpy as np
import pytest

from services.spotfinder.analysis import analyse_available
from services.spotfinder.images import ImageNotReady, ImageUnreadable, read
from services.spotfinder.images.minicbf import MARK, parse_header
from services.spotfinder.kernels.dispersion import MAX_COUNT
from tests.spotfinder.cbf_files import COMPRESSIONS, HEADER, some_pixels, write_cbf
from tests.spotfinder.nexus_files import opened, settle

EIGER_16M = Path(__file__).parents[1] / "data/eiger16m/dlsnxs2cbf_therm_0001.cbf.gz"


@pytest.fixture
def pixels():
    return some_pixels()


@pytest.fixture
def cbf(tmp_path, pixels):
    return write_cbf(tmp_path / "thau_1_0001.cbf", pixels)


@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_the_image_is_read_compressed_or_not(tmp_path, pixels, suffix):
    source = opened(write_cbf(tmp_path / f"thau_1_0001{suffix}", pixels))
    assert source.count() == 1
    assert np.array_equal(read(source, 0), pixels)
    assert np.array_equal(source.mask, pixels >= 0)


def test_the_header_gives_the_detector(cbf):
    detector = opened(cbf).detector
    assert detector == parse_header(HEADER)
    assert detector.pixel_size_mm == pytest.approx((0.172, 0.172))
    assert detector.distance_mm == pytest.approx(264.95)
    assert detector.beam_centre_px == (1230.06, 1280.99)
    assert detector.wavelength_angstrom == 0.9795
    assert (detector.sensor_material, detector.sensor_thickness_mm) == ("Si", pytest.approx(0.32))
    assert detector.saturation == 1048575


def test_a_header_without_a_cutoff_saturates_nowhere():
    """As converters from HDF5 write it."""
    assert parse_header(HEADER.replace("# Count_cutoff 1048575 counts\n", "")).saturation >= MAX_COUNT


def test_there_is_no_second_image(cbf):
    with pytest.raises(ImageUnreadable, match="no image 1"):
        read(opened(cbf), 1)


def test_a_header_without_wavelength_says_so(tmp_path, pixels):
    with pytest.raises(ImageUnreadable, match=r"thau_1_0001\.cbf: no Wavelength"):
        opened(write_cbf(tmp_path / "thau_1_0001.cbf", pixels, HEADER.replace("Wavelength", "Colour")))


@pytest.mark.parametrize("suffix", COMPRESSIONS)
@pytest.mark.parametrize("fraction", [0, 0.1, 0.4, 0.9])
def test_a_part_of_a_file_is_unreadable_once_nobody_writes_it(tmp_path, pixels, suffix, fraction):
    path = write_cbf(tmp_path / f"thau_1_0001{suffix}", pixels)
    path.write_bytes(path.read_bytes()[: int(fraction * path.stat().st_size)])
    with pytest.raises(ImageNotReady):
        opened(path)
    settle(path)
    with pytest.raises(ImageUnreadable, match=r"thau_1_0001\.cbf"):
        opened(path)


SPOILERS = {
    "no CBF": (lambda content: b"not a CBF file, only called so" * 99, "cut short"),
    "a changed pixel": (lambda content: content[:-500] + b"\0" + content[-499:], "checksum"),
    "another packing": (lambda content: content.replace(b"x-CBF_BYTE_OFFSET", b"x-CBF_PACKED"), "byte offsets"),
    "another type": (lambda content: content.replace(b"32-bit integer", b"32-bit real IEEE"), "32 bit integers"),
    "no dimensions": (lambda content: content.replace(b"Fastest", b"Quickest"), "no dimensions"),
    "too few pixels": (lambda content: content.replace(b"Dimension: 50", b"Dimension: 60"), "thau"),
}


@pytest.mark.parametrize(("spoil", "reason"), SPOILERS.values(), ids=SPOILERS)
def test_a_damaged_file_is_unreadable(cbf, spoil, reason):
    content = cbf.read_bytes()
    assert content.count(MARK) == 1
    cbf.write_bytes(spoil(content))
    settle(cbf)
    with pytest.raises(ImageUnreadable, match=reason):
        opened(cbf)


def test_a_file_that_does_not_exist_is_not_ready(tmp_path):
    with pytest.raises(ImageNotReady, match="does not exist"):
        opened(tmp_path / "later.cbf")


def test_a_real_image_of_an_eiger_16m_has_the_spots_that_dials_found():
    (report,) = analyse_available(str(EIGER_16M), [0])
    assert report.analysis == pytest.approx(
        (77, 63, 24, 2428.0, 2.32997866, 3.01761970, 2.26338420, 0.35285285, 0.24210526)
    )
