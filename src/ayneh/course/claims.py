"""The report's claims R1 to R12, each with what these runs show of it."""

from __future__ import annotations

from ayneh.course.blocks import Block, Claim, arm_name, layer_cells, layer_table, made, picture, sizes, words_of
from ayneh.course.catalogue import Catalogue
from ayneh.course.facts import PARAMETERS, REPORTED, REPORTED_A, Facts, losses, printed
from ayneh.course.plan import BARE, CENTRED, DROPOUT, NORMAL, PART_A, PART_B, U01, WIDE, shown_epochs
from ayneh.probe.sentences import SATURATING, fall
from ayneh.record.record import Record
from ayneh.studies import drawings
from ayneh.studies.comparisons import Compared

A, B = list(PART_A), list(PART_B)


def claims(t: Catalogue, facts: Facts) -> list[Claim]:
    """All twelve, in the report's order."""
    ways = (runs, lines, noise, why, frame, halving, dis, gen, dropout, mirror, time, figures)
    return [way(t, facts) for way in ways]


# -- Part A ------------------------------------------------------------------------------------------------------------


def runs(t: Catalogue, facts: Facts) -> Claim:
    """R1: two arms."""
    config = facts.middle(NORMAL).run.config
    answer = t("r1.answer", arms=len(A), runs=sum(len(facts.arm(arm)) for arm in A), epochs=config.epochs,
               images=int(facts.frame["images"]))  # fmt: skip
    head = tuple(t(f"moments.{name}") for name in ("noise", "mean", "std", "cosine"))
    rows = []
    for arm in A:
        mean, std, cosine = moments(facts, arm)
        rows.append((arm_name(t, arm), t.shown(mean), t.shown(std), t.shown(cosine)))
    nets = facts.layers(NORMAL)
    return made(
        t, facts, 1, A, answer, Block(words=t("moments.words"), head=head, rows=tuple(rows)),
        Block(words=t("r1.nets", **sizes(t, nets))), layer_table(t, nets.gen), layer_table(t, nets.dis),
    )  # fmt: skip


def moments(facts: Facts, arm: str) -> tuple[float, float, float]:
    """Mean and deviation of a coordinate of z, and the cosine between two draws: m^2 / (m^2 + s^2) for long z."""
    from ayneh.engine.match import prior_of

    config = facts.middle(arm).run.config
    mean, variance = prior_of(config).moments(config.prior.dim)
    return mean, variance**0.5, mean * mean / (mean * mean + variance)


def lines(t: Catalogue, facts: Facts) -> Claim:
    """R2: the line after an epoch, and the grid."""
    last = facts.middle(NORMAL).run.config.epochs - 1
    said = tuple(printed(facts.middle(arm), last) for arm in A)
    d, g = losses(facts.middle(NORMAL), last) or (None, None)  # it may have broken down before
    answer = t("r2.answer", epoch=last, d=d, g=g, report_d=REPORTED_A[0], report_g=REPORTED_A[1])
    blocks = [
        Block(words=t("r2.arm", arm=arm_name(t, arm), seed=facts.middle(arm).run.seed), lines=(line,))
        for arm, line in zip(A, said, strict=True)
    ]
    grids = tuple((arm_name(t, arm), picture(facts, facts.middle(arm), last)) for arm in A)
    return made(t, facts, 2, A, answer, *blocks, Block(words=t("r2.grids", epoch=last), pictures=grids))


