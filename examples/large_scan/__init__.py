"""A scan split over processes: work units on Dask, or on the standard library's process pool.

work   what one process does with one unit
demo   the command line: `python -m examples.large_scan.demo --on dask`
"""
