"""Numba kernels of the spot finder: numbers and arrays in and out, no I/O. See docs/explanations/spot-finding.md.

Images are ``[slow, fast]`` and C-contiguous; pixels are named by their index in the flattened image. Every kernel runs
as plain Python, too (``.py_func``), and does the same.
"""
