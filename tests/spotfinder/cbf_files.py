"""Small miniCBF files, as PILATUS and EIGER detectors write them."""

import bz2
import gzip

import fabio.cbfimage
import numpy as np

HEADER = """# Detector: PILATUS 6M-F, S/N 60-0114-F
# Pixel_size 172e-6 m x 172e-6 m
# Silicon sensor, thickness 0.000320 m
# Exposure_time 0.037 s
# Count_cutoff 1048575 counts
# Wavelength 0.97950 A
# Detector_distance 0.26495 m
# Beam_xy (1230.06, 1280.99) pixels"""

COMPRESSIONS = {".cbf": bytes, ".cbf.gz": gzip.compress, ".cbf.bz2": bz2.compress}


def some_pixels(seed=1, shape=(40, 50)):
    """Counts with a gap and a bad pixel."""
    image = np.random.default_rng(seed).poisson(3, shape).astype(np.int32)
    image[10:13] = -1
    image[20, 20] = -2
    return image


def write_cbf(path, pixels, header=HEADER):
    """Compressed as the name says."""
    contents = {"_array_data.header_convention": '"PILATUS_1.2"', "_array_data.header_contents": header}
    plain = path.parent / "being_written"
    fabio.cbfimage.CbfImage(data=pixels, header=contents).write(str(plain))
    path.write_bytes(COMPRESSIONS["".join(path.suffixes)](plain.read_bytes()))
    plain.unlink()
    return path
