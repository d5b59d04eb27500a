"""Class shares against SciPy and by hand; what never appears is said, not divided by."""

import numpy as np
import pytest
import torch
from scipy import stats

from ayneh.judge.classes import class_chi2, class_kl, histogram, low_confidence, modes_covered

DATA = torch.tensor([30, 50, 20])


def test_histogram_counts_the_most_probable_class():
    probabilities = torch.tensor([[0.6, 0.4, 0.0], [0.1, 0.2, 0.7], [0.3, 0.3001, 0.3]])
    assert histogram(probabilities).tolist() == [1, 1, 1]


def test_kl_is_scipys_entropy():
    counts = torch.tensor([10, 70, 40])
    assert class_kl(counts, DATA).value == pytest.approx(stats.entropy(counts, DATA), rel=1e-12)


def test_kl_of_one_class_alone_is_minus_log_of_its_share():
    assert class_kl(torch.tensor([0, 0, 77]), DATA).value == pytest.approx(-np.log(0.2), rel=1e-12)


def test_kl_interval_holds_the_truth():
    true_shares = np.array([0.5, 0.3, 0.2])
    truth = stats.entropy(true_shares, DATA)
    draws = np.random.RandomState(0).multinomial(2000, true_shares, size=100)
    intervals = [class_kl(torch.from_numpy(draw), DATA).interval for draw in draws]
    assert sum(low <= truth <= high for low, high in intervals) >= 88


def test_chi2_is_scipys():
    counts = torch.tensor([25, 60, 35])
    expected = stats.chisquare(counts.double(), DATA.double() * 1.2)
    found = class_chi2(counts, DATA)
    assert found.value == pytest.approx(expected.statistic / 2, rel=1e-12)
    every = class_chi2(counts, DATA * 10**9)  # shares that are known without error
    assert every.p == pytest.approx(expected.pvalue, rel=1e-6)


def test_chi2_of_two_samples_of_one_law_is_significant_once_in_twenty():
    law, rng = np.array([0.1, 0.2, 0.3, 0.4]), np.random.default_rng(0)
    for n, m in ((2000, 2000), (500, 3000), (3000, 500)):
        scores = [class_chi2(*(torch.from_numpy(rng.multinomial(k, law)) for k in (n, m))) for _ in range(600)]
        assert np.mean([score.value for score in scores]) == pytest.approx(1 + n / m, rel=0.12)
        assert 0.03 < np.mean([score.p < 0.05 for score in scores]) < 0.075


def test_a_class_the_data_lacks_cannot_be_compared():
    score = class_kl(torch.tensor([5, 4, 3]), torch.tensor([10, 10, 0]))
    assert score.value is None
    assert "3 fakes fall in 1 classes that never appear in the data" in score.warning
    assert class_chi2(torch.tensor([5, 4, 3]), torch.tensor([10, 10, 0])).value is None
    assert class_kl(torch.tensor([5, 4, 0]), torch.tensor([10, 10, 0])).value is not None


def test_rare_classes_warn_in_chi2():
    assert "needs 5" in class_chi2(torch.tensor([3, 5, 2]), DATA).warning


def test_covered_modes_need_a_tenth_of_their_share():
    data = torch.full((10,), 1000)
    counts = torch.tensor([9000, 500, 101, 99, 0, 50, 50, 100, 100, 0])
    assert modes_covered(counts, data).value == 5


def test_modes_the_data_lacks_do_not_count():
    score = modes_covered(torch.tensor([50, 50, 50]), torch.tensor([10, 10, 0]))
    assert score.value == 2
    assert "1 of 3 classes never appear" in score.warning


def test_low_confidence_is_the_share_below_nine_tenths():
    score = low_confidence(torch.tensor([[0.95, 0.05], [0.89, 0.11], [0.5, 0.5], [0.0, 1.0]]))
    assert score.value == 0.5
    assert score.interval[0] < 0.5 < score.interval[1]


def test_no_images_cannot_tell():
    none = torch.zeros(3, dtype=torch.int64)
    assert [f(none, DATA).value for f in (class_kl, class_chi2, modes_covered)] == [None, None, None]
    assert low_confidence(torch.empty(0, 3)).value is None
