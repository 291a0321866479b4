#!/usr/bin/env python3
"""Times a sweep of short runs with one job and with several, and the same runs one after another outside a sweep.

    scripts/bench_sweep.py [--repeats 5] [--runs 24] [--jobs 2]
    scripts/bench_sweep.py --start-up 20 [--before BNLAB]

The runs train M3 (mlp_3x100_sigmoid, batches of 60) on synthetic digits for about a second each on one thread, half of
them with batch normalization. Outside a sweep ("bare") they are the commands of `bnlab sweep --print-commands`. Each
repeat gives two ratios:

speed-up   runs per second with several jobs / with one job
overhead   time of the sweep with one job / time of the bare runs - 1

--start-up N instead times the overhead of a run: N runs of one step of configs/first_experiment.json, which needs
Fashion-MNIST, alone and in a sweep of N runs with one job (its time / N). --before times another program alternately.
"seconds" is elapsed time, "CPU" is processor time; the smallest value is the one with the least interference.

Exit status: 0 done; 1 a run failed; 2 usage; 3 a file is damaged; 77 numpy is missing.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path

import _python

_python.require("numpy", status=77)

import _bench  # noqa: E402
from _reading import read_csv  # noqa: E402

STEPS = 2500  # of a run
SMOKE_STEPS, SMOKE_RUNS = 20, 4
FIRST_EXPERIMENT = Path(__file__).resolve().parent.parent / "configs/first_experiment.json"


def write_experiment(path, runs, steps):
    """Two arms of `runs` / 2 seeds each."""
    base = {"dataset": {"name": "drawn_digits", "synthetic": {"examples": 1000, "test_examples": 200}},
            "network": {"name": "mlp_3x100_sigmoid"}, "optimizer": {"learning_rate": 0.1},
            "training": {"batch_size": 60, "steps": steps}}
    quantity = {"name": "final_loss", "file": "train.csv", "series": {"column": "loss"}, "better": "lower"}
    criterion = {"name": "difference", "type": "difference", "quantity": "final_loss", "arms": ["none", "batch"]}
    path.write_text(json.dumps({
        "claim": "A sweep costs no more time than its runs.", "source": "scripts/bench_sweep.py", "base": base,
        "arms": [{"name": name, "set": {"normalization.type": name}} for name in ("none", "batch")],
        "seeds": runs // 2, "quantities": [quantity], "criteria": [criterion]}))


def sweep_seconds(arguments, experiment, out, jobs):
    start = time.perf_counter()
    _bench.run([arguments.bnlab, "sweep", experiment, "--out", out, "--jobs", str(jobs), "--threads", "1"])
    seconds = time.perf_counter() - start
    states = read_csv(out / "runs.csv", ["status"], ["status"])["status"].tolist()
    if states != ["completed"] * arguments.runs:
        raise _bench.BenchError(f"{out / 'runs.csv'}: expected {arguments.runs} completed runs, "
                                f"got {', '.join(states)}")
    return seconds


def bare_seconds(arguments, experiment, out):
    commands = _bench.run([arguments.bnlab, "sweep", experiment, "--out", out, "--threads", "1",
                           "--print-commands"]).splitlines()
    if len(commands) != arguments.runs:
        raise _bench.BenchError(f"--print-commands: expected {arguments.runs} commands, got {len(commands)}")
    start = time.perf_counter()
    for command in commands:
        _bench.run(shlex.split(command))
    return time.perf_counter() - start


def timed(command):
    """(seconds on the clock, seconds of the processor) of a command, its children included."""
    start = time.perf_counter()
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise _bench.BenchError(f"{shlex.join(map(str, command))}: exit status {process.returncode}: "
                                f"{error.decode().strip()}")
    return seconds, usage.ru_utime + usage.ru_stime


def start_up_experiment(config, path, runs):
    """One arm of `runs` seeds, each of one step."""
    base = json.loads(config.read_text())
    base["training"] = {**base.get("training", {}), "steps": 1}
    path.write_text(json.dumps({
        "claim": "A run costs little beside its steps.", "source": "scripts/bench_sweep.py", "base": base,
        "arms": [{"name": "batch"}], "seeds": runs,
        "quantities": [{"name": "loss", "file": "train.csv", "series": {"column": "loss"}}],
        "criteria": [{"name": "value", "type": "value", "quantity": "loss", "arms": ["batch"]}]}))


def bench_start_up(arguments, folder):
    """Prints medians and the best of each way and program; ratios where there are two programs."""
    config = arguments.config
    programs = {"now": arguments.bnlab, **({"before": arguments.before} if arguments.before else {})}
    start_up_experiment(config, folder / "start_up.json", arguments.start_up)
    rows = {(way, name): [] for way in ("alone", "in a sweep") for name in programs}
    for repeat in range(arguments.start_up):
        for name, program in programs.items():
            out = folder / f"{name}{repeat}"
            rows["alone", name].append(timed([program, "train", config, "--quiet", "--out", out, "--set",
                                              "training.steps=1"]))
    for repeat in range(arguments.repeats):
        for name, program in programs.items():
            seconds = timed([program, "sweep", folder / "start_up.json", "--quiet", "--jobs", "1", "--threads", "1",
                             "--out", folder / f"sweep_{name}{repeat}"])
            rows["in a sweep", name].append(tuple(one / arguments.start_up for one in seconds))
    print(f"\na run of one step of {config.name}, of {arguments.start_up} (in a sweep: of {arguments.repeats} sweeps)")
    print(f"{'':>20}{'seconds: median':>18}{'best':>8}{'CPU: median':>14}{'best':>8}")
    result = {}
    for (way, name), times in rows.items():
        columns = [column for kind in zip(*times) for column in (statistics.median(kind), min(kind))]
        result.setdefault(name, {})[way] = dict(zip(("median", "best", "cpu_median", "cpu_best"), columns))
        print(f"{way + ', ' + name:>20}{columns[0]:18.3f}{columns[1]:8.3f}{columns[2]:14.3f}{columns[3]:8.3f}")
    if arguments.before:
        for way in ("alone", "in a sweep"):
            ratios = [result["now"][way][key] / result["before"][way][key] for key in ("median", "best", "cpu_best")]
            print(f"{way}, now over before: median {ratios[0]:.2f}, best {ratios[1]:.2f}, CPU {ratios[2]:.2f}")
    return result


def bench(arguments, folder):
    if arguments.start_up:
        arguments.repeats = arguments.repeats or (1 if arguments.smoke else 5)
        machine = _bench.describe_machine(arguments.bnlab)
        _bench.print_machine("bench_sweep.py", machine)
        result = bench_start_up(arguments, folder)
        if arguments.json:
            arguments.json.write_text(json.dumps({"machine": machine, "start_up": result}, indent=2) + "\n")
        return 0
    arguments.repeats = arguments.repeats or (1 if arguments.smoke else 5)
    arguments.runs = arguments.runs or (SMOKE_RUNS if arguments.smoke else 24)
    machine = _bench.describe_machine(arguments.bnlab)
    _bench.print_machine("bench_sweep.py", machine)
    steps = SMOKE_STEPS if arguments.smoke else STEPS
    experiment = folder / "bench.json"
    write_experiment(experiment, arguments.runs, steps)
    ways = ("bare", "--jobs 1", f"--jobs {arguments.jobs}")
    print(f"\n{arguments.runs} runs of {steps} steps, seconds\n{'repeat':>6}" + "".join(f"{way:>12}" for way in ways)
          + f"{'speed-up':>12}{'overhead':>12}")
    rows = []
    for repeat in range(arguments.repeats):
        out = folder / str(repeat)
        bare = bare_seconds(arguments, experiment, out / "bare")
        one, several = (sweep_seconds(arguments, experiment, out / f"{jobs}_jobs", jobs)
                        for jobs in (1, arguments.jobs))
        rows.append({"bare_seconds": bare, "one_job_seconds": one, "several_jobs_seconds": several,
                     "speed_up": one / several, "overhead": one / bare - 1})
        print(f"{repeat + 1:6}{bare:12.2f}{one:12.2f}{several:12.2f}{one / several:12.2f}{one / bare - 1:12.1%}",
              flush=True)
    speed_up, overhead = ([row[name] for row in rows] for name in ("speed_up", "overhead"))
    print("\nmedian [smallest, largest]")
    run_seconds = statistics.median(row["bare_seconds"] for row in rows) / arguments.runs
    print(f"a run, bare: {run_seconds:.2f} s")
    for label, ratios, form in ((f"speed-up of --jobs {arguments.jobs} over --jobs 1", speed_up, ".2f"),
                                ("overhead of --jobs 1 over bare runs", overhead, ".1%")):
        median, smallest, largest = (format(ratio, form) for ratio in _bench.spread(ratios))
        print(f"{label}: {median} [{smallest}, {largest}]")
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine, "runs": arguments.runs, "steps": steps,
                                              "jobs": arguments.jobs, "repeats": rows}, indent=2) + "\n")
    return 0


def even(text):
    if not text.isdecimal() or int(text) < 2 or int(text) % 2:
        raise argparse.ArgumentTypeError(f"must be an even number of at least 2, got {text}")
    return int(text)


def main():
    parser = argparse.ArgumentParser(prog="bench_sweep.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=_bench.at_least_one, help="default: 5")
    parser.add_argument("--runs", type=even, help="of a sweep; default: 24")
    parser.add_argument("--jobs", type=_bench.at_least_one, default=2, help="compared with one; default: %(default)s")
    parser.add_argument("--start-up", type=_bench.at_least_one, metavar="N", help="time N runs of one step instead")
    parser.add_argument("--before", type=Path, metavar="BNLAB", help="with --start-up: another program beside it")
    parser.add_argument("--config", type=Path, default=FIRST_EXPERIMENT, help="with --start-up; default: %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the measurements here too")
    parser.add_argument("--smoke", action="store_true", help=f"{SMOKE_RUNS} runs of {SMOKE_STEPS} steps, one repeat: "
                        "that it runs, not how fast")
    return _bench.main("bench_sweep.py", parser, bench)


if __name__ == "__main__":
    sys.exit(main())
