"""Measurements of CPU time, in one run with what is compared: `python -m benchmarks [name …]`.

A bench is a module here with `NAME` and `run() -> dict`; its result goes to `results/NAME.json`.
"""
