#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Retired instructions per token on 64-bit ARM, counted by qemu user mode: a count, not a speed.

    bench/arm/count.py --ours build/cross/surefoot MODEL.gguf...
    bench/arm/count.py --ours build/cross/surefoot --peer "other=/path/llama-bench -fa 1" MODEL.gguf

Each row is what one more token costs: 2 N tokens less N tokens, each as two repetitions less one
repetition, so that loading, packing, warming up and the first token cancel out. One thread on one
CPU, so that nobody spins and the count repeats. The peer is a program
that takes llama-bench's -m -p -n -r -t, built for ARM by hand. qemu-aarch64, a C compiler for the
plugin, and python's standard library are all that is needed."""
import argparse
import csv
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def build_plugin(folder):
    so = pathlib.Path(folder) / "count_insns.so"
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-shared", "-fPIC", "-o", so,
                    HERE / "count_insns.c"], check=True)
    return so


def count(qemu, cpu, plugin, command):
    """Instructions of one run of command (a list)."""
    with tempfile.NamedTemporaryFile("r", suffix=".insns") as log:
        env = dict(os.environ, QEMU_CPU=cpu, OMP_NUM_THREADS="1")
        # One CPU: threads that load the model would spin for each other, a different count each time.
        one_cpu = lambda: os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        run = subprocess.run([qemu, "-plugin", plugin, "-d", "plugin", "-D", log.name] + command,
                             env=env, capture_output=True, text=True, preexec_fn=one_cpu)
        if run.returncode:
            sys.exit("count.py: %s: exit %d: %s" % (" ".join(command), run.returncode,
                                                    run.stderr.strip().split("\n")[-1]))
        words = log.read().split()
        if len(words) < 2 or words[-2] != "insns":
            sys.exit("count.py: the plugin printed no count; does %s take -plugin?" % qemu)
        return int(words[-1])


def per_token(a, program, model, test, n):
    """Instructions that one more token costs in ppN, tgN or gtgN: (2 N tokens less N tokens) / N,
    each as two repetitions less one."""
    def repetition(tokens):
        shape = ["-p", str(tokens), "-n", "0"] if test == "pp" else ["-p", "0", "-n", str(tokens)]
        one, two = (count(a.qemu, a.cpu, a.plugin,
                          program + ["-m", model, "-r", reps, "-t", "1"] + shape) for reps in "12")
        return two - one
    return (repetition(2 * n) - repetition(n)) / n


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("models", nargs="+")
    p.add_argument("--ours", required=True, help="surefoot for ARM")
    p.add_argument("--peer", help='LABEL=PROGRAM [args], e.g. "other=/path/llama-bench -fa 1"')
    p.add_argument("--guard", help="a policy: adds guarded decode")
    p.add_argument("--cpu", default="cortex-a76")
    p.add_argument("--qemu", default="qemu-aarch64")
    p.add_argument("-p", type=int, default=32, help="tokens of the prefill row")
    p.add_argument("-n", type=int, default=8, help="tokens of the decode rows")
    p.add_argument("--csv", help="write the rows there too")
    a = p.parse_args()
    ours = [a.ours, "bench", "-o", "jsonl", "--no-bandwidth"]
    peer_label, peer = "peer", None
    if a.peer:
        peer_label, _, rest = a.peer.partition("=")
        peer = shlex.split(rest)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        a.plugin = build_plugin(folder)
        print("| model | test | surefoot, M insns/token | %s | ratio |\n|---|---|---|---|---|" % peer_label)
        for model in a.models:
            for test, n in (("pp", a.p), ("tg", a.n), ("gtg", a.n)):
                if not n or (test == "gtg" and not a.guard):
                    continue
                mine = per_token(a, ours + (["--guard", a.guard] if test == "gtg" else []), model, test, n)
                if test == "gtg":  # a guarded bench also runs the plain row
                    mine -= rows[-1][2]
                other = per_token(a, peer, model, test, n) if peer and test != "gtg" else None
                name = "%s%d" % (test, n)
                rows.append((pathlib.Path(model).name, name, mine, other))
                print("| %s | %s | %.2f | %s | %s |" % (
                    rows[-1][0], name, mine * 1e-6, "%.2f" % (other * 1e-6) if other else "",
                    "%.3f" % (mine / other) if other else ""), flush=True)
    if a.csv:
        with open(a.csv + ".part", "w", newline="") as f:
            w = csv.writer(f, lineterminator="\n")
            w.writerow(["model", "cpu", "test", "insns_per_token", peer_label + "_insns_per_token"])
            for m, t, x, y in rows:
                w.writerow([m, a.cpu, t, "%.0f" % x, "%.0f" % y if y else ""])
        os.replace(a.csv + ".part", a.csv)


if __name__ == "__main__":
    main()
