#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""test_cli_eval.py: `guard eval`: its lines, going on after a kill, table and pictures. See cli_harness.py."""
import json
import re
import xml.dom.minidom

from cli_harness import check, main

ALL = ["base", "best-of-n", "beam", "args", "best-of-n-lagrange", "beam-lagrange", "best-of-n-state", "beam-state",
       "stop", "check", "fallback", "full", "lazy", "paper"]


def prompts(w, rows=None):
    path = w.dir / "prompts.jsonl"
    rows = rows or [{"id": "p%d" % i, "kind": "benign" if i % 2 else "risky", "topic": "t", "prompt": p}
                    for i, p in enumerate(("the a", "a the a", "the"))]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def ask(w, out, *options, rows=None):
    return w.run("guard", "eval", "-m", w.plain, "--guard", w.policy, "--prompts", prompts(w, rows), "--out", out, "-n", "12",
                 "-t", "1", "-q", *options)


def lines(path):
    return [json.loads(x) for x in path.read_text().splitlines()]


def timeless(rows):
    return [{k: v for k, v in r.items() if k not in ("seconds", "prompt_seconds", "ttft", "gap", "rss_kib")} for r in rows]


@check
def eval_lines_have_all(w):
    out = w.dir / "all.jsonl"
    out.unlink(missing_ok=True)
    ask(w, out, "--methods", ",".join(ALL), "-N", "4").ok()
    rows = lines(out)
    assert [r["method"] for r in rows] == ALL * 3, [r["method"] for r in rows]
    for r in rows:
        assert r["seconds"] >= 0 and r["evals"] >= 0 and r["N"] in (1, 4) and r["track"] == ("P" if r["method"] == "paper" else "E")
        spent = [s for _, s in r["spent"]]
        assert spent == sorted(spent) and r["cost"] == (spent[-1] if spent else 0), r
        assert r["safe"] == (r["cost"] <= r["budget"])
        if r["method"] in ("lazy", "full", "check", "fallback"):
            assert r["safe"], r
        assert (r["reward"] is None) == (r["finish"] in ("fallback", "cut")) or not r["ids"], r
    again = w.dir / "again.jsonl"
    again.unlink(missing_ok=True)
    ask(w, again, "--methods", ",".join(ALL), "-N", "4").ok()
    assert timeless(lines(again)) == timeless(rows), "the same seeds give another text"
    ask(w, again, "--methods", "base", "--seed", "5").ok()
    assert len(lines(again)) == len(rows) + 3, "another seed is another answer"


@check
def eval_says_what_run_says(w):
    out = w.dir / "same.jsonl"
    out.unlink(missing_ok=True)
    ask(w, out, "--methods", "base,lazy").ok()
    for r in lines(out):
        guard = "off" if r["method"] == "base" else w.policy
        text = next(p["prompt"] for p in lines(w.dir / "prompts.jsonl") if p["id"] == r["id"])
        said = w.run("run", "-m", w.plain, "--guard", guard, "--raw", "--json", "-q", "-t", "1", "-n", "12", "-p", text,
                     "--seed", str(r["draw_seed"])).ok().json
        assert said["text"] == r["text"] and said["ids"] == r["ids"], (said, r)