def noise(t: Catalogue, facts: Facts) -> Claim:
    """R3: does uniform noise fail?"""
    one, n = facts.between(U01, NORMAL), len(facts.arm(U01))
    worse = one.verdict == "worse"
    answer = t(
        "r3.holds" if worse else "r3.open",
        failed=facts.failed(U01), n=n, normal=facts.failed(NORMAL), normal_n=len(facts.arm(NORMAL)),
        centred=facts.failed(CENTRED) + facts.failed(WIDE), centred_n=len(facts.arm(CENTRED)) + len(facts.arm(WIDE)),
        ratio=one.contrast.effect if one.contrast else None,
    )  # fmt: skip
    shown = shown_epochs(facts.middle(U01).run.config.epochs)
    strips = [
        Block(words=t("r3.strip", arm=arm_name(t, arm), seed=facts.middle(arm).run.seed),
              pictures=tuple((t("epoch", epoch=e), picture(facts, facts.middle(arm), e)) for e in shown))
        for arm in A
    ]  # fmt: skip
    compared = [facts.between(arm, other) for arm, other in ((U01, NORMAL), (U01, CENTRED), (WIDE, NORMAL))]
    return made(
        t, facts, 3, A, answer, outcomes(t, facts, A, ("fd", "spread", "modes")), tests(t, compared),
        Block(words=t("r3.curves"), svg=_curves(t, facts, A)), *strips, symptoms(t, facts, A),
    )  # fmt: skip


def why(t: Catalogue, facts: Facts) -> Claim:
    """R4: the reasons that the report gives."""
    rows = []
    for arm, values in facts.probes.items():
        for one in values["epochs"]:
            if "arms" not in one:
                continue
            plain, null = (one["arms"][name] for name in ("plain", "null"))
            errors = [arm["error_single"][-1] for arm in (plain, null)]
            shown = (t.shown(int(one["epoch"])), *map(t.shown, errors), t.shown(fall(plain[SATURATING])))
            rows.append((arm_name(t, arm), *shown))
    head = tuple(t(f"probe.{name}") for name in ("noise", "epoch", "error", "null", "fall"))
    cosine, normal = moments(facts, U01)[2], moments(facts, NORMAL)[2]
    answer = t("r4.answer", cosine=cosine, normal=normal)
    return made(t, facts, 4, [NORMAL, U01], answer,
                Block(words=t("r4.probe", steps=facts.size.probed), head=head, rows=tuple(rows)),
                Block(words=t("r4.same")))  # fmt: skip


# -- Part B ------------------------------------------------------------------------------------------------------------


def frame(t: Catalogue, facts: Facts) -> Claim:
    """R5: the frame and the range."""
    f = facts.frame
    key = "r5.framed" if f["before"] < f["side"] else "r5.unframed"
    answer = t(key, before=int(f["before"]), side=int(f["side"]), low=f["low"], high=f["high"])
    return made(t, facts, 5, B[:1], answer)


def halving(t: Catalogue, facts: Facts) -> Claim:
    """R6: every convolution halves or doubles."""
    layers = [one for one in facts.own_layers.dis + facts.own_layers.gen if one.kind in ("conv", "deconv")]
    strided = [one for one in layers if one.numbers["stride"] == 2]
    others = len(layers) - len(strided)
    head = tuple(t(f"layer.{name}") for name in ("layer", "shape"))
    rows = tuple(layer_cells(t, one) for one in layers)
    return made(t, facts, 6, B[:1], t("r6.answer", strided=len(strided), others=others), Block(head=head, rows=rows))


def dis(t: Catalogue, facts: Facts) -> Claim:
    """R7: D, layer by layer."""
    return _net(t, facts, 7)


def gen(t: Catalogue, facts: Facts) -> Claim:
    """R8: G, layer by layer."""
    return _net(t, facts, 8)


def _net(t: Catalogue, facts: Facts, number: int) -> Claim:
    own, ours = facts.own_layers, facts.layers(DROPOUT)
    which = (lambda layers: layers.dis) if number == 7 else (lambda layers: layers.gen)
    same = own.parameters == PARAMETERS
    index = 1 if number == 7 else 0
    answer = t(f"r{number}.answer" if same else f"r{number}.differs", ours=own.parameters[index],
               report=PARAMETERS[index])  # fmt: skip
    blocks = [Block(words=t("layers.report")), layer_table(t, which(own))]
    if ours.parameters != own.parameters:
        blocks += [Block(words=t("layers.played", side=int(facts.frame["side"]))), layer_table(t, which(ours))]
    return made(t, facts, number, B[:1], answer, *blocks)


