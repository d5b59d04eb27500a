#!/usr/bin/env bash
# `stacked` over seeds, one after another: bench/stacked_seeds.sh FOLDER [SEED...], by default seeds 0 to 4.
# Stopped or killed, the same command goes on where it was. With DEVICE=cuda the seeds, which must follow one another,
# are the replicas of one run, FOLDER/stacked-FIRST-LAST, which are evaluated side by side (on the CPU);
# EVALUATE=0 evaluates nothing. `bench/stacked.py` reads such a run, too.
set -euo pipefail
out=$1
seeds=("${@:2}")
[ ${#seeds[@]} -gt 0 ] || seeds=(0 1 2 3 4)
device=${DEVICE:-cpu} precision=bfloat16

trained() { # RUN, FLAGS...
    if [ -e "$1/config.json" ]; then
        ayneh resume "$1"
    else
        ayneh train stacked --precision $precision --keep.keep-epochs 5 --out "$@"
    fi
}

evaluated() { # RUN REPLICA
    local epoch n end
    [ "${EVALUATE:-1}" = 0 ] && return
    end=$([ "$2" = 0 ] || echo "-replica-$2")
    for epoch in 4 9 19 39; do # counted from 0
        n=$([ $epoch = 39 ] && echo 1000000 || echo 26000)
        [ -e "$1/evaluation-epoch-$(printf %04d $epoch)$end.json" ] ||
            ayneh evaluate "$1" --epoch $epoch --n "$n" --replica "$2"
    done
}

if [ "$device" = cpu ]; then
    for seed in "${seeds[@]}"; do
        trained "$out/stacked-$seed" --seed "$seed"
        evaluated "$out/stacked-$seed" 0
    done
else
    for k in "${!seeds[@]}"; do
        [ "${seeds[k]}" = $((seeds[0] + k)) ] || { echo "Replicas have seeds that follow one another: ${seeds[*]}"; exit 2; }
    done
    run=$out/stacked-${seeds[0]}-${seeds[-1]}
    trained "$run" --seed "${seeds[0]}" --seeds ${#seeds[@]} --device "$device" --keep.sample-epochs 10 \
        --keep.tick-steps 1000 --keep.checkpoint-epochs 5
    pids=()
    for replica in "${!seeds[@]}"; do
        evaluated "$run" "$replica" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
fi
