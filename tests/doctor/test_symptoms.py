"""Each symptom on courses drawn by hand, at both sides of its threshold."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayneh.config import Config, flatten
from ayneh.doctor.courses import Course, facts_of
from ayneh.doctor.findings import SEVERITIES, variety
from ayneh.doctor.symptoms import SYMPTOMS, examine, measured

FACTS = facts_of(Config())
N = 40


def course(facts=(), **series):
    """Forty looks of fifty steps each, far past the warm-up; a number alone stays what it is."""
    columns = {name: np.broadcast_to(np.asarray(value, float), (N,)).copy() for name, value in series.items()}
    steps = 2000 + 50.0 * np.arange(N)
    return Course(steps, columns | {"step": steps}, {**FACTS, **dict(facts)})


GOOD = {"spread": 1.0, "alike": 1.0, "coverage": 0.7, "memory": 1.3, "drift": 0.5, "dead_gen": 0.0, "dead_dis": 0.0}
GOOD |= {"low": -1.0, "high": 1.0, "data_low": -1.0, "data_high": 1.0, "separation": 0.9, "broken": 0.0, "fd": 8.0}
GOOD |= {
    "mean_p_real": 0.7,
    "mean_p_fake": 0.3,
    "mean_grad_d": 2.0,
    "mean_grad_g": 2.0,
    "class_kl": 0.05,
    "modes": 10.0,
}
GOOD |= {"data_images": 1297.0, "mean_loss_d": 0.8, "epoch": 3.0}
NAMES = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LABELLED = {"rules.labels": "concat", "rules.classes": "data", "net.gen_labels": None}
LABELLED |= {"class_names": NAMES, "class_shares": (0.1,) * 10}
OF_CLASSES = {
    "label_effect": 0.9,
    "class_read": 0.9,
    "data_class_read": 0.97,
    "class_chance": 0.1,
    "data_label_share": 0.4,
}
OF_CLASSES |= {"class_spread": 0.7, "class_spread_median": 0.9, "class_spread_of": 7.0, "class_spread_data": 0.8}
OF_CLASSES |= {"class_swap": 0.05, "class_swap_from": 3.0, "class_swap_to": 8.0, "class_swap_share": 0.1}
OF_CLASSES |= {"data_class_swap": 0.05}
LATE = np.arange(N) >= 20

ILL = {
    "discriminator overpowering": ({"mean_p_real": 0.99, "mean_p_fake": 0.01}, {}),
    "generator overpowering": ({"separation": 0.5, "coverage": 0.02}, {}),
    "vanishing gradient": ({"mean_grad_g": np.where(LATE, 1e-3, 2.0)}, {}),
    "exploding gradient": ({"mean_grad_d": np.where(LATE, 1e3, 2.0)}, {}),
    "G ignores z": ({"spread": 0.01}, {}),
    "all alike": ({"alike": 0.1}, {}),
    "classes missing": ({"class_kl": np.where(LATE, 1.5, 0.05)}, {}),
    "little covered": ({"coverage": 0.01}, {}),
    "sudden jump": ({"coverage": np.where(LATE, 0.1, 0.7)}, {}),
    "oscillation": ({"drift": 2.2}, {}),
    "memorisation": ({"memory": 0.4}, {}),
    "dead units": ({"dead_gen": 0.7}, {}),
    "parallel prior": ({}, {"parallel": 0.75}),
    "range mismatch": ({"high": 0.2}, {}),
    "data range": ({"data_high": -0.99, "high": -0.99}, {}),
    "small batch": ({}, {"batch": 4}),
    "few images": ({"data_images": 50.0}, {}),
    "not finite": ({"broken": LATE.astype(float)}, {}),
    "labels ignored": (OF_CLASSES | {"label_effect": 0.01, "class_read": 0.1}, LABELLED),
    "one class collapsed": (OF_CLASSES | {"class_spread": 0.02}, LABELLED),
    "one class drawn for another": (OF_CLASSES | {"class_swap": 0.7, "class_swap_share": 0.8}, LABELLED),
    "labels at random": (OF_CLASSES | {"data_class_read": 0.11, "data_label_share": 0.001}, LABELLED),
}


def test_every_symptom_has_its_ill_course():
    assert ILL.keys() == SYMPTOMS.keys()


def test_a_healthy_course_is_quiet():
    findings, silent = examine(course(**GOOD))
    assert findings == []
    assert silent == {}


@pytest.mark.parametrize("name", SYMPTOMS)
def test_an_ill_course_is_found_with_numbers_and_a_cure(name):
    series, facts = ILL[name]
    findings, _ = examine(course(facts, **GOOD | series))
    found = {finding.name: finding for finding in findings}
    assert name in found
    finding = found[name]
    assert "nan" not in finding.evidence
    assert finding.severity in SEVERITIES
    assert finding.source
    assert finding.cure.words
    assert finding.cure.changes.keys() <= flatten(Config()).keys()
    assert finding.until_step is None
    late = any(np.ndim(value) for value in series.values())
    window = 100 if name == "one class drawn for another" else 0  # it needs the third look of five
    assert (3000 if late else 2000) <= finding.since_step <= (3200 if late else 2250 + window)


@pytest.mark.parametrize("name", ["classes missing", "little covered"])
def test_varied_samples_are_no_mode_collapse(name):
    def evidence(**series):
        findings, _ = examine(course(**GOOD | ILL[name][0] | series))
        found = {finding.name: finding for finding in findings}
        assert "collapse" not in found[name].title
        return found[name].evidence

    noise = {"spread": 2.5, "alike": 3.0}
    assert "collapse" not in evidence(**noise)
    assert "not all alike (their variance is 2.5 times the data's" in evidence(**noise)
    assert "nearly all alike, a mode collapse" in evidence(spread=0.02, alike=0.9)
    assert "repeat a few images" in evidence(spread=0.9, alike=0.1)
    assert "collapse" not in evidence(spread=0.9, alike=0.1)
    assert not evidence(**noise | {"alike": math.nan}).endswith((" ", "noise."))  # not known: nothing is said


def test_the_variety_is_that_of_the_last_look_so_far():
    spread, alike = np.full(N, math.nan), np.full(N, 0.9)
    spread[[5, 9, 12]] = 0.5, 0.01, 0.5
    one = course(spread=spread, alike=alike)
    assert variety(one, 4) == ""
    assert "not all alike" in variety(one, 8)
    assert "mode collapse" in variety(one, 11)  # a line of scores without vital signs
    assert "not all alike" in variety(one, N - 1)


@pytest.mark.parametrize("name", SYMPTOMS)
def test_what_is_not_recorded_cannot_be_judged(name):
    needed = SYMPTOMS[name].needs
    facts = ILL[name][1] | {need: None for need in needed if need in FACTS}
    findings, silent = examine(course(facts, **{k: v for k, v in GOOD.items() if k not in needed}))
    assert name in silent
    assert name not in {finding.name for finding in findings}


@given(st.integers(3, N - 1), st.sampled_from(list(ILL)))
@pytest.mark.slow
def test_what_is_measured_at_a_look_does_not_depend_on_later_ones(cut, name):
    series, facts = ILL[name]
    whole = course(facts, **GOOD | series)
    part = Course(whole.steps[:cut], {k: v[:cut] for k, v in whole.series.items()}, whole.facts)
    for symptom in SYMPTOMS.values():
        np.testing.assert_array_equal(measured(symptom, part), measured(symptom, whole)[:cut])


def test_classes_are_a_matter_of_labelled_games_alone():
    findings, silent = examine(course(**GOOD | OF_CLASSES | {"class_spread": 0.02}))
    assert (findings, silent) == ([], {})  # no labels: neither found nor said to be unknown
    findings, silent = examine(course(LABELLED, **GOOD | OF_CLASSES))
    assert (findings, silent) == ([], {})
    _, silent = examine(course(LABELLED, **GOOD))
    assert silent.keys() == ILL.keys() - {name for name in ILL if LABELLED is not ILL[name][1]}


def test_evidence_names_the_classes():
    def evidence(name, facts):
        found, _ = examine(course(facts, **GOOD | ILL[name][0]))
        return next(finding.evidence for finding in found if finding.name == name)

    assert "the class three, 80 % look like the class eight" in evidence("one class drawn for another", LABELLED)
    assert "The samples of the class seven vary 0.02 times" in evidence("one class collapsed", LABELLED)
    unnamed = LABELLED | {"class_names": ()}
    assert "The samples of the class 7 vary 0.02 times" in evidence("one class collapsed", unnamed)


def named(facts, **series):
    return {finding.name: finding for finding in examine(course(facts, **GOOD | OF_CLASSES | series))[0]}


def test_labels_are_heeded_where_the_class_asked_for_comes_out_and_not_where_another_one_does():
    assert named(LABELLED, label_effect=0.01) == {}  # the classes differ in what pixels' means do not show
    found = named(LABELLED, label_effect=1.2, class_read=0.1)[
        "labels ignored"
    ]  # each class as another image, by chance
    assert found.value == 0
    half = named(LABELLED, class_read=0.1 + 0.1 * (0.97 - 0.1))["labels ignored"]
    assert half.value == pytest.approx(0.1)


def test_where_the_classifier_reads_nothing_the_effect_of_the_class_decides():
    dull = {"data_class_read": 0.15, "data_label_share": 0.1, "class_read": 0.1}
    assert named(LABELLED, **dull) == {}
    assert named(LABELLED, **dull, label_effect=0.05)["labels ignored"].value == pytest.approx(0.05)


def test_classes_have_their_time_to_become_varied():
    """One image a class at first: the variety of the median class grows by a half within three looks, up to look 20."""
    growing = 0.05 * np.minimum(1.2 ** np.arange(N), 1.2**20)
    found = named(LABELLED, class_spread=0.02, class_spread_median=growing)
    assert found["one class collapsed"].since_step == 2000 + 50 * 22  # the median of three looks lags by one


def test_two_classes_are_confused_where_they_are_the_worst_pair_again_and_again():
    pairs = np.arange(N) % 4
    others = {"class_swap": 0.9, "class_swap_from": pairs, "class_swap_to": 5.0 + pairs}
    assert named(LABELLED, **others) == {}  # four pairs in turn: each twice in five looks at most, 0.36
    turned = {
        "class_swap": 0.9,
        "class_swap_from": np.where(pairs % 2, 3, 8),
        "class_swap_to": np.where(pairs % 2, 8, 3),
    }
    found = named(LABELLED, **turned)["one class drawn for another"]
    assert (found.value, found.since_step) == (pytest.approx(0.54), 2350)  # the third look of images


def test_classes_are_not_confused_where_the_classifier_misreads_real_images_or_no_class_comes_out():
    swap = OF_CLASSES | {"class_swap": 0.7}
    _, silent = examine(course(LABELLED, **GOOD | swap | {"data_class_read": 0.4, "class_read": 0.4}))
    assert "one class drawn for another" in silent
    assert named(LABELLED, class_swap=0.7, class_read=0.45) == {}


def test_images_are_not_asked_for_before_g_can_have_learnt():
    early = Course(20.0 * np.arange(1, N + 1), {"spread": np.zeros(N), "coverage": np.zeros(N)}, FACTS)
    assert {f.name for f in examine(early)[0]} & {"G ignores z", "little covered"} == set()
    faster = Course(early.steps, early.series, FACTS | {"optimizer.lr": 1e-3})
    (first,) = {f.since_step for f in examine(faster)[0] if f.name == "G ignores z"}
    assert first == 300


def test_images_whose_variety_still_grows_are_on_their_way():
    steps = 50.0 * np.arange(1, N + 1)
    facts = FACTS | {"optimizer.lr": 1e-3}
    growing = {"spread": 0.001 * 1.2 ** np.arange(N), "alike": np.full(N, 0.2)}
    findings, _ = examine(Course(steps, growing, facts))
    assert findings == []
    stuck = growing | {"spread": np.full(N, 0.3)}
    assert {f.name: f.since_step for f in examine(Course(steps, stuck, facts))[0]} == {"all alike": 300}
    longer = Course(2 * steps, growing, facts)  # at 2,000 steps of 1e-3 patience ends
    assert {f.name: f.since_step for f in examine(longer)[0]}["all alike"] == 2000


def test_a_class_is_missing_once_it_was_there_or_g_has_trained_for_long():
    def since(values, **facts):
        found = {f.name: f for f in examine(course(facts, **GOOD | {"class_kl": values}))[0]}
        return found["classes missing"].since_step if "classes missing" in found else None

    looks = np.arange(N)
    slow_start = np.where(looks < 30, 2.3, 0.4)  # one class of ten for 1,500 steps, then most of them
    assert since(slow_start) is None
    assert since(np.where(looks < 35, slow_start, 2.3)) == 2000 + 50 * 35  # and all lost again
    assert since(np.full(N, 2.3)) is None  # at 4,000 steps of 2e-4 the product is 0.8
    assert since(np.full(N, 2.3), **{"optimizer.lr": 1e-3}) == 2000
    assert since(slow_start, **{"optimizer.lr": 1e-3}) == 2000  # so late it is no beginning any more


def test_probabilities_are_not_read_under_a_loss_that_has_none():
    _, silent = examine(course({"rules.loss": "hinge"}, **GOOD | {"mean_p_real": 1.0, "mean_p_fake": 0.0}))
    assert "no probabilities" in silent["discriminator overpowering"]


def test_a_small_batch_harms_batch_norm_alone():
    facts = {"batch": 4, "net.gen_norm": "none", "net.dis_norm": "none"}
    findings, silent = examine(course(facts, **GOOD))
    assert findings == []
    assert "batch normalisation" in silent["small batch"]


def test_a_late_loss_of_quality_by_the_judge_alone_is_a_jump():
    better = np.geomspace(100, 8, 20)
    (found,) = examine(course(fd=np.concatenate([better, np.full(20, 80.0)])))[0]
    assert (found.name, found.since_step) == ("sudden jump", 3050)  # the second such score
    assert found.value == pytest.approx(10)
    assert examine(course(fd=np.concatenate([better, np.full(20, 24.0)])))[0] == []


def test_the_docs_name_every_symptom_with_its_threshold():
    text = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()
    for name, symptom in SYMPTOMS.items():
        sign = "≤" if symptom.below else "≥"
        row = f"| {name} | {symptom.severity} | {sign} {symptom.threshold:g}, {symptom.patience} | {symptom.source} |"
        assert row in text


def test_a_penalty_explodes_too_and_an_early_one_near_zero_is_no_measure():
    rising = np.where(np.arange(N) < 10, 1e-3, 0.5)
    calm = {"mean_grad_d": 1.0, "mean_grad_g": 1.0}
    found, _ = examine(course(**calm, mean_penalty=rising))  # 500 times as large, and still small
    assert "exploding gradient" not in {finding.name for finding in found}
    found, _ = examine(course(**calm, mean_penalty=np.where(np.arange(N) < 10, 2.0, 200.0)))
    assert "exploding gradient" in {finding.name for finding in found}


def test_scores_that_come_rarely_show_a_jump_as_well_and_one_alone_does_not():
    scored = np.arange(N) % 5 == 0
    distance = np.where(np.arange(N) < 20, np.geomspace(100, 8, N), 400.0)
    found, _ = examine(course(fd=np.where(scored, distance, np.nan), coverage=0.9))
    assert [(finding.name, finding.since_step) for finding in found] == [("sudden jump", 3250)]
    once = np.where(np.arange(N) == 20, 400.0, np.geomspace(100, 8, N))
    found, _ = examine(course(fd=np.where(scored, once, np.nan), coverage=0.9))
    assert found == []
