"""Figures of this machine: each stage alone, the pipeline as `edgedet detect` runs it, and bare inference as the limit.

Absolute times say something about one machine on one day; what says something about edgedet are ratios, taken from
rounds in which the measured and the limit alternate. Every process that is measured is a fresh one.
"""