def dropout(t: Catalogue, facts: Facts) -> Claim:
    """R9: what dropout is for."""
    one, n = facts.between(BARE, DROPOUT, "loss_d"), len(facts.arm(BARE))
    jumped = facts.jumped(BARE)
    key = "r9.stronger" if one.verdict == "lower" else "r9.open"
    answer = t(key, bare=facts.median(BARE, "loss_d"), dropout=facts.median(DROPOUT, "loss_d"),
               bare_g=facts.median(BARE, "loss_g"), dropout_g=facts.median(DROPOUT, "loss_g"))  # fmt: skip
    most = 1 - 0.05 ** (1 / n)  # of the runs, at 95 %, where none jumped
    answer += " " + (t("r9.jumped", jumped=jumped, n=n) if jumped else t("r9.no_jump", n=n, most=100 * most))
    compared = [facts.between(BARE, DROPOUT, name) for name in ("loss_d", "loss_g", "d_gap", "fd")]
    return made(t, facts, 9, B, answer, outcomes(t, facts, B, ("loss_d", "loss_g", "d_gap", "fd")), tests(t, compared),
                Block(words=t("r9.curves"), svg=_curves(t, facts, B)), symptoms(t, facts, B))  # fmt: skip


def mirror(t: Catalogue, facts: Facts) -> Claim:
    """R10: image and 128 numbers."""
    reading = facts.readings.get(DROPOUT)
    if reading is None:
        return made(t, facts, 10, B[:1], t("r10.none"))
    scores = reading["scores"]
    names = {"r2@ridge": "r2", "r2@ridge_untrained": "r2_untrained", "nearest@features": "nearest",
             "nearest@pixels": "nearest_pixels", "nearest@untrained": "nearest_untrained",
             "relative_error@test": "back", "relative_error@generated": "back_own"}  # fmt: skip
    rows = tuple(
        (t(f"mirror.{key}"), f"`{one['protocol']}`", t.shown(one["value"]), t.shown(int(one["n"])))
        for name, key in names.items()
        if (one := scores.get(name))
    )
    head = tuple(t(f"mirror.{name}") for name in ("score", "protocol", "value", "n"))
    values = {key: scores[name]["value"] for name, key in names.items() if name in scores}
    answer = t("r10.answer", r2=values["r2"], untrained=values["r2_untrained"],
               nearest=100 * values["nearest"], pixels=100 * values["nearest_pixels"])  # fmt: skip
    path = Record(facts.ledger.path(facts.middle(DROPOUT).run)).report_path("mirror", suffix=".png")
    return made(t, facts, 10, B[:1], answer, Block(head=head, rows=rows),
                Block(words=t("r10.picture"), pictures=((t("r10.rows"), path),)))  # fmt: skip


def time(t: Catalogue, facts: Facts) -> Claim:
    """R11: small nets, short epochs."""
    own = facts.own_layers.parameters
    answer = t("r11.answer", seconds=facts.epoch_s, gen=own[0], dis=own[1])
    head = tuple(t(f"time.{name}") for name in ("arm", "images", "seconds"))
    rows = tuple((arm_name(t, arm), t.shown(int(facts.frame["images"])), t.shown(facts.seconds(arm))) for arm in A + B)
    return made(t, facts, 11, A + B, answer, Block(words=t("r11.runs"), head=head, rows=rows),
                Block(words=t("r11.computed", step=1000 * facts.step_s)))  # fmt: skip


