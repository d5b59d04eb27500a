"""Cures: each is the first remedy that a run does not use yet."""

from ayneh.config import Config
from ayneh.doctor import cures
from ayneh.doctor.courses import facts_of

FACTS = facts_of(Config())


def test_each_cure_is_the_next_thing_that_was_not_tried():
    bare = FACTS | {"rules.dropout": 0.0}
    assert cures.weaken_dis(bare).changes == {"rules.dropout": 0.3}
    assert cures.weaken_dis(FACTS).changes == {"rules.penalty": "r1", "rules.gamma": 0.1}
    lazy = FACTS | {"rules.penalty_every": 16}  # which had no effect so far
    assert cures.weaken_dis(lazy).changes == {"rules.penalty": "r1", "rules.gamma": 0.1, "rules.penalty_every": 1}
    assert cures.slow_down(lazy | {"rules.loss": "wasserstein"}).changes["rules.penalty_every"] == 1
    both = FACTS | {"rules.penalty": "r1", "optimizer.lr_dis": 4e-4}
    assert cures.weaken_dis(both).changes == {"optimizer.lr_dis": 1e-4}
    assert cures.slow_down(FACTS | {"optimizer.lr_dis": 1e-2}).changes == {"optimizer.lr_dis": 2e-4}
    for lr, lr_dis in ((1e30, None), (1e30, 0.5), (0.2, 1e9)):
        hot = FACTS | {"optimizer.lr": lr, "optimizer.lr_dis": lr_dis}
        assert cures.slow_down(hot).changes == {"optimizer.lr": 2e-4, "optimizer.lr_dis": None}
    assert cures.weaken_dis(FACTS | {"rules.dropout": 0.3, "rules.penalty": "r1", "optimizer.lr": 1e30}).changes == {
        "optimizer.lr_dis": 2e-4
    }
    assert cures.slow_down(FACTS | {"rules.loss": "wasserstein"}).changes["rules.penalty"] == "wgan-gp"
    assert cures.bring_life(FACTS | {"parallel": 0.75}).changes["prior.name"] == "normal"
    assert cures.bring_life(FACTS | {"rules.loss": "saturating"}).changes == {"rules.loss": "non-saturating"}
    assert cures.strengthen_dis(FACTS | {"optimizer.lr_dis": 1e-6}).changes == {"optimizer.lr_dis": 2e-4}
    assert cures.more_images(FACTS | {"data.limit": 50}).changes == {"data.limit": None}


def test_cures_of_classes_are_the_next_thing_that_was_not_tried():
    facts = FACTS | {"rules.labels": "concat", "class_shares": (0.1,) * 10, "epochs": 20}
    assert cures.heed_labels(facts).changes == {"rules.labels": "projection"}
    joined = facts | {"rules.labels": "projection"}
    assert cures.heed_labels(joined).changes == {"net.gen_labels": "norm"}
    assert cures.heed_labels(joined | {"net.gen_norm": "none"}).changes == {"epochs": 40}
    assert cures.heed_labels(joined | {"net.gen_labels": "norm"}).changes == {"epochs": 40}
    auxiliary = facts | {"rules.labels": "auxiliary"}
    assert cures.heed_labels(auxiliary).changes == {"rules.label_weight": 4.0}
    assert cures.heed_labels(auxiliary | {"rules.label_weight": 4.0}).changes == {"net.gen_labels": "norm"}
    assert cures.vary_classes(auxiliary).changes == {"rules.label_weight": 0.25}
    rare = facts | {"class_shares": (0.02, 0.98)}
    assert cures.vary_classes(rare).changes == {"rules.classes": "even"}
    assert cures.vary_classes(rare | {"rules.classes": "even"}).changes == cures.bring_life(facts).changes
    assert cures.vary_classes(facts).changes == cures.bring_life(facts).changes
    assert cures.part_classes(facts).changes == {"rules.labels": "projection"}
    assert cures.mend_labels(facts).changes == {}
