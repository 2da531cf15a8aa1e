"""Experiments: named grids of requests that are planned, priced, run, interrupted, grown, compared and repeated.

The request: `definition` (as stored) → `grid` (its cells) → `cell_requests` (checked).
Its state: `stored` (the definition and the cells with their runs), `plan`, `status`. Buying: `runner`. The handle over all of
it is `experiment`; `headless` runs one from the command line. Exports: `data`, `crate`, `tracking`, `report`, `wall`.
Judging: `comparison`, `verdict`, `spread`.
"""
