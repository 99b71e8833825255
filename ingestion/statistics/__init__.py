"""Statistics that SQL cannot express: pure functions of numbers, called by dbt Python models.

Belongs here: mathematics on maintained libraries, typed, without the network, the clock or the disk.
"""
