"""Runs that are damaged, deleted or half written while the explorer is open: each stands alone, in a sentence."""

import json
import shutil
from itertools import pairwise

import pytest

from ayneh.config import Config
from ayneh.errors import UserError
from ayneh.explorer.library import Library
from ayneh.record.record import Record

ROUTES = ["/api/runs/{}/live", *(f"/api/runs/{{}}/replicas/0/epochs/1/{part}" for part in ("picture", "generator"))]


@pytest.fixture
def three(tiny_run, tmp_path):
    """Three runs, of which the second is to be damaged."""
    return [shutil.copytree(tiny_run, tmp_path / "home of me" / name) for name in ("one", "two", "three")]


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def swap(path, old, new):
    path.write_text(path.read_text().replace(old, new))


def to_folder(path):
    path.unlink(missing_ok=True)
    path.mkdir()


DAMAGES = {
    "deleted": shutil.rmtree,
    "config half written": lambda run: cut(run / "config.json"),
    "config empty": lambda run: (run / "config.json").write_text(""),
    "config deleted": lambda run: (run / "config.json").unlink(),
    "config a list": lambda run: (run / "config.json").write_text("[]"),
    "config nested": lambda run: (run / "config.json").write_text('{"config":' * 100_000),
    "config of words": lambda run: swap(run / "config.json", '"epochs": 3', '"epochs": "three"'),
    "config without letters": lambda run: (run / "config.json").write_bytes(bytes(range(256))),
    "findings of another kind": lambda run: (run / "findings.jsonl").write_text('{"a": 1}\n[]\n3\n'),
    "findings a folder": lambda run: to_folder(run / "findings.jsonl"),
    "outcome of another kind": lambda run: (run / "outcome.json").write_text('{"swaps": 3}'),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_stands_alone(serve, three, get, damage):
    with serve(*three) as server:
        assert [run["epochs"] for run in json.loads(get(server, "/api/runs")[2])["runs"]] == [[0, 1, 2]] * 3
        DAMAGES[damage](three[1])
        status, _, body = get(server, "/api/runs")
        runs = json.loads(body)["runs"]
        assert status == 200
        assert [(run["name"], run["epochs"]) for run in (runs[0], runs[2])] == [
            ("one", [0, 1, 2]),
            ("three", [0, 1, 2]),
        ]
        assert "home of me" not in body.decode()
        for number in (0, 1, 2):
            for route in ROUTES:
                status, _, body = get(server, route.format(number))
                if number != 1:
                    assert status == 200, body
                else:
                    assert status in (200, 404, 422), (route, body)
                    if status != 200:
                        assert "home of me" not in json.loads(body)["error"]
                        assert "Traceback" not in body.decode()


@pytest.mark.parametrize("damage", ["deleted", "config half written", "config deleted"])
def test_why_a_run_cannot_be_shown_is_said(serve, three, get, damage):
    with serve(*three) as server:
        DAMAGES[damage](three[1])
        run = json.loads(get(server, "/api/runs")[2])["runs"][1]
        assert (run["name"], run["epochs"]) == ("two", [])
        assert {"deleted": "no longer there", "config deleted": "no longer there"}.get(
            damage, "two/config.json is not"
        ) in run["error"]


@pytest.mark.parametrize("damage", [cut, lambda path: path.write_bytes(b""), lambda path: path.unlink()])
def test_a_checkpoint_that_changes_between_list_and_reading_is_a_sentence(three, damage, monkeypatch):
    library = Library(three)
    own = library.records[1].checkpoints
    read = own.at_epoch
    monkeypatch.setattr(own, "at_epoch", lambda epoch: (damage(own.path(f"epoch-{epoch:04d}")), read(epoch))[1])
    with pytest.raises(
        ValueError, match=r"damaged|no checkpoint of epoch|cannot be read|is not a checkpoint"
    ) as caught:
        library.part(1, 0, 1, "generator")
    assert "home of me" not in str(caught.value)
    assert library.part(0, 0, 1, "generator").body


@pytest.mark.parametrize("part", Library.PARTS)
def test_a_run_that_is_deleted_while_a_part_is_made_is_no_fault_of_the_explorer(three, part, monkeypatch):
    class Odd(Exception):
        """What no reader names."""

    def fail(*_):
        shutil.rmtree(three[1], ignore_errors=True)
        raise Odd

    library = Library(three)
    monkeypatch.setattr(library, "_model", fail)
    with pytest.raises(UserError, match=r"^The run two is no longer there: its folder was deleted or moved\.$"):
        library.part(1, 0, 1, part)
    with pytest.raises(Odd):  # of a run that is there it is one
        library.part(0, 0, 1, part)


def test_a_line_that_training_does_not_write_is_left_out(own_run):
    for line in ('{"step": 1}', "[]", '"x"', "{", '{"step": "one", "epoch": 0, "images": 1, "wall_s": 1}', "[" * 10**5):
        with (own_run / "metrics.jsonl").open("a") as file:
            file.write(line + "\n")
    live = json.loads(Library([own_run]).live(0).body)
    assert [line["epoch"] for line in live["lines"]] == [0, 1, 2]
    assert live["count"] == 9


WORDS = [
    "NaN",
    "-1",
    "1e9",
    "999999999",
    "9" * 5000,
    "",
    "%00",
    "%D9%A1",
    "1.0",
    "+1",
    " 1",
    "0x1",
    "null",
    "%ff",
    "1;2",
]


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word[:10])
def test_any_parameter_is_answered_in_a_sentence(served, get, word):
    for path in (
        f"/api/runs/{word}/live", f"/api/runs/0/replicas/{word}/epochs/0/generator",
        f"/api/runs/0/replicas/0/epochs/{word}/picture", f"/api/runs/0/replicas/0/epochs/0/{word}",
        f"/api/runs/0/live?since={word}",
    ):  # fmt: skip
        status, _, body = get(served, path.replace(" ", "%20"))
        if status == 200:
            assert "since=" in path
        else:
            assert status == 404
            assert set(json.loads(body)) == {"error"}


