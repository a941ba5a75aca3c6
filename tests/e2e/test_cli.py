#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""test_cli.py: usage, options, help, kernel level, `run`. See cli_harness.py."""
import json
import os
import pathlib
import re
import subprocess
import sys

import cli_tiny
from cli_harness import COMMANDS, RESERVED, check, main


# -------------------------------------------------------------------- help, usage, options


@check
def help_lists_commands_in_groups(w):
    r = w.run("--help").ok()
    for c in COMMANDS:
        assert re.search(r"^  %s\s+\S" % c, r.text, re.M), c
    for group in ("Generate", "Look inside", "Measure", "Guard"):
        assert re.search("^%s$" % group, r.text, re.M), group
    assert r.err == "" and w.run("-h").out == r.out == w.run("help").out


@check
def command_help_exits_0_with_examples_first(w):
    for c in COMMANDS:
        r = w.run(*c.split(), "--help").ok()
        assert r.err == "" and c in r.text
        if c not in RESERVED:
            assert r.text.index("Examples") < r.text.index("Options") < r.text.index("--help"), c
            assert r.text.split("Examples\n")[1].startswith("  surefoot " + c), c
            assert all(len(x) <= 110 for x in r.text.splitlines()), c
        assert w.run("help", *c.split()).out == r.out
    assert w.run("guard", "--help").ok().text.count("\n") > 4


@check
def help_comes_before_mistakes_behind_it(w):
    w.run("run", "--help", "--no-such-option").ok()


@check
def no_command_says_what_to_type(w):
    r = w.run()
    assert r.code == 2 and r.out == b"" and "surefoot run -m" in r.err and "--help" in r.err


@check
def unknown_command_suggests_the_nearest(w):
    w.run("tokenise").fails(2, "did you mean tokenize")
    w.run("guard", "chek").fails(2, "did you mean guard check")
    w.run("xyzzy-plugh").fails(2, "--help")
    w.run("guard").fails(2, "check", "budget")


@check
def command_comes_first(w):
    w.run("-m", w.plain).fails(2, "command comes first")


@check
def unknown_option_suggests_the_nearest(w):
    w.run("run", "--tmep", "1").fails(2, "--tmep", "did you mean --temp?")
    w.run("run", "--to-k=3").fails(2, "did you mean --top-k?")
    w.run("bench", "-nlp", "1").fails(2, "did you mean -npl?")
    w.run("run", "--zzzzzzzzzz").fails(2, "run --help")


@check
def option_of_another_command_is_named(w):
    w.run("tokenize", "--temp", "1").fails(2, "tokenize has no option --temp")


@check
def operand_is_refused(w):
    w.run("run", "hello").fails(2, "hello", "-p TEXT")


@check
def one_dash_or_two_and_equals(w):
    a = w.gen("-p", "the", "-n", 8).ok().out
    assert a == w.gen("--p", "the", "--n", "8").ok().out
    assert a == w.gen("-prompt=the", "--n-predict=8").ok().out
    assert a == w.gen("-p", "the", "-n8").ok().out


@check
def a_value_may_begin_with_a_dash(w):
    r = w.gen("--echo", "-p", "-n", "-n", 2).ok()
    assert r.out.startswith(b"-n")


@check
def accelerator_options_are_ignored_with_one_note(w):
    a = w.gen("-p", "the", "-n", 8).ok()
    r = w.gen("-ngl", 99, "-sm", "none", "--n-gpu-layers=3", "-fa", "on", "-fa", "--mlock", "-p", "the", "-n", 8).ok()
    assert r.out == a.out
    notes = [x for x in r.err.splitlines() if "-ngl" in x]
    assert len(notes) == 1 and "-sm" in notes[0] and "--mlock" in notes[0], r.err
    assert "-ngl" not in w.gen("-ngl", 99, "-q", "-p", "the", "-n", 1).ok().err


@check
def missing_value(w):
    w.run("run", "-m").fails(2, "-m needs a value")
    w.run("run", "-ngl").fails(2, "-ngl needs a value")


@check
def flags_take_no_value(w):
    w.run("run", "--raw=yes").fails(2, "--raw takes no value")


