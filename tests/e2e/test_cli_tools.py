#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""test_cli_tools.py: `inspect`, `bench`, `doctor`, the guard's commands, real artefacts. See cli_harness.py."""
import glob
import json
import math
import os
import pathlib
import re
import sys

import cli_tiny
from cli_harness import CHATML, Skip, check, main


# -------------------------------------------------------------------- inspect


@check
def inspect_says_what_a_file_holds(w):
    t = w.run("inspect", "-m", w.plain).ok().text
    for word in ("llama", "tiny", "2 layers", "F32", "token_embd.weight", "tokenizer", "chat template", "memory", "fits"):
        assert word in t, word
    free = re.compile(r"[\d.]+ [KMGT]iB available")  # what others leave changes from run to run
    assert free.search(t) and free.sub("", w.run("inspect", w.plain).ok().text) == free.sub("", t)
    assert "chatml" in w.run("inspect", "-m", w.chatml).ok().text
    assert "cannot run: chat template, line 1" in w.run("inspect", "-m", w.strange).ok().text


@check
def inspect_json(w):
    d = w.run("inspect", "-m", w.chatml, "--json").ok().json
    assert d["supported"] and d["architecture"] == "llama" and d["n_tensors"] == len(d["tensors"]) == 20
    assert d["config"]["n_layers"] == 2 and d["config"]["n_vocab"] == d["tokenizer"]["n_vocab"]
    assert d["chat_template"] == {"present": True, "name": "chatml"} and d["memory"]["fits"] is True
    assert d["metadata"]["tokenizer.chat_template"] == CHATML and d["types"][0]["type"] == "F32"
    assert d["n_params"] == sum(math.prod(t["shape"]) for t in d["tensors"])


@check
def inspect_memory_grows_with_the_context(w):
    need = [w.run("inspect", "-m", w.plain, "--json", *a).ok().json["memory"]
            for a in (["-c", 256], ["-c", 2048], ["-c", 2048, "-ctk", "f32", "-ctv", "f32"])]
    assert need[0]["session"] < need[1]["session"] < need[2]["session"]
    assert all(n["total"] == n["weights"] + n["session"] for n in need)


@check
def inspect_describes_what_we_cannot_run(w):
    d = w.run("inspect", "-m", w.vocab, "--json").ok().json
    assert d["supported"] is False and d["reason"] and d["tokenizer"]["supported"] is True
    m, _ = cli_tiny.model(w.dir / "other.gguf", arch="falcon9")
    d = w.run("inspect", "-m", m, "--json").ok().json
    assert d["supported"] is False and "falcon9" in d["reason"], d["reason"]


@check
def inspect_errors(w):
    bad = w.dir / "bad.gguf"
    bad.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    w.run("inspect", bad).fails(3, "bad.gguf", "LFS")
    bad.write_bytes(b"")
    w.run("inspect", bad).fails(3, "bad.gguf")
    w.run("inspect", w.dir / "nope").fails(1, "nope")
    w.run("inspect", w.dir).fails(1)
    w.run("inspect").fails(2, "-m FILE")


@check
def a_packed_file_is_the_file(w):
    sfz, back = w.dir / "p.sfz", w.dir / "p.gguf"
    t = w.run("pack", w.chatml, sfz).ok()
    assert "p.sfz" in t.err, t.err
    assert sfz.stat().st_size < pathlib.Path(w.chatml).stat().st_size
    w.run("unpack", sfz, back, "-q").ok()
    assert back.read_bytes() == pathlib.Path(w.chatml).read_bytes()
    args = ("--guard", "off", "-p", "hello there", "-n", 12, "--seed", 4, "--json")
    a, b = (w.run("run", "-m", m, *args).ok().json for m in (w.chatml, sfz))
    assert a["ids"] == b["ids"] and a["ids"]
    for command in (["inspect", "--json"], ["tokenize", "--ids", "-p", "hello"]):
        a, b = (w.run(command[0], "-m", m, *command[1:]).ok().json for m in (w.chatml, sfz))
        if command[0] == "inspect":
            for d in (a, b):
                del d["file"], d["memory"]
        assert a == b, command