def figures(t: Catalogue, facts: Facts) -> Claim:
    """R12: losses and grids at four epochs."""
    run = facts.middle(DROPOUT)
    shown = shown_epochs(run.run.config.epochs)
    head = tuple(t(f"r12.{name}") for name in ("epoch", "d", "g", "report_epoch", "report_d", "report_g"))
    rows = []
    for epoch, theirs in zip(shown, (None, *REPORTED), strict=False):
        d, g = losses(run, epoch) or (None, None)
        said = (t.shown(theirs), *map(t.shown, REPORTED[theirs])) if theirs else ("", "", "")
        rows.append((t.digits(str(epoch)), t.shown(d), t.shown(g), *said))
    ends = [losses(run, epoch) for epoch in shown[1:]]
    every_d, every_g = ([pair[k] for pair in ends if pair] for k in (0, 1))
    low_d, high_d, low_g, high_g = (end(of, default=None) for of in (every_d, every_g) for end in (min, max))
    answer = t("r12.answer", low_d=low_d, high_d=high_d, low_g=low_g, high_g=high_g)
    grids = tuple((t("epoch", epoch=epoch), picture(facts, run, epoch)) for epoch in shown)
    said_lines = tuple(line for epoch in shown if (line := printed(run, epoch)))
    return made(t, facts, 12, B[:1], answer, Block(words=t("r12.lines", seed=run.run.seed), lines=said_lines),
                Block(head=head, rows=tuple(rows)), Block(words=t("r12.grids"), pictures=grids))  # fmt: skip


# -- tables ------------------------------------------------------------------------------------------------------------


def outcomes(t: Catalogue, facts: Facts, arms: list[str], names: tuple[str, ...]) -> Block:
    """A row for each arm: its runs, how many failed, the median of each outcome with the smallest and the largest."""
    head = (t("outcome.arm"), t("outcome.runs"), t("outcome.failed"), *(t(f"outcome.{name}") for name in names))
    rows = tuple(
        (arm_name(t, arm), t.shown(len(facts.arm(arm))), t.shown(facts.failed(arm)),
         *(t.shown(facts.median(arm, name)) for name in names))
        for arm in arms
    )  # fmt: skip
    return Block(words=t("outcome.words"), head=head, rows=rows)


def tests(t: Catalogue, compared: list[Compared]) -> Block:
    """A row for each comparison: the verdict, its size with the interval, p, failures."""
    names = ("arm", "reference", "outcome", "verdict", "effect", "p", "failures", "fisher")
    rows = []
    for one in compared:
        found = one.contrast
        if found is None:
            continue
        size = t(f"effect.{found.scale}", effect=found.effect)
        failed = t("test.failed", a=found.failed_a, n_a=found.runs_a, b=found.failed_b, n_b=found.runs_b)
        rows.append((arm_name(t, one.arm), arm_name(t, one.reference), t(f"outcome.{one.outcome}"),
                     t(f"verdict.{one.verdict.replace(' ', '_')}"), size, t.p(found.p_holm), failed,
                     t.p(found.fisher_holm)))  # fmt: skip
    return Block(words=t("test.words"), head=tuple(t(f"test.{name}") for name in names), rows=tuple(rows))


def symptoms(t: Catalogue, facts: Facts, arms: list[str]) -> Block:
    """What the doctor finds, and in how many runs of each arm."""
    from ayneh.doctor.symptoms import symptoms as table

    known = table()
    every = [name for name in known if any(facts.symptoms[arm][name] for arm in arms)]
    if not every:
        return Block(words=t("doctor.none"))
    head = (t("doctor.finding"), *(arm_name(t, arm) for arm in arms))
    rows = tuple(
        (
            t.get(f"symptom.{name.replace(' ', '-')}", known[name].title),
            *(t.shown(facts.symptoms[arm][name]) for arm in arms),
        )
        for name in every
    )
    return Block(words=t("doctor.words"), head=head, rows=rows)


def _curves(t: Catalogue, facts: Facts, arms: list[str]) -> str:
    found = {arm: facts.arm(arm) for arm in arms}
    panels = drawings.panels_of(facts.ledger.study, found, words_of(t))
    return "".join(svg for panel in panels for svg in panel.svgs)
