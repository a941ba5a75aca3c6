#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""test_cli_output.py: failures of stdout, terminals, Ctrl-C, `tokenize`, `logits`. See cli_harness.py."""
import array
import fcntl
import json
import math
import os
import pathlib
import pty
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import termios

import cli_tiny
from cli_harness import BIDI, HOSTILE, Result, check, main


# -------------------------------------------------------------------- output


@check
def stdout_full_exits_1(w):
    cases = (["--help"], ["--version"], ["run", "--help"], ["inspect", "-m", w.plain], ["tokenize", "-m", w.plain, "-p", "x"],
             ["logits", "-m", w.plain, "-p", "the a"], ["run", "-m", w.plain, "--guard", "off", "--raw", "-q", "-p", "a", "-n", "3"],
             ["run", "-m", w.plain, "--guard", "off", "--raw", "-q", "-p", "a", "-n", "3", "--json"],
             ["guard", "budget"], ["guard", "check", "--guard", w.policy, "-p", "x"])
    for c in cases:
        with open("/dev/full", "wb") as full:
            p = subprocess.run(w.bin + c, stdout=full, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=60)
        Result(p.returncode, b"", p.stderr.decode()).fails(1, "standard output", "No space left")


@check
def stdout_closed_exits_1(w):
    for c in (["--version"], ["run", "-m", w.plain, "--guard", "off", "--raw", "-q", "-p", "a", "-n", "3"]):
        command = " ".join(shlex.quote(str(a)) for a in w.bin + c)
        p = subprocess.run(["sh", "-c", command + " >&-"], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=60)
        Result(p.returncode, b"", p.stderr.decode()).fails(1, "standard output", "closed")


@check
def all_descriptors_closed_is_no_crash(w):
    command = " ".join(shlex.quote(a) for a in w.bin + ["run", "-m", w.plain, "--guard", "off", "-p", "a", "-n", "3"])
    before = pathlib.Path(w.plain).read_bytes()
    p = subprocess.run(["sh", "-c", command + " <&- >&- 2>&-"], timeout=60)
    assert p.returncode == 1 and pathlib.Path(w.plain).read_bytes() == before