@check
def numbers_are_strict(w):
    for bad in ("", "abc", "1x", " 1", "0x10", "1.5", "١"):
        w.run("run", "-n", bad).fails(2, "-n", "whole number")
    for bad in ("", "abc", "1,5", "nan", "0x1p3", "1e", "--1"):
        w.run("run", "--temp", bad).fails(2, "--temp", "not a number")


@check
def numbers_have_ranges(w):
    for args in (("-n", "-2"), ("-n", "99999999999999999999"), ("-t", "0"), ("-t", "-4"), ("--temp", "-1"),
                 ("--temp", "inf"), ("--top-p", "1.5"), ("--min-p", "-0.1"), ("--top-k", "-1"), ("-c", "-1"),
                 ("--logprobs", "21")):
        w.run("run", *args).fails(2, args[0], "out of range")
    for bad in ("-2", "18446744073709551616", "1.0", ""):
        w.run("run", "--seed", bad).fails(2, "--seed")


@check
def bench_lists_are_strict(w):
    for args in (("-p", "1,,2"), ("-n", "x"), ("-t", "0"), ("-t", "3-1"), ("-npl", "0"), ("-d", "1-"), ("-r", "0")):
        r = w.run("bench", "-m", w.plain, *args)
        assert r.code == 2 and args[0] in r.err, (args, r.err)
    w.run("bench", "-m", w.plain, "-o", "xml").fails(2, "md, csv, json, jsonl")


@check
def reserved_commands_exit_5_in_one_sentence(w):
    for c in RESERVED:
        w.run(*c.split(), "--any", "thing").fails(5, c, "reserved")


@check
def version_names_what_was_built(w):
    r = w.run("--version").ok()
    assert re.match(r"surefoot \d+\.\d+\.\d+\n", r.text)
    for word in ("compiler", "kernel levels", "generic", "chosen", "guard budget"):
        assert word in r.text, word
    assert w.run("run", "--version").ok().out == r.out


# -------------------------------------------------------------------- kernel level


@check
def isa_empty_is_unset(w):
    assert w.run("--version", env={"SUREFOOT_ISA": ""}).ok().out == w.run("--version").ok().out


@check
def isa_unknown_name_exits_2(w):
    w.run("--version", env={"SUREFOOT_ISA": "sse9"}).fails(2, "sse9", "generic")


@check
def isa_known_but_not_here_exits_5(w):
    listed = w.run("--version").ok().text
    usable = re.search("kernel levels (.*)", listed)[1]
    names = [n for n in ("avx2", "avxvnni", "avx512vnni", "neon", "dotprod", "i8mm")
             if not re.search(r"\b%s\b(?! \(not)" % n, usable)]
    assert names, "every level of every architecture is usable here?"
    for n in names:
        w.run("--version", env={"SUREFOOT_ISA": n}).fails(5, n)
        w.gen("-p", "a", env={"SUREFOOT_ISA": n}).fails(5, n)


@check
def isa_generic_is_chosen_and_changes_no_text(w):
    env = {"SUREFOOT_ISA": "generic"}
    assert re.search(r"chosen +generic", w.run("--version", env=env).ok().text)
    a = w.gen("-p", "the a", "-n", 40, "-s", 3, "--temp", 1).ok()
    assert a.out == w.gen("-p", "the a", "-n", 40, "-s", 3, "--temp", 1, env=env).ok().out


# -------------------------------------------------------------------- run


@check
def run_without_model_takes_the_built_in_one_and_its_policy(w):
    r = w.run("run", "--guard", "off", "-p", "x", "-n", 3)
    if r.code:  # SUREFOOT_BUILTIN_MODEL is off
        r.fails(2, "-m FILE")
        w.run("run", "-p", "x").fails(2, "-m FILE")
        return
    assert "guard off" in r.ok().err
    r = w.run("run", "-p", "x", "-n", 3, "--json").ok()
    assert json.loads(r.out)["guard"]["policy"] == "household"
    w.run("run", "-p", "x", "-n", 3, "--guard", "household", "--guard-set", "budget=nan").fails(2)


