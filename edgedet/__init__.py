"""edgedet: a detection daemon for a Raspberry Pi, with or without a Coral Edge TPU.

Nothing is imported here: worker children load parts of this package on interpreters that have little else.
"""
