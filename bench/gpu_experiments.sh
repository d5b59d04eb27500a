#!/usr/bin/env bash
# The planned experiments on one GPU, side by side, in SECONDS at most; what they have comes as one archive in pieces.
#
#     AYNEH_DATA=... WORK=work bash bench/gpu_experiments.sh OUT SECONDS [LANE...]
#     WORK=work bash bench/gpu_experiments.sh OUT 0 none       # pack what is there so far
#     touch work/over                                               # stop, save and pack now
#     CHECKPOINTS="figures-mirror" WORK=... bash ... OUT 0 none     # with the last checkpoints of its unfinished runs
#     cat OUT/all.txz.* | tar xJ
#
# A lane is a line of experiments, one after another; lanes run at the same time. By default: figures held large report.
# The others: near encoder bigan reader trials best stacked, and strangers, which needs the CPU's cores alone. Started
# again with the same WORK a lane goes on where it was. Every process takes one thread: with 16 threads each, four
# studies once stood still on 16 cores (bench/NOTES.md).
#
# Small nets fill a part of a GPU. NVIDIA's multi-process service lets kernels of several processes run side by side;
# where it is there and works it is used (MPS=0: not), else the processes take turns.
set -uo pipefail
set -m # each lane is a process group
out=$(realpath "$1") seconds=$2
lanes=("${@:3}")
work=${WORK:-$(mktemp -d)} studies=docs/findings/studies device=${DEVICE:-cuda}
export OMP_NUM_THREADS=1 PYTHONUNBUFFERED=1 PATH=$PATH:/usr/local/nvidia/bin
mkdir -p "$out" "$work/logs"

note() { echo "$(date +%T) $*" | tee -a "$work/logs/times"; }

run() { # NAME COMMAND...
    local name=$1
    shift
    [ -e "$work/over" ] && return
    note "begin $name"
    "$@" >> "$work/logs/$name.log" 2>&1
    note "end $name, status $?"
}

study() { # NAME WORKERS [OPTION...]
    run "$1" python3 -m ayneh study run "$studies/$1.toml" --device "$device" --workers "$2" --out "$work/$1" "${@:3}"
}

table() { # NAME SCRIPT [OPTION...]: a script that writes a CSV
    mkdir -p "$work/$1"
    run "$1" python3 "bench/$2" --device "$device" --out "$work/$1" --result "$work/$1/$1.csv" "${@:3}"
}

strangers() { # DATA WORKERS
    run "strangers-$1" nice -n 10 python3 bench/strangers_ills.py --arms "$1" --workers "$2" \
        --out "$work/strangers/runs" --csv "$work/strangers/$1"
}

lane() {
    case $1 in
        figures) study figures-mirror 3 --parts bench/figures_parts.py ;;
        near)
            study figures-mlp-near 2 --parts bench/figures_parts.py &
            study figures-mirror-near 3 --parts bench/figures_parts.py
            wait ;;
        held) # at once: each measures many groups before it plays
            for name in prior-held-z prior-held-starts prior-held-settings prior-held-slow; do study $name 2 & done
            wait ;;
        large)
            study prior-large-mlp 3 &
            study prior-large-mirror 3
            wait ;;
        report)
            study prior-report-mlp 1 &
            study prior-report-mirror 1
            wait ;;
        strangers)
            strangers hoda 2 &
            strangers mnist 2
            wait ;;
        encoder) table encoder encoder.py --workers 3 ;;
        bigan) table bigan bigan.py --workers 3 ;;
        reader) table reader reader.py --workers 6 ;;
        trials) mkdir -p "$work/best" && run best python3 bench/best.py trials "$work/best" --device "$device" --workers 9 --table "$work/best/trials.csv" ;;
        best) mkdir -p "$work/best" && run best python3 bench/best.py full "$work/best" --device "$device" --names wide wide-labels ;;
        stacked) mkdir -p "$work/stacked" && DEVICE=$device EVALUATE=0 run stacked bash bench/stacked_seeds.sh "$work/stacked" ;;
        *) note "there is no lane $1" ;;
    esac
}

side_by_side() { # the multi-process service of CUDA, tried by a small sum
    [ "$device" = cuda ] && [ "${MPS:-1}" = 1 ] && command -v nvidia-cuda-mps-control > /dev/null || return 1
    nvidia-cuda-mps-control -d 2> /dev/null # fails where it runs already
    timeout 60 python3 -c 'import torch; assert torch.ones(3, device="cuda").sum().item() == 3' && return
    echo quit | timeout 10 nvidia-cuda-mps-control
    return 1
}

play() { # until all lanes are at their ends, or the time is over
    rm -f "$work/over"
    if side_by_side; then note "processes share the GPU by the multi-process service"; else note "processes take turns"; fi
    for name in "${lanes[@]:-figures held large report}"; do
        for one in $name; do lane "$one" & done
    done
    local begun=$SECONDS
    while [ -n "$(jobs -rp)" ] && [ ! -e "$work/over" ] && [ $((SECONDS - begun)) -lt "$seconds" ]; do
        sleep 1
        [ $((SECONDS % 30)) = 0 ] && [ "$device" = cuda ] &&
            nvidia-smi --query-gpu=utilization.gpu,memory.used --format=csv,noheader >> "$work/logs/use"
    done
    touch "$work/over" # no lane begins anything more
    pkill -INT -f 'ayneh study run|bench/[a-z_]*\.py' 2> /dev/null # a study or a training saves, and says so
    for _ in $(seq 12); do
        sleep 1
        [ -z "$(jobs -rp)" ] && break
    done
}

pack() { # without checkpoints but those that a later part needs, and with the last pictures of a few seeds
    cd "$work" || exit
    {
        find . \( -name '*.json' -o -name '*.jsonl' -o -name '*.csv' -o -path './logs/*' \) ! -path '*/generators/*'
        find . -path '*/seed-00[0-3]/samples/*.png' | sort | awk '{d = $0; sub("/[^/]*$", "", d); last[d] = $0}
            END {for (d in last) print last[d]}'
        find . -path './figures*/samples/*.png'
        for name in ${CHECKPOINTS:-}; do # of runs that another machine is to finish
            for run in "$name"/runs/*/*/; do
                [ -e "$run/outcome.json" ] || find "./$run" -path '*/checkpoints/*' -type f | sort | tail -n 1
            done
        done
        find . -path '*best*/checkpoints/*' -o -path '*fast-z16*/checkpoints/*' -o -path '*stacked*/checkpoints/*'
    } | sort -u > "$out/list"
    rm -f "$out"/all.txz.*
    tar c -T "$out/list" 2> /dev/null | xz -3 -T 0 | split -b 15M - "$out/all.txz." # tar notes files that grow meanwhile
    rm "$out/list"
}

tell() {
    for log in "$work"/logs/*.log; do echo "== $log" && tail -c 300 "$log"; done
    cat "$work/logs/times"
    for folder in "$work"/*/runs; do
        [ -d "$folder" ] || continue
        echo "$(basename "$(dirname "$folder")"): $(find "$folder" -name outcome.json | wc -l) runs finished"
    done
    [ -e "$work/logs/use" ] && echo "GPU, every 30 s: $(tr '\n' ';' < "$work/logs/use")"
    ls -l "$out"
}

[ "${lanes[*]:-}" = none ] || play
(pack)
tell
