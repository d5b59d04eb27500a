"""The judge's report: names with their protocol, floors, caches, collapse, and clear words for bad input."""

import json
from dataclasses import replace

import pytest
import torch

from ayneh.data.sources import load
from ayneh.errors import UserError
from ayneh.evaluation import judge_of
from ayneh.judge.diversity import birthday_pixels
from ayneh.judge.features import shipped
from ayneh.judge.report import collapse, lacking
from ayneh.judge.scores import Score
from ayneh.judge.training import random_net, train_classifier
from ayneh.judge.verdict import Judge
from ayneh.loading.pretrained import pretrained
from ayneh.presets import PRESETS

TRAINED_ON = 897


@pytest.fixture(scope="module")
def digits():
    return load("digits", "train")


@pytest.fixture(scope="module")
def judge(digits, tmp_path_factory):
    nets = {"digits-cnn-0": shipped("digits-cnn-0"), "digits-random": random_net(digits.pixels, 8, seed=0)}
    cache = tmp_path_factory.mktemp("floors")
    return Judge("digits", nets, digits.pixels[:TRAINED_ON], load("digits", "test").pixels, cache)


def known(judge):
    return judge.reference.nets, judge.reference.train, judge.reference.test


def test_names_carry_the_protocol_and_floors_stand_beside(judge, digits):
    report = judge.evaluate(digits.pixels[TRAINED_ON:])
    scores = report.scores
    protocols = [scores[name].protocol for name in ("fd", "kid", "fd@random")]
    assert protocols == ["fd_400_digits_test", "kid_400_digits_test", "fd_400_digits_test_random"]
    assert scores["fd"].n == 400
    assert scores["fd"].value < 1.5 * scores["fd"].floor
    assert scores["fd"].floor_interval[0] < scores["fd"].floor < scores["fd"].floor_interval[1]
    assert all(score.floor is not None for score in scores.values())
    assert report.collapse == ()
    assert sum(report.histogram["fakes"]) == 400
    json.dumps(report.as_dict(), allow_nan=False)


def test_one_digit_only_has_little_variety_and_lacks_classes(judge, digits):
    report = judge.evaluate(digits.pixels[digits.labels == 1])
    assert [sign.partition(":")[0] for sign in report.collapse] == ["birthday test"]
    words = " ".join(report.words())
    assert "poor by histogram: 1, where real images have 10 classes" in words
    assert "poor by coverage" in words


def test_varied_noise_is_unlike_the_data_and_not_collapsed(judge, digits):
    chance = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (400, 1, 8, 8), generator=chance).to(torch.uint8)
    grey = (128 + 60 * torch.randn(400, 1, 8, 8, generator=chance)).clamp(0, 255).to(torch.uint8)
    for images in (noise, grey):
        report = judge.evaluate(images)
        assert report.collapse == ()
        assert max(score.value for name, score in report.scores.items() if name.startswith("unlike")) > 0.9
        assert any("of the images are unlike the data" in words for words in report.words())
    real = judge.evaluate(digits.pixels[TRAINED_ON:])
    assert real.scores["unlike"].value < 0.04
    assert not any("unlike the data" in words or "poor" in words for words in real.words())
    one = judge.evaluate(digits.pixels[:1].expand(400, -1, -1, -1).contiguous())
    assert "birthday test" in " ".join(one.collapse)


def test_a_second_judge_reads_the_floors_from_the_cache(judge, digits, monkeypatch):
    first = judge.evaluate(digits.pixels[TRAINED_ON:])
    again = Judge("digits", *known(judge), judge.reference.shelf.folder)
    said = []
    assert again.evaluate(digits.pixels[TRAINED_ON:], said.append) == first
    assert not any("floors" in words for words in said)


def test_other_data_or_nets_have_another_key(judge, digits):
    nets, train, test = known(judge)
    alone = {"digits-cnn-0": nets["digits-cnn-0"]}
    for other in (Judge("digits", nets, digits.pixels[:100], test), Judge("digits", alone, train, test)):
        assert other.reference.shelf.key != judge.reference.shelf.key


def test_quick_agrees_with_the_whole(judge, digits):
    images = digits.pixels[TRAINED_ON:]
    quick, whole = judge.quick(images), judge.evaluate(images).scores
    for name, score in quick.items():
        assert score == replace(whole[name], floor=None, floor_interval=None)
    assert quick["modes"].value == 10
    assert quick["fd"].interval is not None


