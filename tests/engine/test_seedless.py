"""A model without a seed: the same request is still one run, and another video of it is asked for as such."""

import kie_nb as kie
from kie_nb.handles import get_session
from kie_nb.notebook.run_cell import next_repeat

ASKED = {"model": "seedance-2-mini", "duration": 4, "resolution": "480p"}


def test_another_video_of_a_model_without_a_seed(simulate):
    """No seed is sent; the cell again shows the run; another one is bought by asking for it, and told apart by a number."""
    service = simulate()
    run = kie.generate("Waves at sea.", **ASKED).wait(60)

    assert (run.model, run.seed, "seed" in service.tasks[0].input) == (
        "bytedance/seedance-2-mini",
        None,
        False,
    )
    assert kie.generate("Waves at sea.", **ASKED) is run
    assert next_repeat(run) == 1
    repeated = kie.generate("Waves at sea.", replicate=1, **ASKED).wait(60)
    other = get_session().another(run).wait(60)

    assert len({run.id, repeated.id, other.id}) == 3
    assert (len(service.tasks), next_repeat(run)) == (3, 2)
    assert [task.input for task in service.tasks] == [service.tasks[0].input] * 3