@pytest.mark.parametrize(
    "query", ["since=0&since=x", "since=1&since=0", "since", "&&&", "since=0&" + "a=b&" * 200, "since[]=1"]
)
def test_doubled_and_odd_questions_are_answered(served, get, query):
    assert get(served, f"/api/runs/0/live?{query}")[0] in (200, 404)


def test_no_answer_names_a_folder_of_this_machine(serve, own_run, get):
    """Findings name the data, refusals name files."""
    head = json.loads((own_run / "config.json").read_text())
    head["config"]["data"]["name"] = "folder:/home/me/private pictures"
    (own_run / "config.json").write_text(json.dumps(head))
    line = {"step": 5, "epoch": 1, "replica": 0, "name": "few images", "title": "few", "severity": "note"}
    argv = ["ayneh", "train", "digits", "--data.name", "folder:/home/me/private pictures"]
    line |= {"appeared": True, "evidence": "", "advice": {"words": "", "changes": {}, "argv": argv}}
    (own_run / "findings.jsonl").write_text(json.dumps(line) + "\n")
    cut(own_run / "checkpoints" / "epoch-0001.safetensors")
    (own_run / "samples" / "epoch-0001-replica-0.png").write_bytes(b"")
    paths = ["/api/runs", "/api/runs/0/live", "/api/runs/0/replicas/0/epochs/0/gallery"]
    paths += [f"/api/runs/0/replicas/0/epochs/1/{part}" for part in ("generator", "picture")]
    with serve(own_run) as server:
        said = [get(server, path)[2].decode("latin-1") for path in paths]
    assert any("is damaged" in words for words in said)
    for words in said:
        assert "private" not in words
        assert str(own_run.parent) not in words


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("The file /home/me/x.npz is bad", "The file x.npz is bad"),
        ("'/a/b/c' and (/d/e/f.json)", "'c' and (f.json)"),
        (r"C:\Users\me\x.npz is bad", "x.npz is bad"),
        ("12/24 and 3/4 of 1/2", "12/24 and 3/4 of 1/2"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("RUN/samples/a.png is bad", "tiny/samples/a.png is bad"),
        ("a \x1b[31m b", r"a \x1b[31m b"),
    ],
)
def test_a_sentence_keeps_the_names_and_loses_the_folders(tiny_run, words, left):
    assert Library([tiny_run]).without_paths(words.replace("RUN", str(tiny_run))) == left


