"""Drawings of what the spot finder found. Data in, a figure out: no file is read here."""
