"""Names of the rows that others are compared with; here, since who measures them may not import who compares."""

OURS = "mxmesh, chunk to record"
OURS_ON_PIXELS = "mxmesh, decoded first"
DIALS_FIND_SPOTS = "DIALS find_spots, dispersion"
DIALS_EXTENDED = "DIALS find_spots, dispersion_extended"
DECTRIS, BITSHUFFLE, HDF5PLUGIN = "dectris-compression", "bitshuffle", "hdf5plugin"
LZ4 = "LZ4 alone"

LIBRARIES = (DECTRIS, BITSHUFFLE, HDF5PLUGIN)
"""Decompress bitshuffle-LZ4 in C; the fastest of them is the floor."""
