"""The upstreams, one module each, and the registry of them.

A module defines `SOURCE`. Registering it here is all it takes to be fetched, checked, loaded, shown in the
web UI and put through the suite that every source passes.
"""
