"""Runs of every kind in a ledger, with no service behind them."""

import pytest
from owners import dead

import kie_nb
from kie_nb.catalogue import build_request
from kie_nb.ledger import KeptFile, Ledger, NewRun

MODEL = "wan/2-5-text-to-video"


@pytest.fixture
def record(tmp_path):
    """Write a run into the ledger of the current folder, and get its handle by the public door."""

    def write(
        state="waiting",
        *,
        service="kie",
        prompt="Waves",
        error=None,
        video=None,
        model=MODEL,
        seed=7,
        **columns,
    ):
        raw = {"prompt": prompt} if model != MODEL else None
        request = build_request(model=model, raw=raw, **({} if raw else {"prompt": prompt, "seed": seed}))
        ledger = Ledger(tmp_path / "kie-runs")
        run, _ = ledger.intend(
            NewRun(
                service=service,
                account="a",
                model=request.model,
                request=request.to_json(),
                fingerprint=request.fingerprint(service),
                family=request.family(service),
                seed=request.seed,
                seed_drawn=False,
                estimate=request.estimate.credits if request.estimate else None,
                **dead(),
                made_by={},
            )
        )
        if state in {"accepted", "waiting", "queuing", "generating", "success"}:
            columns.setdefault("task_id", "task-of-a-test")
        if state != "intent":
            files = (KeptFile(name=video, number=0),) if video else ()
            ledger.move(run.id, state, expect={"intent"}, error=error, files=files, **columns)
        ledger.close()
        return kie_nb.get(run.id)

    return write
