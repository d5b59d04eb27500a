"""`read`: a checkpoint in, a reading out; nothing is printed or written."""

import pytest

from ayneh.errors import UserError
from ayneh.inverse.reading import read
from ayneh.record.record import Record


def test_a_reading_has_what_the_report_says_and_the_images_that_went_round(tiny_run, capsys):
    before = {path: path.stat().st_mtime_ns for path in tiny_run.rglob("*")}
    said = []
    found = read(Record.open(tiny_run).checkpoints.at_epoch(1), replica=1, images=200, inverted=2, say=said.append)
    assert (found.step, found.features, found.latents, found.prior) == (8, 8, 8, "N(0, 1)")
    assert set(found.r2_by_coordinate) == {"ridge", "perceptron"}
    assert found.scores[f"r2@{found.read_by}"].protocol == f"r2_40_generated_{found.read_by}"
    assert len(found.words) == 3
    ways = ("", " round trip", " by descent")
    assert list(found.rows) == [kind + way for kind in ("test", "generated") for way in ways]
    assert {tuple(x.shape) for x in found.rows.values()} == {(2, 1, 8, 8)}
    plain = found.as_dict()
    assert "rows" not in plain
    assert plain["scores"]["relative_error@generated"]["value"] == found.scores["relative_error@generated"].value
    assert len(said) == 4  # the data, then three steps
    assert capsys.readouterr().out == ""
    assert {path: path.stat().st_mtime_ns for path in tiny_run.rglob("*")} == before


@pytest.mark.parametrize(("numbers", "words"), [({"images": 99}, "--images is 99"), ({"inverted": -1}, "--invert is")])
def test_numbers_out_of_bounds_are_refused(tiny_run, numbers, words):
    with pytest.raises(UserError, match=words):
        read(Record.open(tiny_run).checkpoints.at_epoch(None), **numbers)
