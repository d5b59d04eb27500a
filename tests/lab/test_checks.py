"""The checks of the lab: right answers pass however they are written, and each usual mistake has its own sentence."""

import doctest
import importlib
import re
from pathlib import Path
from string import Formatter

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ayneh import lab
from ayneh.errors import UserError
from ayneh.pages.language import Sentences, languages

bce = F.binary_cross_entropy_with_logits


def loss_d(dis, real, fake):
    return F.softplus(-dis(real)).mean() + F.softplus(dis(fake.detach())).mean()


def loss_g(dis, fake):
    return F.softplus(-dis(fake)).mean()


def on(logits, target):
    return torch.full_like(logits, target)


@pytest.mark.parametrize(
    "module", ["losses", "noise", "discriminator", "words", pytest.param("play", marks=pytest.mark.slow)]
)
def test_the_examples_of_docstrings_are_true(module):
    failed, tried = doctest.testmod(importlib.import_module(f"ayneh.lab.{module}"))
    assert (failed, tried > 0) == (0, True)


@pytest.mark.parametrize(
    ("d", "g"),
    [
        (loss_d, loss_g),
        (
            lambda dis, x, y: bce(dis(x), on(dis(x), 1.0)) + bce(dis(y.detach()), on(dis(y), 0.0)),
            lambda dis, y: bce(dis(y), on(dis(y), 1.0)),
        ),
        (
            lambda dis, x, y: -dis(x).sigmoid().log().mean() - (1 - dis(y.detach()).sigmoid()).log().mean(),
            lambda dis, y: F.binary_cross_entropy(dis(y).sigmoid(), torch.ones(len(y), dtype=y.dtype)),
        ),
    ],
)
def test_right_losses_are_right_in_whatever_words(d, g):
    assert lab.check_losses(d, g) == (True, str(lab.check_losses(d, g)))
    assert str(lab.check_losses(d, g)).startswith("Right: ")


def after(loss):
    """The loss, whose gradients are taken already."""
    loss.backward()
    return loss


def changed_late(loss):
    """A loss whose gradient needs a number that was changed."""
    return loss.exp().add_(1)


class NoSlope(torch.autograd.Function):
    @staticmethod
    def forward(ctx, loss):
        return loss.clone()

    @staticmethod
    def backward(ctx, slope):
        raise ValueError("no slope")


WRONG_D = {
    "takes the gradients itself": lambda dis, x, y: after(loss_d(dis, x, y)),
    "stops with an error, RuntimeError: one of the variables": lambda dis, x, y: changed_late(loss_d(dis, x, y)),
    "stops with an error, ValueError: no slope": lambda dis, x, y: NoSlope.apply(loss_d(dis, x, y)),
    "its sign is turned": lambda dis, x, y: -loss_d(dis, x, y),
    "the sum over the batch": lambda dis, x, y: len(x) * loss_d(dis, x, y),
    "have changed places": lambda dis, x, y: F.softplus(dis(x)).mean() + F.softplus(-dis(y.detach())).mean(),
    "the sigmoid is taken twice": lambda dis, x, y: loss_d(lambda a: dis(a).sigmoid(), x, y),
    "half of the game's": lambda dis, x, y: loss_d(dis, x, y) / 2,
    "the real images alone": lambda dis, x, y: F.softplus(-dis(x)).mean(),
    "the fakes alone": lambda dis, x, y: F.softplus(dis(y.detach())).mean(),
    "is 1 as well": lambda dis, x, y: loss_g(dis, x) + loss_g(dis, y.detach()),
    "without their logarithm": lambda dis, x, y: (1 - dis(x).sigmoid() + dis(y.detach()).sigmoid()).mean(),
    "its gradient reaches G, too": lambda dis, x, y: F.softplus(-dis(x)).mean() + F.softplus(dis(y)).mean(),
    "no gradient reaches D": lambda dis, x, y: loss_d(dis, x, y).item(),
    "shape (6,); it must give one number": lambda dis, x, y: F.softplus(-dis(x)) + F.softplus(dis(y.detach())),
    "logits to a loss of probabilities": lambda dis, x, y: F.binary_cross_entropy(dis(x), on(dis(x), 1.0)),
    "logarithm of a number": lambda dis, x, y: -(dis(x).log() + (1 - dis(y)).log()).mean(),
    "gives nothing yet": lambda dis, x, y: ...,
    "stops with an error, NameError": lambda dis, x, y: rael,  # noqa: F821
    "none of the usual mistakes": lambda dis, x, y: 3 * loss_d(dis, x, y),
    "it must give one number.": lambda dis, x, y: "1.386",
}
WRONG_G = {
    "takes the gradients itself": lambda dis, y: after(loss_g(dis, y)),
    "takes the gradients itself, ": lambda dis, y: (torch.autograd.grad(found := loss_g(dis, y), y), found)[1],
    "its sign is turned": lambda dis, y: -loss_g(dis, y),
    "whose gradient vanishes": lambda dis, y: (1 - dis(y).sigmoid()).log().mean(),
    "the target is 0": lambda dis, y: F.softplus(dis(y)).mean(),
    "the sum over the batch": lambda dis, y: F.softplus(-dis(y)).sum(),
    "the sigmoid is taken twice": lambda dis, y: F.softplus(-dis(y).sigmoid()).mean(),
    "without their logarithm": lambda dis, y: 1 - dis(y).sigmoid().mean(),
    "the fakes must not be detached": lambda dis, y: loss_g(dis, y.detach()),
}


