#!/usr/bin/env bash
# The planned experiments on one GPU, side by side, in SECONDS at most; results as .txz files, two levels of them at most.
#
#     AYNEH_DATA=... bash bench/gpu_experiments.sh OUT SECONDS [LANE...]
#
# A lane is a line of experiments, one after another; lanes run at the same time. By default: figures held large report.
# The others: encoder bigan reader trials best stacked. What is cut off is packed with what it has; a study of which
# some runs are finished is one (`ayneh study report FOLDER`). Every process takes one thread: with 16 threads each, four
# studies once stood still on 16 cores (bench/NOTES.md). It has not been run on a GPU yet.
set -uo pipefail
set -m # each lane is a process group, which one signal ends
out=$(realpath "$1") seconds=$2
lanes=("${@:3}")
work=$(mktemp -d) studies=docs/findings/studies
export OMP_NUM_THREADS=1 PYTHONUNBUFFERED=1
mkdir -p "$out" "$work/logs"

note() { echo "$(date +%T) $*" | tee -a "$work/logs/times"; }

pack() { # NAME: its folder without checkpoints and with the last pictures of a few seeds
    [ -d "$work/$1" ] || return 0
    (
        cd "$work" || exit
        {
            find "$1" \( -name '*.json' -o -name '*.jsonl' -o -name '*.csv' \)
            find "$1" -path '*/seed-00[0-3]/samples/*.png' | sort | awk '{d = $0; sub("/[^/]*$", "", d); last[d] = $0}
                END {for (d in last) print last[d]}'
            find "$1" -path '*best*/checkpoints/*' -o -path '*fast-z16*/checkpoints/*' -o -path '*stacked*/checkpoints/*'
        } | sort -u > "logs/$1.list"
        tar cJf "$out/$1.txz.part" -T "logs/$1.list"
        [ $? -le 1 ] && mv "$out/$1.txz.part" "$out/$1.txz" # 1: a file grew meanwhile, as those of what is cut off do
    )
}

run() { # NAME COMMAND...
    local name=$1
    shift
    [ -e "$work/over" ] && return
    note "begin $name"
    touch "$work/logs/$name.begun"
    "$@" > "$work/logs/$name.log" 2>&1
    note "end $name, status $?"
    pack "$name"
}

study() { # NAME WORKERS [OPTION...]
    run "$1" python3 -m ayneh study run "$studies/$1.toml" --device cuda --workers "$2" --out "$work/$1" "${@:3}"
}

table() { # NAME SCRIPT [OPTION...]: a script that writes a CSV
    mkdir -p "$work/$1"
    run "$1" python3 "bench/$2" --device cuda --out "$work/$1" --result "$work/$1/$1.csv" "${@:3}"
}

lane() {
    case $1 in
        figures)
            study figures-mirror 2 --parts bench/figures_parts.py
            study figures-mlp 2 --parts bench/figures_parts.py ;;
        held) for name in prior-held-z prior-held-starts prior-held-settings prior-held-slow; do study $name 5; done ;;
        large) study prior-large-mlp 4 && study prior-large-mirror 4 ;;
        report) study prior-report-mlp 1 && study prior-report-mirror 1 ;;
        encoder) table encoder encoder.py --workers 3 ;;
        bigan) table bigan bigan.py --workers 3 ;;
        reader) table reader reader.py --workers 6 ;;
        trials) mkdir -p "$work/best" && run best python3 bench/best.py trials "$work/best" --device cuda --workers 9 --table "$work/best/trials.csv" ;;
        best) mkdir -p "$work/best" && run best python3 bench/best.py full "$work/best" --device cuda --names wide wide-labels ;;
        stacked) mkdir -p "$work/stacked" && DEVICE=cuda EVALUATE=0 run stacked bash bench/stacked_seeds.sh "$work/stacked" ;;
        *) note "there is no lane $1" ;;
    esac
}

for name in "${lanes[@]:-figures held large report}"; do
    for one in $name; do lane "$one" & done
done
for _ in $(seq "$seconds"); do
    sleep 1
    [ -z "$(jobs -rp)" ] && break
done
touch "$work/over" # no lane begins anything more
for group in $(jobs -rp); do kill -INT -- "-$group" 2> /dev/null; done # a study or a training saves, and says so
sleep 5
for folder in "$work"/*/; do
    name=$(basename "$folder")
    [ "$name" = logs ] || [ "$out/$name.txz" -nt "$work/logs/$name.begun" ] || pack "$name" # two lanes may share one
done
tail -n 5 "$work"/logs/*.log
cat "$work/logs/times"
for folder in "$work"/*/runs; do
    [ -d "$folder" ] && echo "$(basename "$(dirname "$folder")"): $(find "$folder" -name outcome.json | wc -l) runs finished"
done
(cd "$work/logs" && tar cJf "$out/logs.txz" .)
ls -l "$out"
