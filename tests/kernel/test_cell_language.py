"""What a cell may look like, in a real kernel: IPython's own rules stand between it and the magic."""

WAVES = "--model wan/2-5-text-to-video"


def test_comments_above_and_options_below(kernel, simulator):
    """Neither is a part of the prompt."""
    cell = kernel.run(
        f"# what for\n\n%%kie_wan {WAVES} -o clip --wait\n--duration 10 \\\n  --seed 31\nWaves roll."
    )

    assert cell.status == "ok", cell.error
    asked = simulator.tasks[-1].input
    assert (asked["prompt"], asked["duration"], asked["seed"]) == ("Waves roll.", "10", 31)


def test_a_functions_own_variables_fill_the_line(kernel, simulator):
    """They are nearer than the notebook's."""
    assert kernel.run("who = 'WRONG'").status == "ok"

    cell = kernel.run(f"def ask(who):\n    %kie_wan {WAVES} --format --seed 32 a {{who}}\nask('dog')")

    assert cell.status == "ok", cell.error
    assert simulator.tasks[-1].input["prompt"] == "a dog"


def test_what_capture_keeps(kernel):
    """The video once: a line of the magic that is a value too leaves a line of text for it."""
    for cell in (f"%%kie_wan {WAVES} -o clip --seed 33 --wait\nWaves", "clip.wait();"):
        assert kernel.run(cell).status == "ok"
    kept = "[sorted(one.data) for one in kept.outputs]"

    assert kernel.run("%%capture kept\nclip").status == "ok"
    assert kernel.value(kept) == "[['image/jpeg', 'text/html', 'text/plain']]"
    assert kernel.run(f"%%capture kept\n%kie_wan {WAVES} --seed 33 Waves").status == "ok"
    assert kernel.value(kept) == "[['image/jpeg', 'text/html', 'text/plain'], ['text/plain']]"


def test_a_stored_run_is_found_by_the_next_kernel(shared, simulator):
    """`%store`, without the extension too; asyncio says what to write there as anywhere."""
    same = {"IPYTHONDIR": str(shared.private / "stored")}
    first, second = shared.kernel(simulator, **same), shared.kernel(simulator, load=False, **same)
    assert first.run(f"%%kie_wan {WAVES} -o clip --seed 34 --wait\nWaves").status == "ok"
    assert first.run("%store clip").status == "ok"

    assert second.run("%store -r clip").status == "ok"
    assert second.value("clip.wait().seed") == "34"
    assert "write `await run`" in second.run("import asyncio\nasyncio.create_task(clip)").error
