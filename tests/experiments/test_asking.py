"""What an experiment is asked with: numbers, functions, addresses and arrays that have no meaning, or hold a secret."""

import numpy as np
import pytest

import kie_nb as kie

SHORT_S = 120
SIGNED = "https://example.invalid/cat.png?size=9&X-Amz-Signature=abc"


@pytest.mark.parametrize("name", ["parallel", "stop_after_failures", "stop_after_unknowns"])
@pytest.mark.parametrize("wrong", [0, -3, 1.5, True, "2"], ids=repr)
def test_counts_are_whole_numbers(smile, simulator, name, wrong):
    """With none at once it would end at once, and say nothing."""
    with pytest.raises(kie.InvalidRequest, match=f"{name}=.*a whole number above 0"):
        smile(seeds=1).run(**{name: wrong})
    assert len(simulator.tasks) == 0


def test_a_function_that_fails_is_told(smile):
    """With the cell at which it did."""
    with pytest.raises(kie.InvalidRequest, match=r"where=... failed at .*'seed': 0.*KeyError: 'sed'"):
        smile(where=lambda at: at["sed"] < 3)


def test_an_address_with_a_password_is_refused(smile, simulator):
    """The definition holds no key; neither does what is said of it."""
    with pytest.raises(kie.InvalidRequest, match=r"at example\.invalid holds a user's name") as caught:
        smile(image="https://me:hush@example.invalid/cat.png")
    assert "hush" not in str(caught.value)


def test_a_signed_address_is_told(smile, simulator, tmp_path, capsys):
    """Once: by the plan, or before the file that names it is written."""
    exp = smile(image=SIGNED, seeds=1)
    exp.save(tmp_path / "smile.toml")

    said = capsys.readouterr().out
    assert "An address at example.invalid is signed (X-Amz-Signature=…)" in said
    assert "abc" not in said
    assert "is signed" not in repr(exp.plan())


def test_arrays_are_axes(cat, simulator):
    """As the numbers in them; one of more dimensions is a picture."""
    picture = np.zeros((400, 400, 3), dtype=np.uint8)
    exp = kie.Experiment(
        "arrays", image=picture, prompt="The cat smiles", seed=np.arange(3), duration=[np.int64(5), 10]
    )

    assert len(exp) == 6
    assert exp.definition.to_json()["axes"] == {"seed": [0, 1, 2], "duration": [5, 10]}


@pytest.mark.parametrize("first", ["saved", "bought"])
def test_a_file_and_a_handle_have_one_drawn_seed(cat, simulator, tmp_path, first):
    """Whichever wrote it down: what was saved is the experiment that is bought."""
    (tmp_path / "cat.png").write_bytes(cat.read_bytes())
    ask = {"image": "cat.png", "prompt": ["The cat smiles", "The cat yawns"]}
    one, other = kie.Experiment("drawn", **ask), kie.Experiment("drawn", **ask)
    if first == "saved":
        file = one.save("drawn.toml")
        other.run().wait(SHORT_S)
    else:
        other.run().wait(SHORT_S)
        file = one.save("drawn.toml")

    assert kie.Experiment.load(file).run().wait(SHORT_S).status().done == 2
    assert len(simulator.tasks) == 2


def test_what_was_saved_alone_may_still_be_changed(smile, simulator, cat, tmp_path):
    """Nothing was bought under its name."""
    (tmp_path / "cat.png").write_bytes(cat.read_bytes())
    kie.Experiment("drawn", image="cat.png", prompt="The cat smiles").save("drawn.toml")
    changed = kie.Experiment("drawn", image="cat.png", prompt="The cat yawns")

    assert changed.run().wait(SHORT_S).status().done == 1