@check
def run_without_guard_takes_the_general_policy(w):
    r = w.run("run", "-m", w.plain, "-p", "x", "-n", 3, "--json")
    if r.code:  # nothing is built in
        r.fails(2, "--guard POLICY", "--guard off")
        assert r.out == b""
        return
    assert json.loads(r.out)["guard"]["policy"] == "general"
    assert "guard: policy general (built in)" in r.err and "--guard off" in r.err
    assert "guard: policy" not in w.run("run", "-m", w.plain, "-p", "x", "-n", 3, "-q").ok().err
    assert "guard: policy household (built in)" in w.run("run", "-p", "x", "-n", 3).ok().err
    assert w.run("guard", "check", "-p", "a cup of tea").ok().out.startswith(b"   bytes")
    assert w.run("guard", "check", "-q", "-p", "You should kill yourself.").code == 7
    cover = w.run("guard", "check", "--coverage").ok().out.decode()
    assert "lexicon" in cover and "classifier" in cover and "harmful answer: Malicious Uses" in cover
    measured = json.loads(w.run("guard", "check", "--coverage", "--json").ok().out)["measured"]
    assert "all harmful, caught" in measured


@check
def policy_beside_the_model_is_only_named(w):
    m, _ = cli_tiny.model(w.dir / "beside.gguf")
    (w.dir / "beside.ini").write_text("[guard]\nnonsense = 1\n")
    r = w.run("run", "-m", m, "-p", "x", "-n", 1)
    assert r.code in (0, 2) and "note:" in r.err and "beside.ini" in r.err and "nonsense" not in r.err


@check
def run_prints_the_answer_then_one_newline(w):
    r = w.gen("-p", "the", "-n", 5).ok()
    assert r.out.endswith(b"\n") and not r.out.startswith(b"the")
    assert w.gen("-p", "the", "-n", 0).ok().out == b"\n"


@check
def run_echo_prints_the_prompt_first(w):
    r = w.gen("-p", "the", "-n", 5).ok()
    assert w.gen("--echo", "-p", "the", "-n", 5).ok().out == b"the" + r.out


@check
def run_n_counts_new_tokens(w):
    for n in (0, 1, 7):
        d = w.gen("-p", "the a", "-n", n, "--json", "--logit-bias", "1=-inf", "--logit-bias", "2=-inf").ok().json
        assert d["n_generated"] == n == len(d["ids"]) and d["finish"] == "length", d


@check
def run_n_minus_1_fills_the_context(w):
    d = w.gen("-p", "the", "-n", -1, "-c", 32, "--json", "-l", "1=-inf", "-l", "2=-inf").ok().json
    assert d["finish"] == "context" and d["n_prompt"] + d["n_generated"] in (32, 33), d


@check
def run_context_full_is_said(w):
    r = w.gen("-p", "the", "-n", 100, "-c", 16, "-l", "1=-inf", "-l", "2=-inf").ok()
    assert "context of 16 tokens is full" in r.err


@check
def run_prompt_that_does_not_fit_exits_1(w):
    w.gen("-p", "z " * 40, "-c", 16).fails(1, "16")


@check
def run_file_is_read_verbatim(w):
    f = w.dir / "prompt.txt"
    f.write_bytes(b" a\r\nb \xff\x00c\n\n")
    assert w.gen("--echo", "-n", 0, "-f", f).ok().out == f.read_bytes() + b"\n"


@check
def run_reads_stdin_only_without_p_and_f(w):
    f = w.dir / "p.txt"
    f.write_bytes(b"the")
    a = w.gen("-p", "the", "-n", 6).ok().out
    assert a == w.gen("-n", 6, stdin=b"the").ok().out
    assert a == w.gen("-n", 6, "-f", f, stdin=b"something else").ok().out
    assert a == w.gen("-n", 6, "-p", "the", stdin=b"something else").ok().out
    assert a == w.gen("-n", 6, "-f", "-", stdin=b"the").ok().out
    assert w.gen("-n", 6, "--echo", "-p", "-").ok().out.startswith(b"-")
    w.gen("-p", "x", "-f", f).fails(2, "-p and -f")


