#!/usr/bin/env bash
# `stacked` over seeds, one after another: bench/stacked_seeds.sh FOLDER [SEED...], by default seeds 0 to 4.
# Stopped or killed, the same command goes on where it was.
set -euo pipefail
out=$1
seeds=("${@:2}")
for seed in ${seeds[@]:-0 1 2 3 4}; do
    run=$out/stacked-$seed
    if [ -e "$run/config.json" ]; then
        ayneh resume "$run"
    else
        ayneh train stacked --seed "$seed" --precision bfloat16 --keep.keep-epochs 5 --out "$run"
    fi
    for epoch in 4 9 19 39; do # counted from 0
        n=$([ $epoch = 39 ] && echo 1000000 || echo 26000)
        [ -e "$run/evaluation-epoch-$(printf %04d $epoch).json" ] || ayneh evaluate "$run" --epoch $epoch --n "$n"
    done
done
