"""An Edge TPU in software: the library that a runtime loads, what computes its answers, and models compiled for it."""
