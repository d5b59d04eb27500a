"""The sentences of the report's page, in both languages."""

import dataclasses
import re
from pathlib import Path
from string import Formatter

import numpy as np
import pytest

import ayneh.course
from ayneh.course.blocks import words_of
from ayneh.course.catalogue import LANGUAGES, Catalogue
from ayneh.course.plan import PART_A, PART_B
from ayneh.doctor.class_symptoms import LABELLED
from ayneh.doctor.symptoms import SYMPTOMS
from ayneh.errors import UserError
from ayneh.studies import figures
from ayneh.studies.intervals import Interval

ENGLISH, PERSIAN = (Catalogue(language).sentences for language in ("en", "fa"))


def placeholders(sentence: str) -> set[str]:
    """The names of the values that a sentence takes."""
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def test_both_languages_have_the_same_keys_and_the_same_values_in_each_sentence():
    assert LANGUAGES == ("en", "fa")
    assert set(ENGLISH) == set(PERSIAN)
    for key, sentence in ENGLISH.items():
        assert placeholders(sentence) == placeholders(PERSIAN[key]), key
        assert re.findall("`[^`]*`", sentence) == re.findall("`[^`]*`", PERSIAN[key]), key  # code is the same


def test_every_sentence_is_used_and_every_symptom_and_arm_has_its_words():
    room = Path(ayneh.course.__file__).parent
    source = "".join(path.read_text(encoding="utf-8") for path in room.iterdir() if path.suffix in (".py", ".j2"))
    families = ("arm.", "symptom.", "layer.", "outcome.", "verdict.", "effect.", "test.", "probe.", "mirror.", "time.",
                "moments.", "r12.", "number.", "plot.")  # fmt: skip
    for key in ENGLISH:
        claimed = re.fullmatch(r"r\d+\.(title|said|lesson|answer|differs)", key)
        assert claimed or f'"{key}"' in source or key.startswith(families), key
    found = {f"symptom.{name.replace(' ', '-')}" for name in SYMPTOMS if name not in LABELLED}
    assert found == {key for key in ENGLISH if key.startswith("symptom.")}
    assert {f"arm.{name.replace(' ', '-')}" for name in PART_B} == {key for key in ENGLISH if key.startswith("arm.")}
    assert not any(f"arm.{name}" in ENGLISH for name in PART_A)  # the name of a law is the same in all languages


def test_numbers_are_written_as_people_of_the_language_write_them():
    english, persian = Catalogue("en"), Catalogue("fa")
    assert [english.shown(x) for x in (1234, 0.12345, None)] == ["1,234", "0.123", "none"]
    assert [persian.shown(x) for x in (1234, 0.12345)] == ["۱٬۲۳۴", "۰٫۱۲۳"]
    assert english.shown(Interval(2.0, 1.0, 3.0)) == "2.00 (1.00 to 3.00)"
    assert persian.shown(Interval(2.0, 1.0, 3.0)) == "۲٫۰۰ (۱٫۰۰ تا ۳٫۰۰)"
    assert persian("epoch", epoch=67) == "دورهٔ ۶۷"
    assert persian.shown("N(0, 1)") == "N(0, 1)"  # names stay


def test_persian_sentences_have_persian_digits_which_no_latin_letter_moves_to_its_other_side():
    for key, sentence in PERSIAN.items():
        shown = re.sub(r"\{(arms?|label)\}", "م", re.sub("`[^`]*`", "", sentence))  # an arm is Persian, or code
        shown = re.sub(r"\{\w+\}", "۹", shown)
        shown = re.sub(r"\bR[0-9]+|ln 4", "X", re.sub(r"\b[UN]\([^)]*\)", "X", shown))
        assert not re.search("[0-9]", shown), key
        assert not re.search(r"[A-Za-z][^آ-ی]*[۰-۹]", shown), key


def test_a_language_without_a_catalogue_is_refused_with_those_that_there_are():
    with pytest.raises(UserError, match="'de'; the report is written in en and fa"):
        Catalogue("de")


def test_a_minus_stands_on_the_left_of_a_persian_number_and_the_first_factor_on_that_of_a_product():
    t = Catalogue("fa")
    assert t.laid_out(f"<td>{t.shown(-3)}</td> ({t.shown(-0.5)}) 3-{t.digits('4')}") == (
        "<td>\u2066-۳\u2069</td> (\u2066-۰٫۵۰۰\u2069) 3-۴"
    )
    assert t.laid_out("<td>۶۴ × ۴ × ۳</td> ۸×۱۶، ۴×۳ و ۵") == (
        "<td>\u2066۶۴ × ۴ × ۳\u2069</td> \u2066۸×۱۶\u2069، \u2066۴×۳\u2069 و ۵"
    )
    assert Catalogue("en").laid_out("-3, 64 × 4") == "-3, 64 × 4"


def test_curves_have_the_words_of_the_page_and_its_numbers():
    english = dataclasses.replace(words_of(Catalogue("en")), arms={}, digits=str)
    assert english == figures.WORDS  # as on a study's own page
    words, bare = words_of(Catalogue("fa")), "mirror without dropout"
    arms = [figures.Curve(words.arms.get(arm, arm), [10, 6000], np.array([[k, 2.5]])) for k, arm in
            enumerate(["U(0, 1)", bare, "gone"], start=1)]  # fmt: skip
    arms[2].values[:] = np.inf
    svg = figures.curves("x", {words.loss_d: arms, words.distance: arms}, (1.4, words.guesses), words)
    label = re.search('aria-label="([^"]*)"', svg).group(1)
    assert label == (
        "بر حسب شمار تصویرهای دیده‌شده. زیان D، در پایان: U(0, 1) برابر ۲٫۵، بدون حذف تصادفی برابر ۲٫۵، gone بدون عدد. "
        "فاصلهٔ فرشه، در پایان: U(0, 1) برابر ۲٫۵، بدون حذف تصادفی برابر ۲٫۵، gone بدون عدد."
    )
    texts = re.findall("<text[^>]*>([^<]*)</text>", svg)
    assert {words.loss_d, words.distance, words.thousands, words.guesses, words.arms[bare], "۶", "۱٫۵"} <= {*texts}
    assert not re.search("[A-Za-z0-9]", " ".join(texts).replace("U(0, 1)", "").replace("ln 4", "").replace("D", ""))