@check
def run_does_not_wait_for_stdin_that_it_does_not_need(w):
    r, wr = os.pipe()  # never closed before the end
    p = subprocess.run(w.bin + ["run", "-m", w.plain, "--guard", "off", "--raw", "-p", "a", "-n", "2"], stdin=r,
                       capture_output=True, timeout=60)
    os.close(r)
    os.close(wr)
    assert p.returncode == 0


@check
def run_missing_prompt_file_exits_1(w):
    w.gen("-f", w.dir / "nope.txt").fails(1, "nope.txt", "No such file")
    w.gen("-f", w.dir).fails(1, "directory")


@check
def run_empty_prompt_is_bos_alone(w):
    d = w.gen("-p", "", "-n", 3, "--json").ok().json
    assert d["prompt_ids"] == [1] and d["n_prompt"] == 1
    assert w.gen("-n", 3, "--json", stdin=b"").ok().json["ids"] == d["ids"]


@check
def run_ends_with_a_line_of_statistics(w):
    r = w.gen("-p", "the a", "-n", 5).ok()
    assert re.search(r"^prompt \d+ tok [\d.]+ t/s · generated 5 tok [\d.]+ t/s · guard: off$", r.err.splitlines()[-1]), r.err
    assert "\x1b" not in r.err


@check
def run_quiet_is_quiet(w):
    r = w.run("run", "-m", w.plain, "--guard", "off", "-q", "-p", "the", "-n", 4).ok()
    assert r.err == ""


@check
def run_guard_off_is_said(w):
    assert "guard off" in w.gen("-p", "x", "-n", 1).ok().err


@check
def run_json_is_one_object(w):
    r = w.gen("-p", "the", "-n", 6, "--json", "-s", 5).ok()
    assert r.out.count(b"\n") == 1
    d = r.json
    assert d["text"].encode() + b"\n" == w.gen("-p", "the", "-n", 6, "-s", 5).ok().out
    assert d["seed"] == 5 and d["guard"] == "off" and len(d["ids"]) == d["n_generated"]
    for k in ("finish", "n_prompt", "prompt_seconds", "generate_seconds", "first_token_seconds"):
        assert k in d, k


@check
def run_logprobs_need_json(w):
    w.gen("-p", "x", "--logprobs", 2).fails(2, "--json")
    d = w.gen("-p", "the", "-n", 4, "--json", "--logprobs", 3).ok().json
    assert [x["id"] for x in d["logprobs"]] == d["ids"]
    for x in d["logprobs"]:
        assert len(x["top"]) == 3 and x["top"][0][0] == x["id"] and x["logprob"] <= 0
        assert abs(x["top"][0][1] - x["logprob"]) < 1e-5


@check
def run_same_seed_same_text(w):
    def text(*a):
        return w.run("run", "-m", w.plain, "--guard", "off", "-q", "-p", "the", "-n", 40, "--temp", 1, *a).ok().out
    a = text("-s", 7)
    assert a == text("--seed", 7) == text("-s", 7, "-t", 1) == text("-s", 7, "-t", 2, "-b", 1) == text("-s", 7, "-b", 3)
    assert a != text("-s", 8) and text() == text("-s", 0)


@check
def run_seed_minus_1_is_drawn_and_reported(w):
    seeds = {w.gen("-p", "a", "-n", 1, "-s", -1, "--json").ok().json["seed"] for _ in range(2)}
    assert len(seeds) == 2


@check
def run_sampling_options_are_heard(w):
    base = ["-p", "the a", "-n", 30, "--temp", 2, "-s", 1]
    run = lambda *a: w.run("run", "-m", w.plain, "--guard", "off", "-q", *base, *a).ok().out
    plain, greedy = run(), w.gen(*base[:4], "-q").ok().out
    assert run("--top-k", 1) == greedy and plain != greedy
    assert run("--top-p", 0) == greedy or run("--top-p", 0.0001) == greedy
    assert run("--min-p", 1) == greedy
    assert run("--repeat-penalty", 5) != plain and run("--presence-penalty", 9) != plain
    assert run("--frequency-penalty", 9) != plain
    assert run("--samplers", "penalties;top_k;top_p;min_p;temperature") == plain
    assert run("--samplers", "temperature", "--top-k", 1) != greedy
    w.gen("-p", "a", "--samplers", "magic").fails(2, "magic")


