"""Grid-scan spot finder: a block of images in, one result per image out."""
