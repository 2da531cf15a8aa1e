"""Experiments: named grids of requests that are planned, priced, run, interrupted, grown, compared and repeated."""