@check
def run_dry_xtc_and_dynamic_temperature(w):
    base = ["-p", "the a", "-n", 60, "-s", 1]
    run = lambda *a: w.run("run", "-m", w.plain, "--guard", "off", "-q", *base, *a).ok().out
    plain, hot = run("--temp", 0), run("--temp", 2)
    dry = ["--temp", 0, "--dry-multiplier", 100]
    assert run(*dry) != plain
    assert run(*dry) == run(*dry, "-t", 1) == run(*dry, "-b", 1) == run(*dry, "--dry-penalty-last-n", -1)
    assert run(*dry, "--dry-penalty-last-n", 0) == run(*dry, "--dry-allowed-length", 4096) == plain
    assert run(*dry, "--samplers", "penalties;top_k") == plain
    assert run("--temp", 2, "--xtc-probability", 1, "--xtc-threshold", 0.01) != hot
    assert run("--temp", 2, "--xtc-probability", 1, "--xtc-threshold", 0.6) == hot
    assert run("--temp", 2, "--dynatemp-range", 2) != hot != run("--temp", 2, "--dynatemp-range", 1, "--dynatemp-exp", 0)
    # Every letter breaks every repetition; escapes are read; "none" takes the defaults away.
    every = [x for c in "eaoisnrhlt" for x in ("--dry-sequence-breaker", c)]
    assert run(*dry, *every) != run(*dry)
    lines = ["--dry-sequence-breaker", "\\n", "--dry-sequence-breaker", ":", "--dry-sequence-breaker", '\\"',
             "--dry-sequence-breaker", "*"]
    assert run(*dry, *lines) == run(*dry)
    run(*dry, "--dry-sequence-breaker", "none")
    for option, bad in (("--dry-multiplier", "nan"), ("--dry-multiplier", "-1"), ("--dry-base", "0.5"), ("--dry-base", "1e30"),
                        ("--dry-allowed-length", "-1"), ("--dry-allowed-length", "99999"), ("--dry-penalty-last-n", "-2"),
                        ("--dry-sequence-breaker", ""), ("--dry-sequence-breaker", "x" * 65), ("--xtc-probability", "1.1"),
                        ("--xtc-threshold", "nan"), ("--dynatemp-range", "-1"), ("--dynatemp-exp", "inf")):
        w.gen("-p", "a", "%s=%s" % (option, bad)).fails(2, option)
    w.gen("-p", "a", *["--dry-sequence-breaker=x"] * 17).fails(2, "16")


@check
def run_logit_bias(w):
    d = w.gen("-p", "the", "-n", 1, "--json").ok().json
    first = d["ids"][0]
    other = w.tokens.index("Q")
    for spec in ("%d+1e6" % other, "%d=1e6" % other):
        assert w.gen("-p", "the", "-n", 3, "--json", "-l", spec).ok().json["ids"] == [other] * 3
    for spec in ("%d=-inf" % first, "%d-1e6" % first, "%d-inf" % first):
        assert w.gen("-p", "the", "-n", 1, "--json", "--logit-bias", spec).ok().json["ids"][0] != first
    for bad in ("5", "x+1", "5+", "5*2", "5=nan", "5+inf", "99999999999+1"):
        w.gen("-p", "a", "-l", bad).fails(2, "--logit-bias")
    w.gen("-p", "a", "-l", "%d+1" % len(w.tokens)).fails(2)


@check
def run_stop_strings_cut_before(w):
    args = ["-p", "the", "-n", 9, "-l", "%d+1e6" % w.tokens.index("Q")]
    assert w.gen(*args).ok().out == b"QQQQQQQQQ\n"
    assert w.gen(*args, "--stop", "QQQ").ok().out == b"\n"
    d = w.gen(*args, "--stop", "zzz", "--stop", "QQ", "--json").ok().json
    assert d["text"] == "" and d["finish"] == "stop"
    assert w.gen(*args, "--stop", "QZ").ok().out == b"QQQQQQQQQ\n"
    w.gen("-p", "a", "--stop", "").fails(2, "--stop")
    w.gen("-p", "a", "--stop", "x" * 129).fails(2, "--stop")


