"""What comparisons cost in an executor of one and of two workers, against the threads of this process; prints a table.

    python tests/benchmarks/bench_executor.py
    python tests/benchmarks/bench_executor.py --pairs 100 500 --dask

The videos are those of the simulator at its smallest, so that what an executor adds to each pair shows: real ones take longer, and gain
more. Each executor is warm when it is measured. The cost of a pair must not grow with their number.
"""

import argparse
import contextlib
import itertools
import math
import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

CAT = Path(__file__).parents[2] / "notebooks" / "images" / "chelsea.png"
MOST_GROWTH = 1.25  # of the cost of a pair, from the fewest to the most pairs


def processes(workers):
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


@contextlib.contextmanager
def dask(workers):
    from distributed import Client, LocalCluster

    ways = {"processes": True, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(n_workers=workers, **ways) as cluster, Client(cluster) as client:
        yield client


@contextlib.contextmanager
def threads(_workers):
    yield None


def measure(exp, executor, number):
    import kie_nb as kie
    from kie_nb.experiment import spread
    from kie_nb.handles import get_session

    kie.configure(executor=executor)
    pairs = list(itertools.islice(itertools.combinations(exp.runs, 2), number))
    assert len(pairs) == number
    spread._known.clear()
    since = time.perf_counter()
    found = spread.results(spread._measured(get_session(), pairs))
    took = time.perf_counter() - since
    kie.configure(executor=None)
    return took, found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, nargs="+", default=[100, 500])
    parser.add_argument("--dask", action="store_true", help="measure a LocalCluster too")
    args = parser.parse_args()

    import kie_nb as kie
    from kie_nb.simulator import Simulator

    places = tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)
    with places as folder, Simulator(tiny=True, speed=200, creates_per_window=10_000) as simulator:
        os.environ |= {"KIE_BASE_URL": simulator.base_url, "KIE_NB_HOME": folder, "KIE_NB_STATE": folder}
        os.environ["KIE_NB_CREATES_PER_WINDOW"] = "10000"
        seeds = range(1 + math.ceil((1 + math.sqrt(1 + 8 * max(args.pairs))) / 2))
        exp = kie.Experiment("bench", image=str(CAT), prompt="The cat smiles", seed=seeds).run().wait(600)
        ways = [("threads", threads, 2), ("processes", processes, 1), ("processes", processes, 2)]
        ways += [("dask", dask, 1), ("dask", dask, 2)] * args.dask
        print(f"{'executor':16}" + "".join(f"{number:>10} pairs  each" for number in args.pairs))
        is_flat, known = True, None
        for name, make, workers in ways:
            with make(workers) as executor:
                measure(exp, executor, 2 * workers + 2)
                took = [measure(exp, executor, number) for number in args.pairs]
            costs = [1000 * seconds / number for (seconds, _), number in zip(took, args.pairs, strict=True)]
            known = known or took[-1][1]
            assert took[-1][1] == known
            is_flat = is_flat and max(costs) <= MOST_GROWTH * costs[0]
            cells = (
                f"{seconds:8.1f} s {cost:6.1f} ms" for (seconds, _), cost in zip(took, costs, strict=True)
            )
            print(f"{name} of {workers}".ljust(16) + "".join(f"{cell:>22}" for cell in cells), flush=True)
    print("" if is_flat else "the cost of a pair grows with their number")
    sys.exit(0 if is_flat else 1)


if __name__ == "__main__":
    main()