@pytest.mark.parametrize("words", WRONG_D)
def test_each_mistake_in_the_loss_of_d_has_its_sentence(words):
    found = lab.check_losses(WRONG_D[words], loss_g)
    assert not found
    assert words in str(found)
    assert str(found).count("\n") == 0


@pytest.mark.parametrize("words", WRONG_G)
def test_each_mistake_in_the_loss_of_g_has_its_sentence(words):
    found = lab.check_losses(loss_d, WRONG_G[words])
    assert not found
    assert str(found).startswith("loss_g ")
    assert words in str(found)


def cosine(z, centre=0.0, itself=False, unit=True):
    z = z - centre
    z = z / z.norm(dim=1, keepdim=True) if unit else z
    products = z @ z.T
    return products.mean() if itself else (products.sum() - products.trace()) / (len(z) * (len(z) - 1))


RIGHT = torch.mean, torch.std, cosine


WRONG_MEASURES = [
    (0, torch.sum, "it is the sum"),
    (0, lambda z: z.mean(1), "one number"),
    (1, torch.var, "it is the variance"),
    (2, lambda z: cosine(z, itself=True), "compared with itself"),
    (2, lambda z: cosine(z, unit=False), "divide each draw by its length"),
    (2, lambda z: cosine(z, centre=z.mean()), "taken off first"),
]


@pytest.mark.parametrize(("at", "wrong", "words"), WRONG_MEASURES)
def test_each_mistake_in_the_three_measures_has_its_sentence(at, wrong, words):
    answers = list(RIGHT)
    answers[at] = wrong
    found = lab.check_measures(*answers)
    assert (found.right, words in found.words) == (False, True), found


def test_the_three_measures_are_those_of_the_uniform_law():
    assert lab.check_measures(*RIGHT)
    assert lab.check_measures(torch.mean, lambda z: z.std(correction=0), cosine)  # the other way of dividing
    z = lab.noise(4000)
    assert [round(float(of(z)), 2) for of in RIGHT] == [0.5, 0.29, 0.75]


DEVIATION = (1 / 12) ** 0.5


def in_place(z):
    z -= 0.5
    z /= DEVIATION
    return z