def test_framed_fakes_score_as_they_do_unframed():
    images = torch.randint(0, 256, (60, 1, 28, 28), dtype=torch.uint8)
    framed = torch.nn.functional.pad(images, (2, 2, 2, 2))
    judge = Judge("mnist", {"mnist-cnn-0": shipped("mnist-cnn-0")}, images, images.flip(0))
    assert torch.equal(judge.unframed(framed), images)
    assert judge.quick(framed)["fd"] == judge.quick(images)["fd"]
    with pytest.raises(UserError, match="32x32 pixels and those of mnist 28x28"):
        judge.scores(framed)


def test_the_classifier_is_asked_how_well_it_reads(digits, tmp_path):
    """By its own word, at the size of the images; what is not to be trusted is warned of."""
    nets, test = {"digits-cnn-0": shipped("digits-cnn-0")}, load("digits", "test", resize=16)
    judge = Judge("digits", nets, load("digits", "train", resize=16).pixels, test.pixels, tmp_path, test.labels)
    found = judge.reading()
    assert (found.net, found.size, found.own_size, found.own) == ("digits-cnn-0", 16, 8, 0.994)
    assert found.trusted
    assert found.accuracy > 0.98
    assert judge.evaluate(test.pixels[:50]).reading == found
    blurred = judge.reading(4, lambda real: real[..., ::4, ::4].repeat_interleave(4, 2).repeat_interleave(4, 3))
    assert not blurred.trusted
    assert "Warning: digits-cnn-0 classifies" in blurred.words()
    assert Judge("digits", nets, test.pixels, test.pixels).reading() is None  # without labels


def test_one_image_cannot_tell_and_says_why(judge, digits):
    report = judge.evaluate(digits.pixels[:1])
    for key, score in report.scores.items():
        assert score.value is not None or score.warning, key
    assert report.scores["fd"].value is None
    json.dumps(report.as_dict(), allow_nan=False)


def test_all_fakes_alike_give_numbers_with_warnings(judge, digits):
    report = judge.evaluate(digits.pixels[:1].repeat(300, 1, 1, 1))
    assert "same features" in report.scores["fd"].warning
    assert report.scores["support"].value == 1
    json.dumps(report.as_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (torch.zeros(0, 1, 8, 8, dtype=torch.uint8), "no images"),
        (torch.zeros(30, 3, 8, 8, dtype=torch.uint8), "3 channels"),
        (torch.zeros(30, 1, 5, 5, dtype=torch.uint8), "5x5 pixels"),
        (torch.zeros(30, 1, 8, 8), "uint8"),
    ],
)
def test_bad_images_are_refused_in_words(judge, images, words):
    with pytest.raises(UserError, match=words):
        judge.evaluate(images)


def test_too_little_data_is_refused(judge):
    with pytest.raises(UserError, match="5 training"):
        Judge("tiny", judge.reference.nets, judge.reference.train[:5], judge.reference.test)


@pytest.mark.slow
def test_seeds_that_disagree_are_reported(digits):
    """The second classifier has learned that there are only three classes."""
    merged = train_classifier(digits.pixels, digits.labels % 3, 10, 8, seed=0, epochs=3, report=lambda _: None)
    nets = {"digits-cnn-0": shipped("digits-cnn-0"), "digits-cnn-1": merged}
    judge = Judge("digits", nets, digits.pixels[:TRAINED_ON], load("digits", "test").pixels)
    words = " ".join(judge.evaluate(digits.pixels[TRAINED_ON:]).disagreements)
    assert "digits-cnn-0 10, digits-cnn-1 3" in words


def test_poor_images_are_not_called_collapsed():
    poor = {"coverage": Score(0.1, 100, floor=0.9), "recall": Score(0.7, 100, floor=0.9)}
    poor |= {"support": Score(None, 100, warning="why", floor=100.0)}
    assert collapse(poor) == ()
    narrow = poor | {"recall": Score(0.1, 100, floor=0.9)}
    assert collapse(narrow) == ()
    assert lacking(narrow) == ("coverage: 0.1, where real images have 0.9, with as little recall",)
    assert lacking(poor) == ()


def test_a_collapse_needs_signs_of_little_variety_that_agree():
    few = {"modes": Score(1, 100, floor=10.0), "support": Score(5_000.0, 100, interval=(1, 9), floor=90_000.0)}
    assert collapse(few) == ()  # few classes, and few images but not few for 100 draws
    little = few | {"spread": Score(0.3, 100, floor=1.0), "distance": Score(1.0, 100, floor=4.0)}
    assert [sign.partition(":")[0] for sign in collapse(little)] == ["birthday test", "spread", "distance of pairs"]
    assert collapse(little | {"spread": Score(0.9, 100, floor=1.0)}) == ()
    repeated = few | {"support": Score(40.0, 100, interval=(30, 60), floor=90_000.0)}
    assert [sign.partition(":")[0] for sign in collapse(repeated)] == ["birthday test"]