@check
def reader_that_goes_away_is_quiet(w):
    for c in (["logits", "-m", w.plain, "-p", "the " * 100, "--full"],
              ["run", "-m", w.plain, "--guard", "off", "--raw", "-q", "-p", "a", "-n", "400"]):
        p = subprocess.Popen(w.bin + c, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        p.stdout.close()
        err = p.stderr.read()
        p.stderr.close()
        assert p.wait(60) == 1 and err == b"", (p.returncode, err)


@check
def text_is_streamed(w):
    """Every write of the command is one record here: how fast it is read does not matter."""
    r = records(w, ["-p", "a", "-n", "100"])
    assert len(r.records) > 50, len(r.records)


@check
def terminal_never_sees_control_or_bidi_characters(w):
    force = ["-l", "%d+1e6" % w.hostile_id, "-n", "3", "--raw", "--guard", "off", "-q", "-p", "\x1b[1mp" + BIDI, "--echo"]
    code, shown = w.terminal("run", "-m", w.hostile, *force)
    text = shown.decode()
    assert code == 0 and "xy" in text.replace("[2J", ""), (code, shown)
    for c in "\x1b\x07\u009b" + BIDI:
        assert c not in text, repr(c)
    piped = w.run("run", "-m", w.hostile, *force).ok().text
    assert HOSTILE * 3 in piped and piped.startswith("\x1b[1mp" + BIDI)


@check
def hostile_names_do_not_reach_the_terminal(w):
    m = cli_tiny.gguf(w.dir / "esc.gguf", {"general.architecture": HOSTILE, "general.name": HOSTILE, HOSTILE: HOSTILE,
                                           "tokenizer.ggml.model": HOSTILE}, [(HOSTILE, (4,), [1.0] * 4)])
    for args in (("inspect", "-m", m), ("inspect", "-v", "-m", m), ("run", "--guard", "off", "-m", m, "-p", "x"),
                 ("tokenize", "-m", m, "-p", "x")):
        r = w.run(*args)
        for c in "\x1b\x07\u009b" + BIDI:
            assert c not in r.text and c not in r.err, (args, repr(c))


@check
def colour_only_on_a_terminal(w):
    args = ["run", "-m", w.plain, "--guard", "off", "--raw", "-p", "a", "-n", "2"]
    assert b"\x1b[" in w.terminal(*args, env={"NO_COLOR": ""})[1]
    assert b"\x1b" not in w.terminal(*args, env={"NO_COLOR": "1"})[1]
    assert b"\x1b" not in w.terminal(*args, env={"TERM": "dumb"})[1]
    assert "\x1b" not in w.run(*args).err


class Records(Result):
    records = ()


def records(w, args, stop_after=None, guard="off"):
    """`run` with a socket for stdout that keeps its writes apart and holds few of them: the command
    waits for its reader. After stop_after records it gets Ctrl-C."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    p = subprocess.Popen(w.bin + ["run", "-m", w.plain, "--guard", guard, "--raw", "-q", "-l", "1=-inf", "-l", "2=-inf", *args],
                         stdout=theirs, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    theirs.close()
    got = []
    while True:
        if len(got) == stop_after:
            p.send_signal(signal.SIGINT)
        part = ours.recv(65536)
        if not part:
            break
        got.append(part)
    err = p.stderr.read().decode()
    p.stderr.close()
    ours.close()
    r = Records(p.wait(60), b"".join(got), err)
    r.records = got
    return r


@check
def ctrl_c_after_every_piece_leaves_a_prefix(w):
    for guard in ("off", w.policy):
        a = ["-p", "the a", "-n", "120", "--temp", "1.5", "-s", "4"]
        whole = records(w, a, guard=guard).ok()
        assert len(whole.out) > 120 and whole.out.endswith(b"\n")
        cut = 0
        for k in range(1, 40):
            r = records(w, a, stop_after=k, guard=guard)
            assert r.code == 130 and r.err == "", (guard, k, r.code, r.err)
            assert r.out.endswith(b"\n") and whole.out.startswith(r.out[:-1]), (guard, k)
            r.out.decode()  # whole characters
            cut += len(r.out) < len(whole.out)
        assert cut > 35, cut


@check
def ctrl_c_with_json_prints_what_was_said(w):
    big, _ = cli_tiny.model(w.dir / "long.gguf", ctx=200000, layers=1)
    p = subprocess.Popen(w.bin + ["run", "-m", big, "--guard", "off", "--raw", "-v", "-p", "a", "-n", "190000", "-c", "195000",
                                  "-l", "1=-inf", "-l", "2=-inf", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         stdin=subprocess.DEVNULL)
    wait_for(p.stderr, b"guard off")
    p.send_signal(signal.SIGINT)
    out, _ = p.communicate(timeout=60)
    assert p.returncode == 130
    if out:
        assert json.loads(out)["finish"] == "aborted"


@check
def ctrl_c_ends_a_write_that_nobody_reads(w):
    r, wr = os.pipe()
    fcntl.fcntl(wr, fcntl.F_SETPIPE_SZ, 4096)
    p = subprocess.Popen(w.bin + ["logits", "-m", w.plain, "-p", "the " * 100, "--full"], stdout=wr, stderr=subprocess.PIPE)
    os.close(wr)
    poll = select.poll()
    poll.register(r, select.POLLIN)
    poll.poll(60000)  # it writes, and the pipe holds 4096 bytes of more than a megabyte
    p.send_signal(signal.SIGINT)
    assert p.wait(60) == 130
    p.stderr.close()
    os.close(r)


def wait_for(stream, word):
    for line in stream:
        if word in line:
            return
    raise AssertionError("%r was never said" % word)


@check
def ctrl_c_stops_prefill_with_130(w):
    big, _ = cli_tiny.model(w.dir / "prefill.gguf", ctx=200000, layers=1)
    f = w.dir / "long.txt"
    f.write_text("abcdefg " * 20000)
    p = subprocess.Popen(w.bin + ["run", "-m", big, "--guard", "off", "--raw", "-c", "195000", "-n", "5", "-v", "-f", str(f)],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    wait_for(p.stderr, b"guard off")  # said just before the prompt is read
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=60)
    assert p.returncode == 130 and out in (b"", b"\n"), (p.returncode, out, err)


@check
def ctrl_c_stops_reading_stdin_with_130(w):
    r, wr = os.pipe()
    p = subprocess.Popen(w.bin + ["tokenize", "-m", w.plain], stdin=r, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.write(wr, b"text")
    left = array.array("i", [1])
    while left[0] and p.poll() is None:  # until it has read that and waits for more
        fcntl.ioctl(r, termios.FIONREAD, left)
        os.sched_yield()
    p.send_signal(signal.SIGINT)
    assert p.wait(60) == 130
    os.close(wr)
    os.close(r)
    p.communicate()


@check
def no_bar_and_no_return_character_off_the_terminal(w):
    for c in (["run", "-m", w.plain, "--guard", "off", "-p", "a", "-n", "2", "-v"], ["bench", "-m", w.plain, "-p", "4", "-n", "2",
              "-r", "1"], ["doctor"], ["inspect", "-m", w.plain]):
        r = w.run(*c).ok()
        assert "\r" not in r.err and "\x1b" not in r.err and b"\r" not in r.out and b"\x1b" not in r.out, c


@check
def text_may_be_typed_at_a_terminal(w):
    """stdin a terminal: it is said what is waited for; Ctrl-D ends the text."""
    master, slave = pty.openpty()
    p = subprocess.Popen(w.bin + ["run", "-m", w.plain, "--guard", "off", "--raw", "--temp", "0", "-n", "6"], stdin=slave,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.close(slave)
    wait_for(p.stderr, b"Ctrl-D")
    os.write(master, b"the\n\x04")
    out, _ = p.communicate(timeout=60)
    os.close(master)
    assert p.returncode == 0 and out == w.gen("-p", "the\n", "-n", 6).ok().out


# -------------------------------------------------------------------- tokenize


@check
def tokenize_ids_is_a_bare_array(w):
    r = w.run("tokenize", "-m", w.plain, "--ids", "-p", "the a").ok()
    ids = r.json
    assert isinstance(ids, list) and ids[0] == 1 and r.out.count(b"\n") == 1
    assert w.run("tokenize", "-m", w.plain, "--ids", "--no-bos", "-p", "the a").ok().json == ids[1:]
    t = w.run("tokenize", "-m", w.plain, "-p", "the a").ok().text.splitlines()
    assert [int(x.split()[0]) for x in t] == ids
    d = w.run("tokenize", "-m", w.plain, "--json", "-p", "the a").ok().json
    assert d["ids"] == ids and [w.tokens.index(p) for p in d["pieces"]] == ids


@check
def tokenize_goes_back_with_decode(w):
    text = "the a\n  t\u00eb\u00df\u65e5 \U0001f642\t x\x00y".encode()
    ids = w.run("tokenize", "-m", w.plain, "--ids", stdin=text).ok().out
    assert w.run("tokenize", "-m", w.plain, "--decode", stdin=ids).ok().out == text
    assert w.run("tokenize", "-m", w.plain, "--decode", "--json", stdin=ids).ok().json == {"text": text.decode()}
    assert w.run("tokenize", "-m", w.plain, "--decode", "-p", "1 260, 261").code == 0
    for bad in ("x", "[1,2.5]", "999999", "-1", "99999999999999"):
        w.run("tokenize", "-m", w.plain, "--decode", "-p", bad).fails(2, bad.strip("[]").split(",")[-1][:8])


@check
def tokenize_decode_repairs_half_characters(w):
    half = "%d" % (cli_tiny.BYTES + 0xE6)
    assert w.run("tokenize", "-m", w.plain, "--decode", "-p", half).ok().text == "\ufffd"


@check
def tokenize_jsonl_is_line_by_line(w):
    rows = [{"text": "the"}, {"text": "a\0b"}, {"text": ""}, {"text": "\u65e5\n", "other": 1}]
    stdin = "\n".join(json.dumps(x) for x in rows).encode() + b"\n"
    out = w.run("tokenize", "-m", w.plain, "--jsonl", "--no-bos", stdin=stdin).ok().lines
    assert len(out) == 4 and all(set(x) == {"ids"} for x in out) and out[2]["ids"] == []
    for x, row in zip(out, rows):
        back = w.run("tokenize", "-m", w.plain, "--jsonl", "--decode", stdin=json.dumps(x).encode()).ok().json
        assert back == {"text": row["text"]}, (back, row)
    r = w.run("tokenize", "-m", w.plain, "--jsonl", stdin=b'{"text":"a"}\n{"text":3}\n').fails(3, "line 2")
    assert len(r.lines) == 1
    w.run("tokenize", "-m", w.plain, "--jsonl", stdin=b"nonsense\n").fails(3, "line 1")


@check
def tokenize_reads_vocabulary_only_files(w):
    special = len(cli_tiny.vocabulary()[0])
    assert special in w.run("tokenize", "-m", w.vocab, "--ids", "--special", "-p", "a<|special|>").ok().json
    assert special not in w.run("tokenize", "-m", w.vocab, "--ids", "-p", "a<|special|>").ok().json
    d = ["tokenize", "-m", w.vocab, "--decode", "-p", str(special)]
    assert w.run(*d).ok().text == "" and w.run(*d, "--special").ok().text == "<|special|>"
    m = cli_tiny.gguf(w.dir / "wp.gguf", {"general.architecture": "bert", "tokenizer.ggml.model": "bert",
                                          "tokenizer.ggml.tokens": ["a", "b"]})
    w.run("tokenize", "-m", m, "-p", "x").fails(5, "bert")


@check
def tokenize_without_model_exits_2(w):
    w.run("tokenize", "-p", "x").fails(2, "-m FILE")


# -------------------------------------------------------------------- logits


@check
def logits_one_json_line_per_position(w):
    rows = w.run("logits", "-m", w.plain, "-p", "the a", "-k", 4).ok().lines
    ids = w.run("tokenize", "-m", w.plain, "--ids", "-p", "the a").ok().json
    assert [r["id"] for r in rows] == ids and [r["pos"] for r in rows] == list(range(len(ids)))
    for r in rows:
        assert set(r) == {"pos", "id", "top"} and len(r["top"]) == 4
        assert [x[1] for x in r["top"]] == sorted((x[1] for x in r["top"]), reverse=True)


@check
def logits_full_agrees_with_top(w):
    r = w.run("logits", "-m", w.plain, "-p", "the a", "-k", 3, "--full").ok()
    for row in r.lines:
        v = row["logits"]
        assert len(v) == len(w.tokens)
        best = sorted(range(len(v)), key=lambda i: (-v[i], i))[:3]
        assert [x[0] for x in row["top"]] == best and [x[1] for x in row["top"]] == [v[i] for i in best]
        total = math.fsum(math.exp(x) for x in v)
        for _, logit, logprob in row["top"]:
            assert abs(logit - math.log(total) - logprob) < 1e-4
    digits = [len(re.sub(r"e.*|[-.]", "", x).lstrip("0")) for x in re.findall(r"[-\d.e]+", r.text.split('"logits":[')[1])]
    assert max(digits) == 9, max(digits)


@check
def logits_hold_nothing_of_the_run(w):
    a = w.run("logits", "-m", w.plain, "-p", "the a " * 20, "--full").ok()
    for args in (["-t", 1], ["-t", 2], ["-b", 1], ["-b", 7], ["-c", 300]):
        assert w.run("logits", "-m", w.plain, "-p", "the a " * 20, "--full", *args).ok().out == a.out, args
    assert w.run("logits", "-m", w.plain, "-p", "the a " * 20, "--full", env={"SUREFOOT_ISA": "generic"}).ok().out == a.out
    assert a.err == ""


@check
def logits_predict_what_greedy_run_says(w):
    ids = w.gen("-p", "the a", "-n", 6, "--json").ok().json["ids"]
    rows = w.run("logits", "-m", w.plain, "-p", "the a", "-k", 1).ok().lines
    assert rows[-1]["top"][0][0] == ids[0]


@check
def logits_refuse_what_does_not_fit(w):
    r = w.run("logits", "-m", w.plain, "-p", "z" * 50, "-c", 8)
    assert r.code == 1 and "8" in r.err, r.err


if __name__ == "__main__":
    sys.exit(main())