@pytest.mark.parametrize(
    "right",
    [
        in_place,
        lambda z: z.sub_(0.5).div_(DEVIATION),
        lambda z: in_place(z.numpy()),
        lambda z: ((z - 0.5) / DEVIATION).tolist(),
        lambda z: ((z - 0.5) / DEVIATION).float(),
        lambda z: in_place(z) * torch.ones((), requires_grad=True),
    ],
)
def test_a_noise_is_mended_in_place_and_in_numpy_as_well(right):
    assert lab.check_mended(right), lab.check_mended(right)


def test_what_is_done_to_draws_in_place_changes_no_later_answer():
    def deviation(z):
        z -= z.mean()
        return z.square().mean().sqrt()

    assert lab.check_measures(lambda z: z.numpy().mean(), deviation, cosine)
    assert lab.check_measures(lambda z: z.mean() * torch.ones((), requires_grad=True), deviation, cosine)


def test_losses_that_change_their_images_in_place_are_right():
    def flattened(dis, real, fake):
        real *= 1
        return loss_d(dis, real, fake.detach_())

    assert lab.check_losses(flattened, loss_g)


def test_a_discriminator_that_exists_already_stays_as_it_is_and_may_change_its_images():
    class Dis(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Flatten(), *bent(), nn.Flatten(0))

        def forward(self, x):
            x *= 1.5
            return self.layers(x)

    own = Dis()
    assert lab.check_discriminator(lambda: own), lab.check_discriminator(lambda: own)
    assert own.training
    assert own.layers[1].weight.dtype == torch.float32


WRONG_MENDED = [
    (lambda z: z > 0, "gives mean 1.0"),
    (lambda z: z.long(), "gives mean 0.000 and deviation 0.000"),
    (lambda z: z.numpy().mean(), "numbers of the shape ()"),
    (lambda z: z * 1j, "it must give a z for each z"),
    (lambda z: z, "changes nothing"),
    (lambda z: z - 0.5, "still 0.29"),
    (lambda z: z * 12**0.5, "the mean is not 0"),
    (lambda z: (z - 0.5) * 12, "by the variance"),
    (lambda z: z * 12**0.5 - 0.5, "divides first"),
    (lambda z: 2 * z - 1, "U(-1, 1)"),
    (lambda z: (z - z.mean(0)) / z.std(0), "what the other draws are"),
    (lambda z: (z - z.mean(1, keepdim=True)) / z.std(1, keepdim=True), "each draw's own mean"),
    (lambda z: (z - 0.499) / 0.288, "nearly right"),
    (lambda z: -z, "gives mean -0.4"),
    (lambda z: z.mean(), "it must give a z for each z"),
    (lambda z: z[:, 99], "IndexError"),
    (lambda z: None, "nothing yet"),
]


@pytest.mark.parametrize(("wrong", "words"), WRONG_MENDED)
def test_each_mistake_in_the_mended_noise_has_its_sentence(wrong, words):
    found = lab.check_mended(wrong)
    assert (found.right, words in found.words) == (False, True), found