@check
def run_end_of_text_and_bos_end_the_text(w):
    for token in (1, 2):
        d = w.gen("-p", "the", "-n", 9, "--json", "-l", "%d+1e6" % token).ok().json
        assert d["text"] == "" and d["finish"] == "eos", d


@check
def run_without_template_is_raw_with_a_note(w):
    r = w.run("run", "-m", w.plain, "--guard", "off", "--temp", 0, "-p", "the", "-n", 4).ok()
    assert "no chat template" in r.err and r.out == w.gen("-p", "the", "-n", 4).ok().out
    assert "no chat template" not in w.gen("-p", "the", "-n", 4).ok().err


@check
def run_unknown_template_exits_5(w):
    args = ["run", "-m", w.strange, "--guard", "off", "-p", "x", "-n", 2]
    w.run(*args).fails(5, "--raw", "--chat-template")
    w.run(*args, "--raw").ok()
    w.run(*args, "--chat-template", "chatml").ok()
    assert w.run(*args, "--chat-template", "klingon").code in (2, 5)


@check
def run_uses_the_models_template(w):
    args = ["run", "-m", w.chatml, "--guard", "off", "-p", "hi", "-n", 3, "--json", "--temp", 0]
    chat, raw = w.run(*args).ok().json, w.run(*args, "--raw").ok().json
    assert chat["n_prompt"] > raw["n_prompt"] + 4 and "prompt_ids" in raw
    more = w.run(*args, "-sys", "be short").ok().json
    assert more["n_prompt"] > chat["n_prompt"]
    w.run(*args, "--raw", "-sys", "x").fails(2, "--raw")
    w.run("run", "-m", w.plain, "--guard", "off", "-p", "x", "-sys", "y").fails(2, "--system-prompt")


@check
def run_chat_prompt_cannot_hold_nul(w):
    w.run("run", "-m", w.chatml, "--guard", "off", "-n", 1, stdin=b"a\0b").fails(2, "NUL", "--raw")


@check
def run_content_cannot_inject_control_tokens(w):
    a = w.run("run", "-m", w.chatml, "--guard", "off", "-n", 1, "--json", "-p", "<|im_end|>").ok().json
    b = w.run("run", "-m", w.chatml, "--guard", "off", "-n", 1, "--json", "-p", "x").ok().json
    assert a["n_prompt"] > b["n_prompt"] + 5  # spelled letter by letter


@check
def cache_types(w):
    a = w.gen("-p", "the", "-n", 12, "-ctk", "f32", "-ctv", "f32").ok()
    w.gen("-p", "the", "-n", 12, "--cache-type-k", "f16", "-ctv", "f32").ok()
    w.gen("-p", "the", "-n", 12, "-ctk", "q8_0", "-ctv", "q8_0").ok()
    w.gen("-p", "the", "-n", 12, "-ctk", "q8_0", "-ctv", "f32").ok()
    w.gen("-p", "a", "-ctv", "q9").fails(2, "q9")
    assert a.out


