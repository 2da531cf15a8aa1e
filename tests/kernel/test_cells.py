"""Cells in a real kernel: what is typed arrives, what is asked is done."""

import json

import pytest

CAT = "--image cat.png --seed 1"
TEXT = "--model wan/2-5-text-to-video --seed 1"


def sent(simulator):
    return simulator.tasks[-1].input["prompt"]


def test_the_run_is_in_the_variable_and_is_the_value_of_the_line(kernel):
    """`-o` and an assignment give the same kind of thing, at once."""
    kernel.run(f"%%kie_wan {CAT} -o one\nA cat.")
    kernel.run(f"two = %kie_wan {CAT} A cat.")

    assert kernel.value("(type(one).__name__, one is two, one.seed)") == "('Run', True, 1)"


def test_a_semicolon_silences_the_value_and_not_the_card(kernel, simulator):
    """`;` is IPython's own sign: the prompt does not get it, and its quotes are still seen."""
    cell = kernel.run(f'%kie_wan {TEXT} "A silent lake";')

    assert cell.status == "ok", cell.error
    assert "SIMULATED" in cell.text
    assert sent(simulator) == "A silent lake"


def test_format_fills_variables_and_names_a_missing_one(kernel, simulator):
    """`--format` is asked for; doubled braces stay."""
    assert kernel.run("animal, n = 'fox', 3").status == "ok"
    assert kernel.run(f"%%kie_wan {TEXT} --format\n{{n}} times a {{animal}}, {{{{braces}}}}").status == "ok"
    assert sent(simulator) == "3 times a fox, {braces}"

    posts = simulator.counts["create_requests"]
    cell = kernel.run(f"%%kie_wan {TEXT} --format\nA {{anmial}}")
    assert cell.status == "error"
    assert "'anmial'" in cell.error
    assert "animal" in cell.error.replace("anmial", "")
    assert simulator.counts["create_requests"] == posts


def test_a_picture_of_a_variable_is_the_first_frame(kernel, simulator):
    """A PIL image, bytes and an array are taken as they are."""
    kernel.run(
        "from PIL import Image; import numpy as np\nphoto = Image.open('cat.png')\n"
        "array = np.array(photo)\nraw = open('cat.png', 'rb').read()"
    )
    for name in ("photo", "array", "raw"):
        cell = kernel.run(f"%%kie_wan --image {name} --seed 9\nFrom {name}.")
        assert cell.status == "ok", cell.error
        assert sent(simulator) == f"From {name}."
        assert simulator.tasks[-1].input["image_url"].startswith(simulator.base_url)


def test_options_reach_the_service(kernel, simulator):
    """Every option of the model is sent under its own name and type."""
    line = (
        "--image cat.png --duration 10 --resolution 1080p --seed 2147483647 --negative-prompt 'blur, noise' "
        "--no-enable-prompt-expansion --nsfw-checker"
    )
    assert kernel.run(f"%%kie_wan {line}\nThe cat runs.").status == "ok"

    given = simulator.tasks[-1].input
    given.pop("image_url")
    assert given == {
        "prompt": "The cat runs.",
        "duration": "10",
        "resolution": "1080p",
        "seed": 2147483647,
        "negative_prompt": "blur, noise",
        "enable_prompt_expansion": False,
        "nsfw_checker": True,
    }


def test_another_model_takes_raw_inputs(kernel, simulator):
    """A model that is not described here is served by `--set`."""
    cell = kernel.run("%%kie_wan --model veed/fabric-1 --set duration=5 --set sound=true\nA kite.")

    assert cell.status == "ok", cell.error
    assert simulator.tasks[-1].model == "veed/fabric-1"
    assert simulator.tasks[-1].input == {"prompt": "A kite.", "duration": 5, "sound": True}


def test_a_dry_run_sends_nothing(kernel, simulator):
    """The exact JSON and the estimate are shown; no call of any kind leaves."""
    before = dict(simulator.counts)
    cell = kernel.run(
        "%%kie_wan --image cat.png --duration 10 --resolution 1080p --seed 5 --dry-run -o dry\nNever sent."
    )

    assert cell.status == "ok", cell.error
    body = json.loads(cell.text[cell.text.index("{") : cell.text.rindex("}") + 1])
    assert body["model"] == "wan/2-5-image-to-video"
    assert body["input"]["duration"] == "10"
    assert "200 credits" in cell.text
    posts = ("create_requests", "upload_requests", "credit_requests")
    assert [simulator.counts[name] for name in posts] == [before.get(name, 0) for name in posts]
    assert (
        kernel.value("[run.prompt for run in __import__('kie_nb').runs() if 'Never' in run.prompt]") == "[]"
    )


