"""Names in any script become files' names: within their folder, and never two the same."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayneh.studies.names import RESERVED, file_name, folders_of, older_slug, slug
from ayneh.studies.plan import from_dict

WILD = [
    "/../../OUTSIDE", "..", ".", "-", "a/b", "a\\b", "C:", "con", "NUL.txt", "نرخ کم", "نرخ زیاد", "🙂", "🙃",
    "<script>",     "'\"", "A", "a", "é", "É", "ß", "ss", "SS", " a", "x" * 150, "x" * 149 + "y",
    "حرف" * 50, "~", "~root", "$HOME", "a.", ".a",
    "%2e%2e",
]  # fmt: skip


def is_safe(name: str) -> bool:
    """Whether it is the name of one file in any folder, on any system."""
    return (
        name not in ("", ".", "..")
        and not set(name) & set('/\\:*?"<>|\x00')
        and name.isprintable()
        and len(name.encode()) < 250
        and name == name.strip(" .")
        and name.partition(".")[0].lower() not in RESERVED
    )


@given(st.lists(st.one_of(st.text(min_size=1), st.sampled_from(WILD)), unique=True))
@pytest.mark.slow
def test_every_name_has_a_folder_of_its_own(names):
    folders = folders_of(names)
    assert all(is_safe(folder) for folder in folders.values()), folders
    assert len({folder.casefold() for folder in folders.values()}) == len(names)


@given(st.one_of(st.text(min_size=1), st.sampled_from(WILD)))
def test_a_file_s_name_is_safe(name):
    assert is_safe(file_name(name))
    if all(letter.isalnum() for letter in name) and name.lower() not in RESERVED and len(name) <= 60:
        assert file_name(name) == name


def test_old_names_stay():
    for arm in ("normal, mlp", "lr 0.001", "dropout 0.3, mirror", "U(0, 1), net", "width 64", "a_b"):
        assert folders_of([arm]) == {arm: slug(arm)} == {arm: older_slug(arm)}
    assert file_name("u01") == "u01"
    assert file_name("prior") == "prior"


def test_arms_in_any_script_are_legal():
    study = from_dict({"name": "مقایسه", "arms": {name: {} for name in WILD if name != " a"}, "seeds": 1}, "s")
    places = [run.place for run in study.runs()]
    assert len({place.lower() for place in places}) == len(places) == len(WILD) - 1
    root = Path("/study")
    for place in places:
        assert (root / place).resolve().is_relative_to(root / "runs")
        assert len(Path(place).parts) == 3


@pytest.mark.parametrize("name", ["نرخ", "é"])
def test_letters_stay_readable(name):
    assert folders_of([name]) == {name: name}
