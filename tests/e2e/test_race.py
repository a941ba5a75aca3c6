#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_race.py SOURCE [ROOFLINE]: bench/race on canned outputs: what it reads out of other programs, its
statistics, its report, going on where it ended, and what it says when a program fails."""
import csv
import importlib.machinery
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(sys.argv[1])
ROOFLINE = sys.argv[2] if len(sys.argv) > 2 else ""
loader = importlib.machinery.SourceFileLoader("race", str(SOURCE / "bench" / "race"))
race = importlib.util.module_from_spec(importlib.util.spec_from_loader("race", loader))
sys.dont_write_bytecode = True
loader.exec_module(race)

BENCH = """warning: something on stdout [not JSON]
[
  {"model_type": "llama 1B Q4_0", "n_threads": 2, "n_prompt": 512, "n_gen": 0, "avg_ts": 300.5, "samples_ts": [300.5]},
  {"n_prompt": 0, "n_gen": 128, "avg_ts": 51.25, "test": "tg128"},
  {"n_prompt": 512, "n_gen": 128, "avg_ts": 99.0}
]
"""
TABLE = """main: n_kv_max = 512
|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |    S t/s |
|-------|--------|------|--------|----------|----------|----------|----------|----------|----------|
|    16 |     24 |    1 |     40 |    0.100 |   160.00 |    0.480 |    50.00 |    0.580 |    68.97 |
|    16 |     24 |    4 |    160 |    0.300 |   213.33 |    0.960 |   100.00 |    1.260 |   126.98 |
"""
LINES = '{"n_kv_max": 512, "pp": 16, "tg": 24, "pl": 8, "n_kv": 320, "t_tg": 1.6, "speed_tg": 120.0}\n'


def line(engine, test, value, n_seq=1, turn=0, unit="t/s", model="m", threads=2):
    return dict(engine=engine, test=test, value=str(value), n_seq=str(n_seq), round=str(turn), unit=unit, model=model,
                threads=str(threads))


class Parsing(unittest.TestCase):
    def test_bench(self):
        self.assertEqual(race.rows_of_bench(BENCH), [("pp512", 1, 300.5), ("tg128", 1, 51.25)])

    def test_ours(self):
        text = json.dumps([{"test": "tg24", "n_prompt": 0, "n_gen": 24, "n_seq": 4, "n_depth": 0, "avg_ts": 90.0},
                           {"test": "tg24", "n_prompt": 0, "n_gen": 24, "n_seq": 1, "n_depth": 512, "avg_ts": 9.0}])
        self.assertEqual(race.rows_of_bench(text), [("tg24", 4, 90.0), ("tg24 d512", 1, 9.0)])

    def test_batched(self):
        self.assertEqual(race.rows_of_batched(TABLE + LINES, 24),
                         [("tg24", 1, 50.0), ("tg24", 4, 100.0), ("tg24", 8, 120.0)])

    def test_refuses(self):
        for text in ["", "no JSON", "[]", '[{"n_gen": 1, "avg_ts": 0}]', '[{"n_gen": 1, "avg_ts": "nan"}]', "[{"]:
            with self.assertRaises((ValueError, KeyError), msg=text):
                race.rows_of_bench(text)
        for text in ["", "| a | b |", TABLE.replace("50.00", "0.00")]:
            with self.assertRaises(ValueError, msg=text):
                race.rows_of_batched(text, 24)

    def test_engine(self):
        self.assertEqual(race.engine_arg("a-rtr=some/bench -fa 1"), ("a-rtr", ["some/bench", "-fa", "1"]))
        for text in ["bench", "surefoot=x", "a=", "=x", "a b=x"]:
            with self.assertRaises(race.argparse.ArgumentTypeError, msg=text):
                race.engine_arg(text)

    def test_command(self):
        self.assertEqual(race.clean_command(["a/bench/race", "--bench", "p=x/y/llama-bench -fa 1", "d/m.gguf"]),
                         "race --bench 'p=llama-bench -fa 1' m.gguf")


class Statistics(unittest.TestCase):
    def test_interval(self):
        ratio, low, high = race.ratio_interval([20, 22, 24, 26, 28], [10, 11, 12, 13, 14])
        self.assertEqual(ratio, 2.0)
        self.assertTrue(20 / 14 <= low < 2 < high <= 28 / 10, (low, high))
        self.assertEqual(race.ratio_interval([5, 5, 5], [4, 4, 4]), (1.25, 1.25, 1.25))
        self.assertEqual(race.ratio_interval([5], [4]), (1.25, None, None))
        self.assertEqual(race.ratio_interval([3, 4, 9], [2, 3, 4]), race.ratio_interval([3, 4, 9], [2, 3, 4]))

    def test_summary(self):
        lines = [line("surefoot", "tg128", v, turn=i) for i, v in enumerate([40, 50, 60])]
        lines += [line("slow", "tg128", 20), line("fast", "tg128", 40), line("surefoot", "tg128", 100, 4)]
        lines += [line("fast", "tg128", 64, 4), line("surefoot", "pp512", 200)]
        lines += [line("machine", "read", v, unit="GB/s", model="-") for v in (90, 100)]
        lines += [line("machine", "int8", 1000, unit="GMAC/s", model="-")]
        rows, limits = race.summarise(lines, {"m": {"decode": 10**9, "macs": 10**9}})
        self.assertEqual([race.name_of(r) for r in rows], ["pp512", "tg128", "tg128 x4"])
        pp, tg, batch = rows
        self.assertEqual((tg["best"], tg["ratio"]), ("fast", 1.25))
        self.assertEqual(tg["engines"]["surefoot"], {"median": 50, "min": 40, "max": 60, "rounds": 3})
        self.assertAlmostEqual(tg["read_share"], 0.5)
        self.assertAlmostEqual(batch["read_share"], 0.25)
        self.assertAlmostEqual(pp["mac_share"], 0.2)
        self.assertNotIn("ratio", pp)
        self.assertEqual(batch["step"], {"surefoot": 2.0, "fast": 2.5})
        self.assertEqual(limits[("read", 2)], 100)
        text = race.markdown(rows, limits, "here", "race m")
        for part in ["**1.25**", "50.0 (40.0..60.0; 3)", "| 50 % |", "| m | 2 | 4 | 2.00 | 2.50 |  |"]:
            self.assertIn(part, text)
        self.assertIn("1.25", race.svg(rows, "here"))


class Runs(unittest.TestCase):
    """Whole races between shell scripts that print canned rows and note that they ran."""

    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory()
        self.dir = pathlib.Path(self.tmp.name)
        self.addCleanup(self.tmp.cleanup)
        (self.dir / "m.gguf").write_bytes(b"GGUF")
        inspect = {"type": "Q4_0", "memory": {"decode": 1000}, "tensors": [{"name": "blk.0.a", "shape": [4, 5]}]}
        batch = [{"test": "tg24", "n_gen": 24, "n_seq": n, "avg_ts": 60 * n} for n in (1, 4)]
        self.script("surefoot", 'case "$*" in inspect*) cat <<X\n%s\nX\n;; *npl*) cat <<X\n%s\nX\n;; *) cat <<X\n'
                    "%s\nX\n;; esac" % (json.dumps(inspect), json.dumps(batch), BENCH))
        self.script("peer", "cat <<X\n%s\nX" % BENCH)
        self.script("batched", "cat >&2 <<X\n%s\nX" % TABLE)
        self.script("roof", 'echo \'{"read_gb_s": 50.0, "int8_gmac_s": 100.0}\'')

    def script(self, name, body):
        path = self.dir / name
        path.write_text("#!/bin/sh\necho %s >>%s/ran\n%s\n" % (name, self.dir, body))
        path.chmod(0o755)
        return str(path)

    def race(self, *args, rounds=2):
        d = self.dir
        return subprocess.run(
            [sys.executable, str(SOURCE / "bench" / "race"), "--ours", str(d / "surefoot"), "--bench",
             "a=%s -fa 1" % (d / "peer"), "--batched", "a=%s" % (d / "batched"), "--roofline", str(d / "roof"), "-t",
             "2", "--npl", "1,4", "--rounds", str(rounds), "--machine", "here", "-o", str(d / "out"), *args,
             str(d / "m.gguf")], capture_output=True, text=True)

    def raw(self):
        with open(self.dir / "out" / "here.csv", newline="") as f:
            return list(csv.DictReader(f))

    def test_whole(self):
        p = self.race()
        self.assertEqual(p.returncode, 0, p.stderr)
        rows = self.raw()
        self.assertEqual(len(rows), 2 * (2 + 2 * (2 + 2)))
        self.assertEqual({r["type"] for r in rows if r["model"] == "m"}, {"Q4_0"})
        report = json.loads((self.dir / "out" / "here.json").read_text())
        self.assertEqual(report["sizes"], {"m": {"decode": 1000, "macs": 20}})
        self.assertEqual([race.name_of(r) for r in report["rows"]], ["pp512", "tg128", "tg24", "tg24 x4"])
        self.assertIn("**1.00** (1.00..1.00)", (self.dir / "out" / "here.md").read_text())
        self.assertNotIn(str(self.dir), (self.dir / "out" / "here.md").read_text())
        ran = [w for w in (self.dir / "ran").read_text().split() if w != "roof"]
        self.assertEqual(ran, ["surefoot", "surefoot", "peer", "surefoot", "batched",  # inspect, then A B
                               "peer", "surefoot", "batched", "surefoot"])             # and B A

    def test_append(self):
        self.assertEqual(self.race(rounds=1).returncode, 0)
        self.assertIn("--append", self.race().stderr)
        before = len(self.raw())
        self.assertEqual(self.race("--append", rounds=2).returncode, 0)
        self.assertEqual(len(self.raw()), 2 * before)
        self.assertEqual(self.race("--append", rounds=2).returncode, 0)
        self.assertEqual(len(self.raw()), 2 * before)
        self.assertEqual(self.race("--report").returncode, 0)

    def test_limit(self):
        p = self.race("--limit", "0.000001")
        self.assertIn("nothing was measured", p.stderr)

    def test_failure(self):
        for body in ["echo broken >&2; exit 3", "echo '[]'", "cat <<X\n%s\nX" % BENCH.replace("tg128", "tg64")]:
            self.script("peer", body)
            p = self.race("--force", rounds=1)
            self.assertEqual(p.returncode, 1)
            self.assertIn("race: a on m, 2 threads:", p.stderr)
            self.assertEqual({r["engine"] for r in self.raw() if r["test"] == "pp512"}, {"surefoot"})


class Machine(unittest.TestCase):
    @unittest.skipUnless(ROOFLINE, "no roofline program given")
    def test_roofline(self):
        for threads in (1, 2):
            r = race.json_in(subprocess.run([ROOFLINE, str(threads), "8"], capture_output=True, text=True).stdout)
            self.assertEqual(r["threads"], threads)
            self.assertTrue(r["read_gb_s"] > 0 and r["int8_gmac_s"] > 0)
        for bad in ("0", "257", "x"):
            self.assertEqual(subprocess.run([ROOFLINE, bad], capture_output=True).returncode, 2)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]])
