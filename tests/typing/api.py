"""The public calls as a user writes them: checked by `mypy --strict`, never run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import kie_nb as kie


def ask_and_wait() -> Path | None:
    kie.configure(max_credits=200, wait=False, embed="preview", home="runs")
    kie.configure(service="simulator", home=Path("runs"), creates_per_window=5, simulator_speed=20.0)
    kie.configure(service=None, max_credits=None, wait=None)
    kie.configure(embed="all")  # type: ignore[arg-type]
    kie.configure(hone="runs")  # type: ignore[call-arg]
    run: kie.Run = kie.generate(
        "The cat smiles.",
        image=Path("cat.png"),
        seed=7,
        duration=5,
        resolution="720p",
        negative_prompt="blur",
        enable_prompt_expansion=False,
    )
    same: kie.Run = run.wait(timeout_s=600)
    facts: tuple[str, str, int | None, float | None] = (same.id, same.state, same.seed, same.credits)
    link: str | None = same.url
    history: list[dict[str, Any]] = same.history()
    origin: dict[str, Any] = same.origin
    print(facts, link, history, origin)
    same.show()
    return same.video


def chain(first: kie.Run) -> Path | None:
    second = kie.generate("It goes on.", image=first.frame(-1), seed=7)
    size: tuple[int, int] = first.frame(2.5).size
    film: kie.Run = kie.join([first, second, "a.mp4", Path("b.mp4")], "film.mp4")
    kie.join([first, second], last=True)  # type: ignore[call-arg]
    print(size)
    return film.video


def another_model() -> kie.Run:
    return kie.generate(
        model="wan/3-0-video", input={"prompt": "Waves", "duration": 5}, fresh=True, max_credits=100
    )


def look_around() -> float:
    first = kie.runs(limit=10)
    open_ones: Sequence[kie.Run] = kie.resume()
    one: kie.Run = kie.get(first[0].id[:8])
    print(open_ones, one.prompt, one.is_final, one.error)
    balance: float = kie.credits()
    return balance


def handle() -> str:
    try:
        kie.generate("The cat smiles.", image="cat.png")
    except kie.OutcomeUnknown as exc:
        return f"{exc.message} {exc.charged} {exc.hint} {exc.run_id}"
    except kie.RateLimited as exc:
        return str(exc.code)
    except kie.TaskFailed as exc:
        return exc.fail_code or ""
    except (kie.InvalidRequest, kie.KieError) as exc:
        return "\n".join(exc.lines())
    return ""


async def the_run_in_a_coroutine(run: kie.Run) -> kie.Run:
    return await run


async def the_wire() -> Path:
    async with kie.AsyncKie() as client:
        upload: kie.Upload = await client.upload(b"...", "a-hash.png", mime="image/png")
        task_id: str = await client.create("wan/2-5-image-to-video", {"prompt": "x", "image_url": upload.url})
        record: kie.TaskRecord = await client.wait(task_id, on_change=lambda seen: print(seen.state))
        balance: float = await client.credits()
        print(record.credits, record.duration_s, balance)
        return await client.download(record.urls[0], "waves.mp4")


def called(headers: dict[str, str], body: bytes) -> tuple[str, str, tuple[str, ...], float | None]:
    callback: kie.Callback = kie.verify_callback(headers, body, "a secret")
    return callback.task_id, callback.state, callback.urls, callback.credits


def how_alike(run: kie.Run) -> tuple[str, float, float | None]:
    found = kie.compare(run, Path("other.mp4"), spread=0.3)
    return found.verdict, found.likeness.ssim, found.judgement.share


def side_by_side(exp: kie.Experiment, runs: Sequence[kie.Run]) -> Path:
    exp.wall(rows=("prompt", "who"), cols="seed")
    return kie.wall(runs, rows="prompt").save("wall.html", embed_mb=5)


def without_typing(run: kie.Run, video: Path) -> str:
    panel = kie.panel()
    runs: Sequence[kie.Run] = panel.fill(run).generate()
    panel.fill(run.request).fill(video).fill(kie.read_request(video))
    return panel.cell(runs[0])


def from_a_plain_cell() -> Path:
    path: Path = kie.run(the_wire())
    return path


def as_a_table(exp: kie.Experiment) -> int:
    frames = [exp.to_frame(), kie.runs().to_frame(), kie.experiments(["smile", "cats"]).to_frame()]
    run: kie.Run = exp[0] if len(exp) else exp.at(who="cat", seed=1)
    print(kie.experiments()[0].status, run)
    return exp.rate(frames[0], on=["who", "seed"], column="human")


def more_of_it(exp: kie.Experiment) -> kie.Experiment:
    rand = kie.Experiment.from_frame("rand", [{"who": "cat", "seed": 1}], image="cat.png", prompt="{who}")
    found: kie.Run | None = rand.ask({"who": "ox"})
    if found is not None:
        score: float | None = rand.tell(found, 0.5).score
        print(score, kie.Experiment("part", prompt="Rain", seed=range(99), sample=20, max_credits=600))
    exp.replace(seed=[5]).run()
    return exp.top(2, by="rating", over="seed").grow(seed=range(4, 12)).run()


def hand_on(exp: kie.Experiment) -> list[Path]:
    print(exp.log_to_mlflow("sqlite:///mlflow.db", experiment="smiles").made)
    return [
        exp.export_data("smile.parquet"),
        exp.export_crate("smile", license_url="https://creativecommons.org/licenses/by/4.0/"),
        exp.report("smile.html", embed_mb=10, compare=False),
    ]