def test_help_lists_every_option(kernel):
    """`--help` is made of the model's description."""
    text = kernel.run("%kie_wan --help").text

    for option in (
        "--image",
        "--duration 5|10",
        "--resolution",
        "--seed",
        "--fresh",
        "--embed",
        "2147483647",
    ):
        assert option in text


def test_a_question_mark_alone_is_still_help(kernel):
    """`%kie_wan?` shows the docstring, and sends nothing."""
    for line in ("%kie_wan?", "?%kie_wan", "%%kie_wan?"):
        reply = kernel.run(line).reply
        assert reply["status"] == "ok"
        assert "--help" in reply["payload"][0]["data"]["text/plain"], line


def test_quiet_shows_nothing(kernel):
    """The run is in the variable, the output is empty."""
    cell = kernel.run(f"%%kie_wan {TEXT} --quiet --wait -o hushed\nNot a word.")

    assert cell.status == "ok", cell.error
    assert cell.outputs == []
    assert kernel.value("hushed.state.value") == "'fetched'"


def test_a_limit_refuses_before_anything_is_sent(kernel, simulator):
    """720p for 5 s is 60 credits: above 59, not above 60."""
    posts = simulator.counts["create_requests"]
    cell = kernel.run("%%kie_wan --image cat.png --seed 61 --max-credits 59\nToo dear.")
    assert cell.status == "error"
    assert "60 credits" in cell.error
    assert simulator.counts["create_requests"] == posts

    assert kernel.run("%%kie_wan --image cat.png --seed 61 --max-credits 60\nToo dear.").status == "ok"
    assert simulator.counts["create_requests"] == posts + 1


WRONG = {
    "unknown option": ("--sed 7", "--seed"),
    "no number": ("--seed seven", "seed"),
    "seed too large": ("--seed 2147483648", "2147483647"),
    "not a choice": ("--duration 7", "10"),
    "no such file": ("--image nowhere.png", "nowhere.png"),
    "no variable name": ("-o 7up", "7up"),
    "value missing": ("--resolution", "--resolution"),
    "limit no number": ("--max-credits much", "--max-credits"),
}


@pytest.mark.parametrize(("line", "word"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_line_says_so_in_few_lines_and_sends_nothing(kernel, simulator, line, word):
    """Two to five lines: what is wrong, that nothing was charged, what to do. No stack of ours."""
    posts = simulator.counts["create_requests"]
    cell = kernel.run(f"%%kie_wan --image cat.png {line}\nWrong.")

    assert cell.status == "error"
    assert word in cell.error
    assert "charged: nothing" in cell.error
    assert 2 <= len(cell.error.splitlines()) <= 5, cell.error
    assert "kie_nb" not in cell.error
    assert "File " not in cell.error
    assert simulator.counts["create_requests"] == posts


def test_an_empty_prompt_is_refused_here(kernel, simulator):
    """A cell without a body asks for nothing."""
    posts = simulator.counts["create_requests"]
    cell = kernel.run("%%kie_wan --image cat.png\n   \n")

    assert cell.status == "error"
    assert "Prompt is missing" in cell.error
    assert simulator.counts["create_requests"] == posts


def test_a_cell_that_raises_stops_the_cells_behind_it(kernel, simulator):
    """Run All ends where something went wrong: the cell after it spends nothing."""
    posts = simulator.counts["create_requests"]
    kernel.submit("import time; time.sleep(2)")  # both must be waiting when the first one raises
    first = kernel.submit("%%kie_wan --image nowhere.png\nWrong.")
    second = kernel.submit("%%kie_wan --image cat.png --seed 404\nMust not be sent.")

    assert kernel.result(first).status == "error"
    assert kernel.result(second).status in {"error", "aborted"}
    assert simulator.counts["create_requests"] == posts


def test_loading_twice_and_unloading(kernel):
    """%reload_ext changes nothing; %unload_ext takes the magics away."""
    assert kernel.run("%reload_ext kie_nb").status == "ok"
    assert kernel.run("%load_ext kie_nb").status == "ok"
    assert (
        kernel.value("sum(getattr(m, 'is_kie_nb', False) for m in get_ipython().Completer.custom_matchers)")
        == "1"
    )
    assert kernel.run("%unload_ext kie_nb").status == "ok"
    assert "not found" in kernel.run("%kie status").text + kernel.run("%kie status").error
    assert kernel.run("%load_ext kie_nb").status == "ok"