def test_what_the_net_takes_for_the_same_image_is_no_collapse_where_pixels_differ():
    def scores(**values):
        floors = {"spread": 1.0, "distance": 14.0, "support": 60_000.0, "support_pixels": 250_000.0, "unlike": 0.01}
        return {name: Score(value, 1000, interval=(1, 2), floor=floors[name]) for name, value in values.items()}

    textures = {"spread": 0.61, "distance": 2.4, "support": 140.0}  # of a net after one epoch
    assert collapse(scores(**textures, support_pixels=499_500.0, unlike=1.0)) == ()
    assert len(collapse(scores(**textures, support_pixels=60.0, unlike=1.0))) == 2  # sixty textures, drawn again
    narrow = textures | {"spread": 0.4, "support_pixels": 5_000.0}
    assert len(collapse(scores(**narrow, unlike=0.02))) == 3
    assert collapse(scores(**narrow, unlike=0.9)) == ()
    assert len(collapse(scores(**narrow | {"spread": 0.2}, unlike=0.9))) == 3
    pairs = {"ms_ssim": Score(0.3, 1000, floor=0.25)}
    assert collapse(scores(**narrow | {"spread": 0.2}, unlike=0.9) | pairs) == ()


def test_pale_images_and_faint_noise_vary_and_what_a_collapsed_net_draws_does_not():
    judge = judge_of(PRESETS["digits"].config.data)
    real = load("digits", "all", resize=16).pixels[:400]
    noise = 128 + 12 * torch.randn(real.shape, generator=torch.Generator().manual_seed(0))
    for images in (real.float() * 0.18, noise.clamp(0, 255)):
        report = judge.evaluate(images.round().to(torch.uint8))
        assert report.scores["spread"].value < 0.2
        assert report.collapse == ()
        assert any("of the images are unlike the data" in words for words in report.words())
    for name, collapsed in (("digits-normal", False), ("digits-uniform01", True)):
        drawn = torch.from_numpy(pretrained(name).generate(n=400))
        assert any("spread" in sign for sign in judge.evaluate(judge.unframed(drawn)).collapse) == collapsed


def test_copies_are_found_by_pixels_whatever_the_net_makes_of_them():
    chance = torch.Generator().manual_seed(0)
    real = load("digits", "test").pixels

    def support(images):
        return birthday_pixels(real, images).value

    textures = torch.randint(0, 256, (400, 1, 8, 8), generator=chance).to(torch.uint8)
    assert support(textures) > 10_000
    assert support(textures[:10].repeat(40, 1, 1, 1)) == pytest.approx(10, rel=0.1)
    assert support(real[:1].repeat(400, 1, 1, 1)) == pytest.approx(1, rel=0.01)
    assert support(real) == pytest.approx(support(real // 4), rel=0.5)  # faint images are no copies


@pytest.mark.slow
@pytest.mark.usefixtures("mnist")
def test_the_judge_of_mnist_calls_noise_noise_and_copies_a_collapse(tmp_path):
    chance = torch.Generator().manual_seed(0)
    train, test = (load("mnist", split).pixels for split in ("train", "test"))
    nets = {name: shipped(name) for name in ("mnist-cnn-0", "mnist-simclr")}
    judge = Judge("mnist", nets, train[:2000], test[:2000], tmp_path)
    real = test[2000:2400]
    uniform = torch.randint(0, 256, real.shape, generator=chance).to(torch.uint8)
    dark = (33 + 40 * torch.randn(real.shape, generator=chance)).clamp(0, 255).to(torch.uint8)
    for noise in (uniform, dark):
        report = judge.evaluate(noise)
        assert report.scores["modes"].value <= 3  # the classifier is sure that it is some digit
        assert report.collapse == ()
        assert any("unlike the data" in words for words in report.words())
    for copies in (real[:1].repeat(400, 1, 1, 1), real[:10].repeat(40, 1, 1, 1), uniform[:10].repeat(40, 1, 1, 1)):
        assert any("birthday test" in sign for sign in judge.evaluate(copies).collapse)
    assert not any(word in " ".join(judge.evaluate(real).words()) for word in ("collapsed", "poor", "unlike"))
