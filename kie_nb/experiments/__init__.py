"""Experiments: named grids of requests that are planned, priced, run, interrupted, grown, compared and repeated.

What is asked for: `definition` (as stored) → `grid` (its cells) → `cell_requests` (checked); `definition_store` keeps it.
How it stands: `cell_runs` (the cells with their runs), `plan`, `status`. Buying: `limits`, `runner`. The handle over all of it
is `experiment`; `headless` runs one from the command line. Exports: `data`, `parquet`, `crate`, `tracking`, `report`, `wall`.
Judging: `comparison`, `verdict`, `spread`.
"""
