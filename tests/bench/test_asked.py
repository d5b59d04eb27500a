"""What is asked of a bench and cannot be: one sentence before anything is read or played."""

import pytest

from ayneh.errors import UserError

CASES = [
    ("contended", "--rounds 0", "--rounds is 0; it must be at least 1"),
    ("contended", "--replicas 1 0", "--replicas is 0; it must be at least 1"),
    ("contended", "--busy -1", "--busy is -1; it must be at least 0"),
    ("contended", "--seconds nan", "--seconds is nan; it must be at least 0"),
    ("best", "full F --workers 0", "--workers is 0; it must be at least 1"),
    ("best", "trials F --workers -2", "--workers is -2; it must be at least 1"),
    ("clusters", "trials F --groups 10 0", "--groups is 0; it must be at least 1"),
    ("clusters", "full F --groups 0", "--groups is 0; it must be at least 1"),
    ("speedrun", "play e.toml --threads 0", "--threads is 0; it must be at least 1"),
    ("speedrun", "play e.toml --seeds 0 -1", "--seeds is -1; it must be at least 0"),
    ("speedrun", "play e.toml --most 9999", "--most is 9999; it must be at least 10000"),
]


@pytest.mark.parametrize(("name", "words", "sentence"), CASES)
def test_a_number_that_is_too_small_is_a_sentence(bench, tmp_path, monkeypatch, name, words, sentence):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [f"{name}.py", *words.split()])
    script = bench(name)
    with pytest.raises(UserError) as refused:
        script.main()
    assert str(refused.value) == f"{sentence}."
    assert not list(tmp_path.iterdir())