def dis(*layers, stretch=1.0, seen=256):
    class Dis(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(*layers)

        def forward(self, x):
            return self.layers(x.flatten(1)[:, :seen] * stretch).flatten()

    return Dis


def bent(seen=256):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Linear(seen, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1)


class Into(nn.Module):
    def __init__(self, change):
        super().__init__()
        self.change = change

    def forward(self, y):
        return self.change(y)


WRONG_DIS = [
    (dis(*bent(), nn.Sigmoid()), "ends in a sigmoid"),
    (dis(*bent(), nn.Tanh()), "ends in a tanh"),
    (dis(*bent(), nn.ReLU()), "never below 0"),
    (dis(nn.Linear(256, 64), nn.Linear(64, 1)), "is linear"),
    (dis(*bent(128), seen=128), "does not see 50% of the pixels"),
    (dis(*bent(), stretch=127.5), "times that of the game's D"),
    (dis(*bent(), stretch=0.001), "hardly a gradient"),
    (dis(nn.Linear(256, 2)), "numbers of the shape (16,) for 8 images"),
    (lambda: nn.Sequential(nn.Flatten(), nn.Linear(128, 1)), "RuntimeError"),
    (dis(nn.Linear(256, 1), nn.Hardtanh(0, 0.0001), nn.Threshold(9, 0)), "No gradient reaches the image"),
    (lambda: None, "nothing yet"),
    (dis(*bent(), Into(lambda y: y.detach().numpy())), "No gradient reaches the image"),
    (dis(*bent(), Into(torch.Tensor.long)), "No gradient reaches the image"),
]


@pytest.mark.parametrize(("make", "words"), WRONG_DIS)
def test_each_fault_of_a_discriminator_has_its_sentence(make, words):
    found = lab.check_discriminator(make)
    assert (found.right, words in found.words) == (False, True), found


def test_discriminators_that_work_are_right_and_chance_goes_on_as_before():
    make = dis(*bent())
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    assert lab.check_discriminator(make)
    assert torch.equal(torch.rand(1), expected)
    assert lab.check_discriminator(
        lambda: nn.Sequential(
            nn.Conv2d(1, 16, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Flatten(),
            nn.Linear(1024, 1),
            nn.Flatten(0),
        )
    )


def test_a_game_is_not_played_with_losses_that_are_wrong_and_errors_are_sentences():
    assert "the sum over the batch" in str(lab.play(loss_g=WRONG_G["the sum over the batch"]))
    with pytest.raises(UserError, match="^loss_d is 3; it must be a function or None.$"):
        lab.play(loss_d=3)
    assert "nothing yet" in str(lab.play(mended=lambda z: None))
    assert "shape (2,)" in str(lab.play(mended=lambda z: [1.0, 2.0]))
    assert "The game stops with an error, RuntimeError" in str(lab.play(dis=nn.Linear(3, 1)))


@pytest.mark.parametrize(
    ("epochs", "words"), [(0, "epochs is 0; the game"), ("3", "epochs is '3'; it must be a whole")]
)
def test_a_game_of_no_epochs_is_refused(epochs, words):
    with pytest.raises(UserError, match=words):
        lab.play(epochs=epochs)


@pytest.mark.slow
def test_the_game_of_the_lab_repeats_itself_and_uses_what_it_is_given():
    pictures = [
        lab.play(epochs=1, **given).array
        for given in ({}, {"loss_d": loss_d, "loss_g": loss_g}, {"mended": lambda z: z}, {"dis": dis(*bent())()})
    ]
    assert (pictures[0] == pictures[1]).all()  # the losses of the answers are those of the game
    assert (pictures[0] != pictures[2]).any()
    assert (pictures[0] != pictures[3]).any()


# -- in another language -----------------------------------------------------------------------------------------------

ROOM = Path(lab.__file__).parent
ENGLISH, PERSIAN = (Sentences(ROOM, language).sentences for language in ("en", "fa"))
LATIN = r"[DGz]\b"  # the names of the nets and of the noise, which stay; all other Latin words are code


@pytest.fixture
def persian():
    lab.language("fa")
    yield
    lab.language("en")


def places(sentence):
    """What a sentence takes: (name, format)."""
    return sorted({(name, form) for _, name, form, _ in Formatter().parse(sentence) if name})


def keys_of(sentence, sentences):
    """The keys whose sentence this may be, whatever its values are."""
    holes = {
        key: "".join(re.escape(text) + (".*" if name else "") for text, name, _, _ in Formatter().parse(entry))
        for key, entry in sentences.items()
    }
    return [key for key, hole in holes.items() if re.fullmatch(hole, sentence)]


class Gives(nn.Module):
    """A D that gives what a function makes of the images."""

    def __init__(self, gives):
        super().__init__()
        self.gives, self.weight = gives, nn.Parameter(torch.ones(1))

    def forward(self, x):
        return self.gives(x)


def every_answer():
    """What each check gives for each answer of the tests above, right ones and wrong ones, and for strange ones."""
    yield from (lab.check_losses(wrong, loss_g) for wrong in [*WRONG_D.values(), lambda *_: np.array(["x"])])
    yield from (lab.check_losses(loss_d, wrong) for wrong in [*WRONG_G.values(), loss_g])
    for at, wrong, _ in [*WRONG_MEASURES, (0, torch.mean, "")]:
        yield lab.check_measures(*RIGHT[:at], wrong, *RIGHT[at + 1 :])
    yield from (lab.check_mended(wrong) for wrong in [*dict(WRONG_MENDED), lambda z: (z - 0.5) * 12**0.5, lambda z: ""])
    yield from (lab.check_discriminator(make) for make in [*dict(WRONG_DIS), dis(*bent()), lambda: Gives(str)])
    yield lab.play(dis=nn.Linear(3, 1))
    yield lab.play(dis=Gives(lambda x: F.binary_cross_entropy(x, x)))


def test_both_languages_have_the_same_keys_and_the_same_values_in_each_sentence():
    assert languages(ROOM) == ("en", "fa")
    assert list(ENGLISH) == list(PERSIAN)
    for key, sentence in ENGLISH.items():
        assert places(sentence) == places(PERSIAN[key]), key
        assert sentence[-1] + PERSIAN[key][-1] in ("..", "?؟"), key


def test_each_answer_has_the_sentence_of_the_same_key_in_both_languages(persian):
    found = [answer.words for answer in every_answer()]
    lab.language("en")
    used = set()
    for answer, words in zip(every_answer(), found, strict=True):
        both = {*keys_of(str(answer), ENGLISH)} & {*keys_of(words, PERSIAN)}
        assert len(both) == 1, (str(answer), words, both)
        used |= both
    assert used == {*ENGLISH}


def test_a_persian_sentence_has_no_english_words_and_no_latin_digits(persian):
    for answer in every_answer():
        prose = re.sub("`[^`]*`", "", str(answer))
        assert not re.search("[A-Za-z0-9]", re.sub(LATIN, "", prose)), answer
        assert str(answer).count("`") % 2 == 0
        # a number right after a Latin letter would be laid out on its wrong side
        assert not re.search("[A-Za-z][^آ-ی`]*[۰-۹]", prose), answer


def test_a_wrong_answer_has_its_persian_sentence_with_its_numbers_on_the_right_side(persian):
    found = lab.check_losses(WRONG_D["its sign is turned"], loss_g)
    assert found == (False, "`loss_d` مقدار -۲٫۶۳۱۵ را برمی‌گرداند و مقدار درست ۲٫۶۳۱۵ است: علامت آن برعکس است، پس کم "
                            "کردنش کار را بدتر می‌کند.")  # fmt: skip
    assert found._repr_html_().startswith(
        '<div dir="rtl"><code dir="ltr">loss_d</code> مقدار \u2066-۲٫۶۳۱۵\u2069 را برمی‌گرداند و'
    )
    assert str(lab.check_discriminator(WRONG_DIS[4][0])).startswith("D از دیدن ۵۰ درصد پیکسل‌ها بازمی‌ماند")


def test_what_an_error_says_is_code_in_a_persian_sentence_and_no_tag(persian):
    def loss(dis, real, fake):
        raise ValueError("<b>`x`</b>")

    found = lab.check_losses(loss, loss_g)
    assert str(found) == "`loss_d` با خطا متوقف می‌شود: `ValueError: <b>'x'</b>`."
    assert '<code dir="ltr">ValueError: &lt;b&gt;&#x27;x&#x27;&lt;/b&gt;</code>' in found._repr_html_()


def test_english_answers_are_texts_as_before_and_an_unknown_language_changes_nothing():
    with pytest.raises(UserError, match="There is no language of the lab called 'farsi'. Did you mean 'fa'"):
        lab.language("farsi")
    with pytest.raises(UserError, match="Choose one of: en, fa"):
        lab.language(None)
    found = lab.check_mended(lambda z: z)
    assert str(found) == "mended changes nothing yet: take off the mean, then divide."
    assert not hasattr(found, "_repr_html_")