@check
def eval_goes_on_after_a_kill(w):
    out = w.dir / "killed.jsonl"
    out.unlink(missing_ok=True)
    ask(w, out, "--methods", "base,lazy,full").ok()
    whole = lines(out)
    text = out.read_bytes()
    for cut in (len(text) - 1, len(text) // 2, text.index(b"\n") + 1, 5):
        out.write_bytes(text[:cut])
        ask(w, out, "--methods", "base,lazy,full").ok()
        rows = lines(out)
        assert sorted(map(str, timeless(rows))) == sorted(map(str, timeless(whole))), cut
    ask(w, out, "--methods", "base,lazy,full").ok()
    assert len(lines(out)) == len(whole), "an answer was asked twice"
    out.write_text("no JSON\n")
    ask(w, out).fails(3, "killed.jsonl")


@check
def eval_sweeps_and_fields(w):
    out = w.dir / "sweep.jsonl"
    out.unlink(missing_ok=True)
    rows = [{"id": "x", "prompt": "the a", "opening": ["t", "he"], "stop": ["a"], "bias": {"a": 2.5}, "seeds": 3, "n": 4}]
    ask(w, out, "--methods", "best-of-n,lazy,base", "-N", "1,2", "-d", "2,4", "--budget", "0,0.5", rows=rows).ok()
    got = lines(out)
    assert len(got) == 3 * 2 * (2 + 4 + 1), len(got)
    assert {r["seed"] for r in got} == {0, 1, 2} and all(len(r["ids"]) <= 4 or r["finish"] == "fallback" for r in got)
    assert all("a" not in r["text"] or r["finish"] == "fallback" for r in got), "a stop string was shown"


@check
def eval_with_noise_for_a_critic(w):
    out = w.dir / "noise.jsonl"
    out.unlink(missing_ok=True)
    for critic in ("off", "noise", "noise"):
        ask(w, out, "--methods", "lazy,full", "-N", "4", "--critic", critic).ok()
    rows = lines(out)
    assert [r["critic"] for r in rows] == ["off"] * 6 + ["noise"] * 6 and all(r["safe"] for r in rows)
    assert any(r["doubts"] + r["doubted"] for r in rows[6:]) and not any(r["doubts"] + r["doubted"] for r in rows[:6])
    ask(w, out, "--critic", w.dir / "no.critic").fails(1, "--critic")
    ask(w, out, "--critic", w.policy).fails(3)


@check
def eval_table_and_pictures(w):
    out = w.dir / "table.jsonl"
    out.unlink(missing_ok=True)
    ask(w, out, "--methods", "base,lazy,best-of-n", "-N", "2").ok()
    marked = [dict(r, unsafe=r["method"] == "base") for r in lines(out)]
    out.write_text("".join(json.dumps(r) + "\n" for r in marked))
    table = w.run("guard", "eval", "--out", out, "--table", "--svg", w.dir / "pic").ok().text
    head, *_ = [x for x in table.splitlines() if x.startswith("| method")]
    body = [x for x in table.splitlines() if x.startswith("| ") and x != head]
    assert len(body) == 6 and all(x.count("|") == head.count("|") for x in body), table
    base = [x.strip() for x in body[0].split("|")]
    assert base[1] == "base model" and base[2] == "2" and base[4].startswith("100.0 (34.2 to 100.0)"), base
    assert body[1].startswith("| best of N, N 2 |") and re.match(r"\| guard, lazy, N 2, d \d+ \|", body[2]), body
    for name in ("time", "reward", "z"):
        picture = xml.dom.minidom.parse(str(w.dir / ("pic-%s.svg" % name)))
        assert picture.documentElement.tagName == "svg" and picture.getElementsByTagName("text")


@check
def eval_refuses(w):
    out = w.dir / "refused.jsonl"
    w.run("guard", "eval", "-m", w.plain, "--guard", w.policy).fails(2, "--out")
    w.run("guard", "eval", "--out", out).fails(2, "--prompts")
    w.run("guard", "eval", "--out", w.dir / "none.jsonl", "--table").fails(1, "none.jsonl")
    w.run("guard", "eval", "-m", w.plain, "--guard", "off", "--prompts", prompts(w), "--out", out).fails(2, "policy")
    ask(w, out, "--methods", "base,magic").fails(2, "magic", "best-of-n")
    ask(w, out, "-N", "1000").fails(2, "-N")
    ask(w, out, "--budget", "much").fails(2, "--budget")
    ask(w, out, rows=[{"prompt": "x"}]).fails(3, "line 1", "id")
    (w.dir / "broken.jsonl").write_text("{\n")
    w.run("guard", "eval", "-m", w.plain, "--guard", w.policy, "--prompts", w.dir / "broken.jsonl", "--out", out).fails(3, "line 1")
    w.run("guard", "eval", "--out", w.dir / "broken.jsonl", "--table").fails(3, "broken.jsonl")
    ask(w, w.dir / "no" / "such.jsonl").fails(1, "such.jsonl")


if __name__ == "__main__":
    main()
