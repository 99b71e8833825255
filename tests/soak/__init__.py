"""`make soak`: months of a simulated installation at speed, with faults and kills.

`python -m tests.soak --days 200 --kills 50 --seed 1`. The daemon, the code server and the workers of runs are
the real ones; only their clock is simulated, and the upstreams are a server on loopback.
"""
