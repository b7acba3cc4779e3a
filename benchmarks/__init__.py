"""Measurements in one run with what is compared: `python -m benchmarks [name …]`.

    planning  from a question to its first request, in one process
    codec     encoding and decoding an item, in one process
    cold      import, connect, first call, end
    memory    what waits, and what streams
    engines   wall time on real engines
    verbs     each verb over a socket, against each peer

A bench is a module with `titles()`, the names of its rows, and `run(options) -> dict`; its result goes
to `build/benchmarks/NAME.json`, or with `--save` to `benchmarks/results/NAME.json`, which is tracked.
`chart` and `tables` draw what was measured.
"""
