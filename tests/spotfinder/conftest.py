"""Settings of the spot finder's property tests."""

from hypothesis import settings

settings.register_profile("spotfinder", deadline=None, max_examples=50)  # the first call of a kernel compiles it
settings.load_profile("spotfinder")