@check
def model_file_errors(w):
    bad = w.dir / "not.gguf"
    bad.write_bytes(b"<!DOCTYPE html><html>")
    w.gen("-m", bad, "-p", "x").fails(3, "not.gguf", "web page")
    w.gen("-m", w.dir / "nope.gguf", "-p", "x").fails(1, "nope.gguf")
    data = pathlib.Path(w.plain).read_bytes()
    bad.write_bytes(data[:len(data) // 2])
    w.gen("-m", bad, "-p", "x").fails(3, "truncated")
    w.gen("-m", w.vocab, "-p", "x").fails(5, "mamba")


@check
def too_large_a_context_exits_4_or_2(w):
    big, _ = cli_tiny.model(w.dir / "wide.gguf", layers=3, dim=1024, ff=8)
    r = w.gen("-m", big, "-p", "x", "-c", 16000000, "-ctk", "f32", "-ctv", "f32").fails(4, "16000000")
    assert re.search(r"\d -c|-c \d", r.err), r.err  # what would fit
    w.gen("-p", "x", "-c", 4000000000).fails(2, "4000000000", "at most")


# -------------------------------------------------------------------- what a new user meets


@check
def model_without_m_is_told(w):
    w.run("run", "model.gguf").fails(2, "model.gguf", "surefoot run -m model.gguf")
    w.run("tokenize", w.plain, "-p", "x").fails(2, "-m")
    w.run("model.gguf").fails(2, "surefoot run -m model.gguf")
    w.run("run", "-m", w.plain, "other.gguf").fails(2, "other.gguf", "one model")
    w.run("run", "-m", w.plain, "tell", "me").fails(2, "tell", "-p TEXT")


@check
def files_that_are_not_there(w):
    for c in ("run", "logits", "tokenize", "inspect", "bench", "guard budget"):
        a = ["--guard", "off"] if c == "run" else []
        text = ["-p", "x"] if c in ("run", "logits", "tokenize") else []
        w.run(*c.split(), "-m", "nope.gguf", *a, *text).fails(1, "nope.gguf", "No such file", "-m")
        w.run(*c.split(), "-m", w.dir, *a, *text).fails(1, "directory", "-m")
        w.run(*c.split(), "-m", "", *a, *text).fails(2, "-m", "empty")
    for c in (["run", "-m", w.plain, "-p", "x"], ["bench", "-m", w.plain], ["guard", "check", "-p", "x"], ["guard", "budget"]):
        w.run(*c, "--guard", "offf").fails(1, "offf", "No such file", "--guard")
        w.run(*c, "--guard", "").fails(2, "--guard", "empty")


@check
def forgotten_file_name_does_not_swallow_an_option(w):
    w.run("run", "-m", w.plain, "--guard", "-p", "x").fails(2, "--guard needs a value", "-p")
    w.run("run", "-m", "--guard", "off").fails(2, "-m needs a value")
    w.run("run", "-m", w.plain, "-f", "--raw", "--guard", "off").fails(2, "-f needs a value")
    assert w.gen("-n", 1, "-f", "-", stdin=b"a").ok().out == w.gen("-n", 1, "-p", "a").ok().out


@check
def the_start_of_an_option_names_it(w):
    w.run("run", "--ctx", "9").fails(2, "did you mean --ctx-size?")
    w.run("run", "--repeat", "9").fails(2, "did you mean --repeat-")


@check
def more_threads_than_processors_is_noted(w):
    a = w.gen("-p", "the", "-n", 2).ok()
    for t in (300, 999):
        r = w.gen("-p", "the", "-n", 2, "-t", t).ok()
        assert r.out == a.out and "-t %d" % t in r.err and "256" in r.err, r.err
    assert "-t" not in w.gen("-p", "the", "-n", 2, "-t", 1).ok().err


@check
def context_beyond_the_models_is_noted(w):
    r = w.gen("-p", "the", "-n", 2, "-c", 1000).ok()
    assert "-c 1000" in r.err and "512" in r.err
    assert "trained" not in w.gen("-p", "the", "-n", 2, "-c", 512).ok().err


@check
def huge_n_ends_with_the_context(w):
    r = w.gen("-p", "the", "-n", 2147483647, "-c", 32, "--json", "-l", "1=-inf", "-l", "2=-inf").ok()
    assert r.json["finish"] == "context" and "context of 32 tokens is full" in r.err


@check
def common_options_are_taken_by_every_command(w):
    common = ["-t", 1, "-c", 64, "--seed", 3, "--guard", "off", "-m", w.plain, "-q"]
    for c in (["run", "-p", "x", "-n", "1"], ["bench", "-p", "4", "-n", "1", "-r", "1", "--no-bandwidth"], ["logits", "-p", "x"],
              ["tokenize", "-p", "x"], ["inspect"], ["doctor"], ["guard", "budget"]):
        r = w.run(*c, *common).ok()
        assert r.out and r.err == "", (c, r.err)
        json.loads(w.run(*c, *common, "--json").ok().out.splitlines()[0]) if c[0] != "bench" else None
    r = w.run("doctor", "-v", "--seed", 3).ok()
    assert "--seed" in r.err and "no effect" in r.err


if __name__ == "__main__":
    sys.exit(main())
