"""A definition of an experiment, in a file or in a ledger, may be anybody's: it is read, or refused in words."""

import pytest

import kie_nb as kie
from kie_nb.cli import main
from kie_nb.experiment.definition import Definition

HEAD = 'kie_nb = 1\nname = "x"\nmodel = "wan/2-5-text-to-video"\n'
BODY = '[fixed]\nprompt = "a"\n[axes]\nseed = [1]\n'
REFUSED = {
    "zip is a number": f"{HEAD}zip = 5\n{BODY}",
    "zip is numbers": f"{HEAD}zip = [5]\n{BODY}",
    "zip is tables": f"{HEAD}zip = [[{{a = 1}}]]\n{BODY}",
    "dropped is a number": f"{HEAD}dropped = 5\n{BODY}",
    "dropped is numbers": f"{HEAD}dropped = [1]\n{BODY}",
    "dropped at a list": f"{HEAD}dropped = [{{seed = [1]}}]\n{BODY}",
    "an axis is a table": f'{HEAD}[fixed]\nprompt = "a"\n[axes.seed]\na = 1\n',
    "an axis of dates and tables": f'{HEAD}[fixed]\nprompt = "a {{w}}"\n[axes]\nw = [1979-05-27, {{a = 1}}]\n',
    "an axis without numbers": f'{HEAD}[fixed]\nprompt = "a {{w}}"\n[axes]\nw = [nan, inf]\n',
    "a table to fill in": f'{HEAD}[fixed]\nprompt = "a {{w}}"\nw = {{a = 1}}\n[axes]\nseed = [1]\n',
    "repeats is a text": f'{HEAD}repeats = "2"\n{BODY}',
    "a name with NUL": HEAD.replace('"x"', '"x\\u0000"') + BODY,
    "an endless name": HEAD.replace('"x"', f'"{"x" * 20_000}"') + BODY,
    "the model is a number": HEAD.replace('"wan/2-5-text-to-video"', "5") + BODY,
    "a number of 4500 digits": f"{HEAD}repeats = {'9' * 4500}\n{BODY}",
    "deep": f"a = {'[' * 5000}{']' * 5000}",
    "endless": f"# {'x' * (17 << 20)}\n{HEAD}{BODY}",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_a_file_that_defines_nothing_is_refused_in_words(simulate, tmp_path, capsys, text):
    """By the command line and in Python; nothing is sent."""
    simulator = simulate()
    file = tmp_path / "theirs.toml"
    file.write_text(text)

    with pytest.raises(kie.InvalidRequest):
        kie.Experiment.load(file)
    assert main(["run", str(file)]) == 1
    assert "Traceback" not in capsys.readouterr().err
    assert simulator.counts["create_requests"] == 0


def test_a_file_that_windows_has_saved_is_read(tmp_path):
    """Its editor marks UTF-8 at the beginning."""
    file = tmp_path / "mine.toml"
    file.write_text(HEAD + BODY, encoding="utf-8-sig")

    assert Definition.load(file).name == "x"