@check
def packed_files_go_wrong_with_one_line(w):
    sfz = w.dir / "q.sfz"
    w.run("pack", w.plain, sfz).ok()
    whole = sfz.read_bytes()
    w.run("pack", w.plain, sfz).fails(1, "q.sfz", "--force")
    w.run("pack", w.plain, sfz, "--force").ok()
    assert sfz.read_bytes() == whole  # the same bytes again
    w.run("pack", sfz, w.dir / "r.sfz").fails(2, "packed already")
    w.run("pack", w.plain, w.plain, "--force").fails(2, "same file")
    w.run("pack", w.plain).fails(2, "two files")
    w.run("unpack", w.plain, w.dir / "r.gguf").fails(3, "no packed file")
    w.run("unpack", w.dir / "none.sfz", w.dir / "r.gguf").fails(1, "none.sfz")
    w.run("pack", "--level", 20, w.plain, w.dir / "r.sfz").fails(2, "--level")
    bad = w.dir / "bad.sfz"
    for data in (whole[:-1], whole[: len(whole) // 2], whole[:5000] + b"x" * 8 + whole[5008:]):
        bad.write_bytes(data)
        for command in (["unpack", bad, w.dir / "r.gguf"], ["run", "-m", bad, "--guard", "off", "-p", "hi"]):
            w.run(*command).fails(3, "bad.sfz", "packed file")
    assert not (w.dir / "r.gguf").exists() and not (w.dir / "r.sfz").exists()


# -------------------------------------------------------------------- bench, doctor


@check
def bench_json_has_known_names(w):
    rows = w.run("bench", "-m", w.plain, "-p", "8", "-n", "4", "-r", 2, "-npl", "1,3", "-t", "1,2", "-o", "json").ok().json
    assert [(r["test"], r["n_seq"], r["n_threads"]) for r in rows] == [
        ("pp8", 1, 1), ("tg4", 1, 1), ("tg4", 3, 1), ("pp8", 1, 2), ("tg4", 1, 2), ("tg4", 3, 2)]
    for r in rows:
        for k in ("build_commit", "cpu_info", "model_filename", "model_type", "model_size", "model_n_params", "n_batch",
                  "n_threads", "type_k", "type_v", "n_prompt", "n_gen", "n_depth", "test_time", "avg_ns", "stddev_ns",
                  "avg_ts", "stddev_ts", "samples_ns", "samples_ts", "backends"):
            assert k in r, k
        tokens = (r["n_prompt"] + r["n_gen"]) * r["n_seq"]
        assert len(r["samples_ts"]) == 2 and r["avg_ts"] > 0
        for ns, ts in zip(r["samples_ns"], r["samples_ts"]):  # all tokens of all sequences count
            assert abs(tokens / (ns * 1e-9) / ts - 1) < 1e-3
        assert r["read_gb_per_second"] > 0 and (r["share_of_read"] or 0) >= 0


@check
def bench_p_0_has_no_pp_row(w):
    rows = w.run("bench", "-m", w.plain, "-p", 0, "-n", 4, "-r", 1, "-d", "0,16", "-o", "jsonl").ok().lines
    assert [(r["test"], r["n_depth"]) for r in rows] == [("tg4", 0), ("tg4 @ d16", 16)] or \
        [(r["test"], r["n_depth"]) for r in rows] == [("tg4 @ d0", 0), ("tg4 @ d16", 16)]
    assert w.run("bench", "-m", w.plain, "-p", 4, "-n", 0, "-r", 1, "--json").ok().json[0]["test"] == "pp4"


@check
def bench_md_first_line_is_bandwidth(w):
    t = w.run("bench", "-m", w.plain, "-p", 8, "-n", 4, "-r", 1, "-npl", 2).ok().text.splitlines()
    assert re.match(r"memory read [\d.]+ GB/s .*decoding reached \d+ %", t[0]), t[0]
    head = [c.strip() for c in t[2].strip("|").split("|")]
    assert head == ["model", "size", "params", "backend", "threads", "test", "t/s"], head
    assert all(len(x) == len(t[2]) + (0 if "±" not in x else 0) for x in t[2:6] if x.startswith("|")), t
    assert "pp8" in t[4] and "tg4 x2" in t[5] and "±" in t[4]


@check
def bench_csv_has_as_many_fields_as_names(w):
    import csv
    import io
    rows = list(csv.reader(io.StringIO(w.run("bench", "-m", w.plain, "-p", 8, "-n", 4, "-r", 1, "-o", "csv").ok().text)))
    assert len(rows) == 3 and len({len(r) for r in rows}) == 1 and "avg_ts" in rows[0]


@check
def bench_gtg_rows_only_with_a_policy(w):
    args = ["bench", "-m", w.plain, "-p", 0, "-n", 8, "-r", 2, "-o", "json"]
    assert not any(r["test"].startswith("gtg") for r in w.run(*args).ok().json)
    assert not any(r["test"].startswith("gtg") for r in w.run(*args, "--guard", "off").ok().json)
    r = w.run(*args, "--guard", w.policy).ok().json[-1]
    assert r["test"] == "gtg8" and r["guard"] == w.policy and r["violations"] == 0
    # the last of 8 tokens needs no row of its own
    assert r["evals_per_token"] >= 7 / 8 and r["ratio_to_tg"] > 0 and r["p99_ms"] >= r["p50_ms"] >= 0
    head = w.run(*args[:-2], "--guard", w.policy).ok().text
    for c in ("evals/t", "vs tg", "p50 ms", "p99 ms", "misses", "violat."):
        assert c in head, c


@check
def doctor_describes_the_machine(w):
    t = w.run("doctor").ok().text
    for word in ("cpu", "kernel levels", "cores", "page size", "memory", "fits", "GB/s"):
        assert word in t, word
    d = w.run("doctor", "--json").ok().json
    assert d["page_bytes"] == os.sysconf("SC_PAGESIZE") and d["threads"] >= 1 and d["memory_bytes"] > 0
    assert {x["name"] for x in d["levels"]} >= {"generic"} and d["models"]
    assert d["read_bytes_per_second"] > 0


# -------------------------------------------------------------------- the guard


@check
def guard_check_without_a_policy_takes_the_general_one(w):
    r = w.run("guard", "check", "-p", "a happy day").ok()
    assert "general (built in)" in r.err, r.err


@check
def guard_check_verdict_and_exit_status(w):
    safe = w.run("guard", "check", "--guard", w.policy, "-p", "a happy day").ok()
    assert "safe" in safe.text and "UNSAFE" not in safe.text
    for text in ("so very, very sad and sad", "they were crying", "SAD \u0455ad. s\u200bad"):
        r = w.run("guard", "check", "--guard", w.policy, stdin=text.encode())
        assert r.code == 7 and "UNSAFE" in r.text.splitlines()[-1], (text, r.text, r.err)
    assert w.run("guard", "check", "--guard", w.policy, "-p", "saddle sadly crz").code == 0


@check
def guard_check_json_reports_every_prefix(w):
    r = w.run("guard", "check", "--guard", w.policy, "--json", "-p", "one sad man, very dark and sad.")
    assert r.code == 7
    d = r.json
    assert d["safe"] is False and d["budget"] == 1 and abs(d["spent"] - 2.5) < 1e-9
    assert "".join(p["piece"] for p in d["prefixes"]) == "one sad man, very dark and sad."
    spent, settled = [p["spent"] for p in d["prefixes"]], [p["settled"] for p in d["prefixes"]]
    assert spent == sorted(spent) and settled == sorted(settled)
    assert all(p["settled"] <= p["bytes"] for p in d["prefixes"])
    charges = [c for p in d["prefixes"] for c in p["charges"]]
    text = "one sad man, very dark and sad."
    assert [text[c["begin"]:c["end"]] for c in charges][:2] == ["sad", "very dark"], charges


@check
def guard_check_prompt_is_free(w):
    assert w.run("guard", "check", "--guard", w.policy, "--after", "so sad, sad, sad", "-p", " day").code == 0


@check
def guard_check_jsonl(w):
    rows = b'{"text":"fine"}\n{"text":"sad sad"}\n{"prompt":"sad sad ","text":"ok"}\n'
    r = w.run("guard", "check", "--guard", w.policy, "--jsonl", stdin=rows)
    assert r.code == 7 and [x["safe"] for x in r.lines] == [True, False, True]


@check
def guard_check_ids_need_a_model(w):
    w.run("guard", "check", "--guard", w.policy, "--ids", "1,2").fails(2, "-m FILE")
    ids = w.run("tokenize", "-m", w.plain, "--no-bos", "--ids", "-p", "sad sad").ok().text
    for args in (["--ids", ids], ["--ids=" + ids], ["--ids", "-p", ids]):
        r = w.run("guard", "check", "--guard", w.policy, "-m", w.plain, *args)
        assert r.code == 7, (args, r.err, r.text)


@check
def guard_check_audits_a_guarded_run(w):
    for seed in range(3):
        out = w.run("run", "-m", w.plain, "--guard", w.policy, "--raw", "--json", "-q", "-p", "the", "-n", 40, "-s", seed).ok()
        d = w.run("guard", "check", "--guard", w.policy, "-m", w.plain, "--ids", "--json", stdin=out.out)
        assert d.code == 0 and d.json["safe"], d.text
        if out.json["finish"] == "length":
            assert abs(d.json["spent"] - out.json["guard"]["spent"]) < 1e-9
            assert "".join(p["piece"] for p in d.json["prefixes"]) == out.json["text"]


@check
def guard_check_audits_a_chat_and_its_opening(w):
    """Roles are boundaries, and what the template writes into the answer's turn is charged as answer."""
    t = w.dir / "open.jinja"
    turns = "{% for m in messages %}<|im_start|>{{ m.role }} {{ m.content }}<|im_end|>{% endfor %}"
    for opening, cost in (("<|im_start|>assistant\n", 0), ("<|im_start|>assistant\nso very dark, ", 0.5)):
        t.write_text(turns + "{% if add_generation_prompt %}" + opening + "{% endif %}")
        args = ["-m", w.chatml, "--guard", w.policy]
        out = w.run("run", *args, "--chat-template", t, "--json", "-q", "-p", "the", "-n", 20, "-s", 1).ok()
        assert ("n_free" in out.json) == (cost > 0), out.text
        assert out.json["guard"]["spent"] >= cost, out.text
        d = w.run("guard", "check", *args, "--ids", "--json", stdin=out.out)
        assert d.code == 0 and abs(d.json["spent"] - out.json["guard"]["spent"]) < 1e-9, (out.text, d.text)
    t.write_text(turns + "{% if add_generation_prompt %}<|im_start|>sad sad, {% endif %}")  # 2 of a budget of 1
    w.run("run", *args, "--chat-template", t, "--strict", "-q", "-p", "the", "-n", 20).fails(7)


@check
def guard_check_explains_policy_errors_by_line(w):
    p = w.dir / "broken.ini"
    for text, line, word in (("[guard]\nbudget = 1\nnonsense = 2\n", 3, "nonsense"),
                             ("[guard]\nbudget = minus\n", 2, "budget"), ("[guard]\ncandidates = 100000\n", 2, "SF_GUARD_MAX_CANDIDATES"),
                             ("[guard]\nbudget = 1\nbudget = 2\n", 3, "budget")):
        p.write_text(text + "[cost]\nkind = lexicon\nfile = bad.lexicon\n")
        r = w.run("guard", "check", "--guard", p, "-p", "x")
        assert r.code in (2, 3) and str(line) in r.err and word in r.err, (text, r.code, r.err)
        assert len(r.err.splitlines()) == 1, r.err
    r = w.run("guard", "check", "--guard", w.dir / "nope.ini", "-p", "x")
    assert r.code == 1 and "nope.ini" in r.err


@check
def guard_check_coverage(w):
    r = w.run("guard", "check", "--guard", w.policy, "--coverage").ok()
    assert len(r.text) > 20 and r.text.endswith("\n")
    assert "coverage" in w.run("guard", "check", "--guard", w.policy, "--coverage", "--json").ok().json


@check
def guard_set_overrides_the_policy(w):
    args = ["guard", "check", "--guard", w.policy, "-p", "one sad man and a sad dog"]
    assert w.run(*args).code == 7 and w.run(*args, "--guard-set", "budget=2").code == 0
    assert w.run(*args, "--guard-set=budget=0").code == 7
    w.run(*args, "--guard-set", "nonsense=1").fails(2, "nonsense")
    w.run(*args, "--guard-set", "budget").fails(2, "KEY=VALUE")
    w.run(*args, "--guard-set", "candidates=100000").fails(2, "SF_GUARD_MAX_CANDIDATES")
    w.gen("--guard-set", "budget=1", "-p", "x").fails(2, "--guard POLICY")


@check
def guard_budget_prints_the_bounds(w):
    t = w.run("guard", "budget").ok().text
    d = w.run("guard", "budget", "--json").ok().json
    for name in ("CANDIDATES", "BLOCK", "RETRIES", "HOLD", "EVALS_PER_TOKEN"):
        assert re.search(r"SF_GUARD_MAX_%s +%d\b" % (name, d["max_" + name.lower()]), t), name
    assert d["max_evals_per_token"] == 1 + d["max_candidates"] * (2 + d["max_retries"]) and d["search_bytes"] > 0


@check
def guard_budget_measures_steps(w):
    w.run("guard", "budget", "--deadline-ms", 100).fails(2, "-m FILE")
    d = w.run("guard", "budget", "-m", w.plain, "--deadline-ms", 100000, "--guard", w.policy, "--json").ok().json
    assert d["steps"][0]["batch"] == 1 and d["steps"][-1]["batch"] == d["max_candidates"]
    assert all(s["ms"] > 0 for s in d["steps"]) and any(g["meets"] for g in d["gaps"])
    assert d["policy"]["candidates"] == 4 and d["policy"]["session_bytes"] > 0
    assert "longest gap" in w.run("guard", "budget", "-m", w.plain).ok().text


@check
def guarded_run_reports_the_guard(w):
    r = w.run("run", "-m", w.plain, "--guard", w.policy, "--raw", "-p", "the", "-n", 20).ok()
    assert re.search(r"guard: [\d.]+ evals/tok, \d+ branches, \d+ drops, \d+ retries, \d+ fallbacks, z [\d.-]+/1", r.err), r.err
    d = w.run("run", "-m", w.plain, "--guard", w.policy, "--raw", "-p", "the", "-n", 20, "--json").ok().json
    assert d["guard"]["mode"] == "lazy" and d["guard"]["evals"] <= d["guard"]["evals_bound"]


@check
def guarded_run_undisturbed_is_the_unguarded_text(w):
    empty = w.dir / "calm.ini"
    (w.dir / "calm.lexicon").write_text("zyzzyva\n")
    empty.write_text("[cost]\nkind = lexicon\nfile = calm.lexicon\n")
    for seed in (1, 2):
        a = ["run", "-m", w.plain, "--raw", "-q", "-p", "the", "-n", 30, "-s", seed]
        assert w.run(*a, "--guard", empty).ok().out == w.run(*a, "--guard", "off").ok().out


def all_forbidden(w):
    """Every letter as a word of its own: whatever this model says soon has one."""
    (w.dir / "all.lexicon").write_text("\n".join("%s*" % chr(c) for c in range(97, 123)) + "\n")
    p = w.dir / "all.ini"
    p.write_text("[guard]\nbudget = 0\nfallback = 42.\n[cost]\nkind = lexicon\nfile = all.lexicon\n")
    return p


@check
def strict_exits_7_when_the_guard_fell_back(w):
    z = w.tokens.index("\u2581the")
    a = ["run", "-m", w.plain, "--guard", all_forbidden(w), "--raw", "-p", "the", "-n", 40, "-l", "%d+1e6" % z]
    r = w.run(*a).ok()
    assert "the" not in r.text, r.text
    s = w.run(*a, "--strict")
    assert s.code == 7 and s.out == r.out, (s.code, s.err)
    d = w.run(*a, "--json").ok().json
    assert d["finish"] in ("fallback", "cut") and "the" not in d["text"]
    w.gen("--strict", "-p", "x").fails(2, "--strict")


@check
def guarded_run_shows_no_alternatives(w):
    a = ["run", "-m", w.plain, "--guard", w.policy, "--raw", "-p", "the", "-n", 4, "--json", "--logprobs"]
    w.run(*a, 2).fails(2, "allow_logprobs")
    assert all(x["top"] == [] for x in w.run(*a, 0).ok().json["logprobs"])


# -------------------------------------------------------------------- real artefacts


def expected(w):
    w.need("models/expected")
    rows = [json.loads(x) for x in (w.shared / "models/expected/stories260K-f32-greedy.jsonl").read_text().splitlines()]
    return {r["prompt"]: r for r in rows}


@check
def shared_stories_say_what_they_must(w):
    refs = expected(w)
    m = w.need("models/stories260K-f32.gguf")
    files = sorted(glob.glob(str(w.shared / "models/expected/p*.prompt.txt")))
    assert files
    for f in files:
        prompt = pathlib.Path(f).read_bytes()
        ref = refs[prompt.decode()]
        r = w.run("run", "-m", m, "--raw", "--echo", "--temp", 0, "--guard", "off", "-q", "-f", f, "-n",
                  200 - (len(ref["prompt_ids"]) - 1)).ok()
        assert r.text == ref["text"] + "\n", f
        program = pathlib.Path(f.replace(".prompt.txt", ".run-c.txt")).read_bytes()
        if all(b < 128 for b in prompt):  # its printer drops single bytes of other letters
            assert r.out == program, f


@check
def shared_stories_ids_agree(w):
    m = w.need("models/stories260K-f32.gguf")
    for ref in expected(w).values():
        d = w.run("run", "-m", m, "--raw", "--temp", 0, "--guard", "off", "-q", "--json", "-p", ref["prompt"], "-n",
                  200 - (len(ref["prompt_ids"]) - 1)).ok().json
        n = min(len(d["ids"]), len(ref["ids"]))
        assert d["prompt_ids"] == ref["prompt_ids"] and d["ids"][:n] == ref["ids"][:n] and len(ref["ids"]) - n <= 1, ref["prompt"]


@check
def shared_f16_and_q8_0_run(w):
    for kind in ("f16", "q8_0"):
        m = w.need("models/stories260K-%s.gguf" % kind)
        d = w.run("run", "-m", m, "--raw", "--temp", 0, "--guard", "off", "--json", "-p", "Once upon a time", "-n", 60).ok().json
        assert d["text"].startswith(", there was a little girl named Lily."), d["text"]


@check
def shared_logits_agree_with_the_reference(w):
    for kind, tight, loose in (("f32", 2e-4, 0.05), ("f16", 2e-4, 0.05), ("q8_0", 0.3, 0.3)):
        m = w.need("models/stories260K-%s.gguf" % kind)
        for ref in json.loads(w.need("models/expected/stories260K-%s-logits.json" % kind).read_text()):
            for cache, bound in ((["-ctk", "f32", "-ctv", "f32"], tight), ([], loose)):
                rows = w.run("logits", "-m", m, "-p", ref["text"], "--full", *cache).ok().lines
                assert [r["id"] for r in rows] == ref["ids"]
                worst = max(abs(a - b) for a, b in zip(rows[-1]["logits"], ref["last_logits"]))
                assert worst < bound, (kind, cache, worst)


@check
def shared_policy_holds_on_stories(w):
    m = w.need("models/stories260K-f32.gguf")
    words = ("sad", "cry", "lost", "dark")
    (w.dir / "stories.lexicon").write_text("\n".join(words) + "\n")
    p = w.dir / "stories.ini"
    p.write_text("[guard]\nbudget = 0\n[cost]\nkind = lexicon\nfile = stories.lexicon\n")
    seen = 0
    for mode in ("lazy", "full"):
        for n in (1, 4):
            for seed in range(4):
                a = ["run", "-m", m, "--raw", "-q", "-p", "Once upon a time Lily lost", "-n", 80, "-s", seed]
                t = w.run(*a, "--guard", p, "--guard-set", "mode=" + mode, "--guard-set", "candidates=%d" % n).ok().text
                assert not re.search(r"\b(%s)\b" % "|".join(words), t.lower()), (mode, n, seed, t)
                seen += bool(re.search(r"\b(%s)\b" % "|".join(words), w.run(*a, "--guard", "off").ok().text.lower()))
    assert seen, "the unguarded texts hold no such word: the check shows nothing"


@check
def bad_files_have_their_message_and_status(w):
    folder = pathlib.Path(__file__).resolve().parent.parent / "golden/bad"
    table = folder / "expected.tsv"
    if not table.exists():
        raise Skip("no %s" % table)
    rows = [x.split("\t") for x in table.read_text().splitlines() if x and not x.startswith("#")]
    seen = set()
    for name, status, word in (r[:3] for r in rows):
        if not (folder / name).exists():
            continue
        r = w.gen("-m", folder / name, "-p", "x")
        if status == "0":
            r.ok()
            continue
        r.fails(int(status), word)
        seen.add(r.err)
    assert len(seen) >= len(rows) * 0.9


if __name__ == "__main__":
    sys.exit(main())