def test_a_run_is_named_as_on_the_command_line(tiny_run, tmp_path, monkeypatch):
    (tmp_path / "latest").symlink_to(tiny_run)
    monkeypatch.chdir(tiny_run)
    names = [
        json.loads(Library([folder]).runs().body)["runs"][0]["name"]
        for folder in (tmp_path / "latest", Record(tiny_run).folder)
    ]
    assert names == ["latest", "tiny"]


# -- much ----------------------------------------------------------------------------------------------------------


def metrics(path, n, first=0, mode="w"):
    with path.open(mode) as file:
        for i in range(first, first + n):
            file.write(f'{{"step": {i + 1}, "epoch": {i}, "images": {i}, "wall_s": 1.0, "mean_loss_d": [0.5]}}\n')


def test_of_very_many_lines_a_part_is_kept_and_each_is_read_once(tmp_path):
    from ayneh.record.follow import MOST, Followed

    path = tmp_path / "metrics.jsonl"
    metrics(path, 50_000)
    followed = Followed(path)
    numbers = [number for number, _ in followed.read()]
    assert followed.count == 50_000
    assert MOST // 2 <= len(numbers) <= MOST + 1
    assert (numbers[0], numbers[-1]) == (0, 49_999)
    assert {b - a for a, b in pairwise(numbers[:-1])} == {32}
    offset = followed._offset
    metrics(path, 3, 50_000, "a")
    assert followed.read()[-1] == (
        50_002,
        {"step": 50_003, "epoch": 50_002, "images": 50_002, "wall_s": 1.0, "mean_loss_d": [0.5]},
    )
    assert offset < followed._offset == path.stat().st_size


def test_a_file_that_was_replaced_is_read_anew(tmp_path):
    from ayneh.record.follow import Followed

    path = tmp_path / "metrics.jsonl"
    followed = Followed(path)
    assert followed.read() == []
    metrics(path, 10)
    assert len(followed.read()) == 10
    metrics(tmp_path / "other", 20, 100)
    (tmp_path / "other").replace(path)
    assert [number for number, _ in followed.read()] == list(range(20))
    assert followed.read()[0][1]["step"] == 101
    metrics(path, 30, 200)  # in place, and longer than before
    assert followed.read()[0][1]["step"] == 201
    metrics(path, 2)
    assert len(followed.read()) == 2
    path.unlink()
    assert (followed.read(), followed.count) == ([], 0)


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(tmp_path):
    from ayneh.record.follow import LONGEST, Followed

    (tmp_path / "metrics.jsonl").write_bytes(b"x" * (LONGEST + 2_000_000))
    with pytest.raises(ValueError, match="Line 1 of .* is longer than"):
        Followed(tmp_path / "metrics.jsonl").read()


@pytest.mark.slow
def test_ten_thousand_pictures_and_lines_are_listed(tmp_path):
    record = Record.create(tmp_path / "run", Config(epochs=10_000), {})
    for epoch in range(10_000):
        (record.samples / f"epoch-{epoch:04d}.png").touch()
    metrics(record.metrics, 20_000)
    live = json.loads(Library([tmp_path / "run"]).live(0).body)
    assert len(live["pictures"]) == 10_000
    assert live["count"] == 20_000
    assert len(live["lines"]) < 5000
    later = json.loads(Library([tmp_path / "run"]).live(0, 19_990).body)
    assert min(later["numbers"]) >= 19_990
    assert later["lines"][-1]["step"] == 20_000


@pytest.mark.parametrize("verb", ["show", "diagnose"])
def test_of_a_very_large_file_a_part_is_read_with_a_sentence(ayneh, own_run, monkeypatch, verb):
    from ayneh.doctor import page
    from ayneh.record import follow, visited

    monkeypatch.setattr(visited, "LARGE", 10_000)
    monkeypatch.setattr(follow, "MOST", 100)
    monkeypatch.setattr(page, "write", lambda record, *more: ("", record.report_path("diagnosis", suffix=".html")))
    last = json.loads((own_run / "metrics.jsonl").read_text().splitlines()[-1])
    with (own_run / "metrics.jsonl").open("w") as file:
        for i in range(1000):
            file.write(json.dumps(last | {"step": i + 1, "epoch": i}) + "\n")
    status, out, err = ayneh(verb, own_run)
    assert status == 0
    assert "of its 1,000 lines are read" in err
    assert len(err.splitlines()) == 1
    assert "1000 of 3" in out.replace(",", "") or "1000 steps" in out.replace(",", "")
