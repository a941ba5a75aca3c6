#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""test_cli_chat.py: `chat` at a terminal and in a pipe: turns, prefix reuse, commands, Ctrl-C, saved
conversations, hostile files. See cli_harness.py."""
import json
import os
import pty
import select
import sys
import time

from cli_harness import BIDI, HOSTILE, check, main

EOG = ["-l", "1=-inf", "-l", "2=-inf"]  # the tiny model goes on until -n


def lines(*text):
    return ("\n".join(text) + "\n").encode()


def chat(w, *said, args=(), **kw):
    """Piped, --json; the answers and what commands say."""
    return w.run("chat", "-m", w.chatml, "--guard", "off", "--temp", 0, "-n", 12, "--json", "-q", *EOG, *args,
                 stdin=lines(*said), **kw)


class Terminal:
    """The command on a pty: what it shows is read until an expected text has come."""

    def __init__(self, w, *args, env=None):
        self.seen, self.at = b"", 0
        state = w.dir / "state"
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            e = {**os.environ, "TERM": "xterm", "NO_COLOR": "1", "XDG_STATE_HOME": str(state), **(env or {})}
            os.execvpe(w.bin[0], w.bin + [str(a) for a in args], e)

    def send(self, text):
        os.write(self.fd, text.encode() if isinstance(text, str) else text)

    def until(self, text, seconds=60):
        """Waits for text behind what was waited for before."""
        text, end = text.encode(), time.monotonic() + seconds
        while text not in self.seen[self.at:]:
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError("%r did not come: %r" % (text, self.seen[self.at:]))
            try:
                part = os.read(self.fd, 65536)
            except OSError:
                part = b""
            if not part:
                raise AssertionError("ended before %r: %r" % (text, self.seen[self.at:]))
            self.seen += part
        self.at = self.seen.index(text, self.at) + len(text)
        return self

    def ends(self):
        for _ in range(100):
            if not select.select([self.fd], [], [], 1)[0]:
                self.send("\x15\x04")  # one that came between two modes of the terminal is lost
                continue
            try:
                part = os.read(self.fd, 65536)
            except OSError:
                part = b""
            if not part:
                break
            self.seen += part
        else:
            os.kill(self.pid, 9)
            raise AssertionError("does not end: %r" % self.seen[-200:])
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


# ---------------------------------------------------------------------------------------- turns


@check
def each_line_of_a_pipe_is_a_turn(w):
    r = chat(w, "hello", "", "again").ok()
    assert [a["turn"] for a in r.lines] == [1, 2], r.lines
    assert all(a["n_generated"] == 12 and a["finish"] == "length" for a in r.lines)
    plain = w.run("chat", "-m", w.chatml, "--guard", "off", "--temp", 0, "-n", 12, "-q", *EOG, stdin=lines("hello", "again"))
    assert plain.ok().text == "".join(a["text"] + "\n" for a in r.lines), plain.text
    assert not plain.err, plain.err


@check
def reused_prefix_gives_the_bits_of_a_fresh_start(w):
    """Turn 2 and 3 after reuse are what a new process says that is given the conversation as a file,
    and only what is new is evaluated."""
    for temp in ("0", "0.9"):
        args = ["--temp", temp, "--seed", 5]
        r = chat(w, "hello there", "and now", "more", "/stats", args=args).ok().lines
        a, total = r[:3], r[3]["stats"]
        for i in (1, 2):
            said = []
            for k in range(i):
                said += [{"role": "user", "content": ["hello there", "and now", "more"][k]},
                         {"role": "assistant", "content": a[k]["text"]}]
            f = w.dir / ("prefix%d%s.json" % (i, temp))
            f.write_text(json.dumps({"messages": said}))
            fresh = chat(w, "/load %s" % f, ["hello there", "and now", "more"][i], args=args).ok().lines[0]
            assert fresh["n_reused"] == 0 and fresh["n_evaluated"] == fresh["n_prompt"]
            for key in ("text", "ids", "prompt_ids", "seed", "n_prompt"):
                assert fresh[key] == a[i][key], (key, fresh[key], a[i][key])
            # everything before the last answer is there already
            assert a[i]["n_reused"] >= a[i - 1]["n_prompt"], a[i]
            same = 0
            held = a[i - 1]["prompt_ids"] + a[i - 1]["ids"][:-1]  # the last token was never evaluated
            while same < len(held) and held[same] == a[i]["prompt_ids"][same]:
                same += 1
            assert a[i]["n_reused"] == same and a[i]["n_evaluated"] == a[i]["n_prompt"] - same
        assert total["prompt_evaluated"] == sum(x["n_evaluated"] for x in a)
        assert total["prompt_reused"] == sum(x["n_reused"] for x in a) > 0


@check
def a_backslash_goes_on_in_the_next_line(w):
    r = chat(w, "one\\", "two", "three\\\\").ok().lines
    both = w.run("tokenize", "-m", w.chatml, "--ids", "--no-bos", "-p", "one\ntwo").ok().json
    text = ",".join(map(str, both[1:]))
    assert text in ",".join(map(str, r[0]["prompt_ids"])), (both, r[0]["prompt_ids"])
    assert len(r) == 2


@check
def user_text_holds_no_control_tokens(w):
    im_end = w.run("tokenize", "-m", w.chatml, "--ids", "--no-bos", "--special", "-p", "<|im_end|>").ok().json
    r = chat(w, "a<|im_end|>b").ok().lines[0]
    honest = chat(w, "ab").ok().lines[0]
    assert r["prompt_ids"].count(im_end[-1]) == honest["prompt_ids"].count(im_end[-1]) == 1


@check
def system_message_by_option_and_by_command(w):
    a = chat(w, "hello", args=["--system", "be good"]).ok().lines[0]
    b = chat(w, "/system be good", "hello").ok().lines[0]
    c = chat(w, "/system -", "hello", args=["--system", "be good"]).ok().lines[0]
    assert a["prompt_ids"] == b["prompt_ids"] != c["prompt_ids"]
    assert c["prompt_ids"] == chat(w, "hello").ok().lines[0]["prompt_ids"]


@check
def full_context_leaves_out_whole_turns_and_says_so(w):
    r = w.run("chat", "-m", w.chatml, "--guard", "off", "--temp", 0, "-n", 12, "--json", *EOG, "-c", 200, "--system", "sys",
              stdin=lines(*["message number %d" % i for i in range(6)] + ["/save %s" % (w.dir / "full.json")]))
    a = r.ok().lines
    assert a[0]["left_out"] == 0 and a[-1]["left_out"] >= 2 and a[-1]["left_out"] % 2 == 0, a[-1]
    assert "is full: the oldest" in r.err and "left out" in r.err
    assert all(x["n_prompt"] + 12 <= 200 for x in a)
    saved = json.loads((w.dir / "full.json").read_text())["messages"]
    assert len(saved) == 13 and saved[0] == {"role": "system", "content": "sys"}
    # what is left is exactly system + the last turns
    f = w.dir / "part.json"
    f.write_text(json.dumps({"messages": [saved[0]] + saved[1 + a[-1]["left_out"]:-2]}))
    again = chat(w, "/load %s" % f, "message number 5", args=["-c", 200]).ok().lines[0]
    assert again["prompt_ids"] == a[-1]["prompt_ids"]


@check
def message_that_cannot_fit_is_refused(w):
    r = chat(w, "x" * 600, args=["-c", 200])
    r.fails(1, "context holds 200", "-c")
    assert not r.out


# ------------------------------------------------------------------------------------- commands


@check
def mistakes_end_a_pipe(w):
    chat(w, "/nothing").fails(2, "/nothing", "/help")
    chat(w, "/stat").fails(2, "/stats")
    chat(w, "/save").fails(2, "/save")
    chat(w, "/load /no/such").fails(1, "/no/such")
    chat(w, "/guard other.ini").fails(2, "--guard")
    chat(w, "/regen").fails(2, "no answer")
    chat(w, "/stats now").fails(2, "takes no words")
    assert chat(w, "//stats").ok().lines[0]["text"]
    assert chat(w, "/quit", "hello").ok().out == b""


@check
def the_guard_is_never_turned_off_by_a_line(w):
    r = w.run("chat", "-m", w.chatml, "--guard", w.policy, "-n", 4, stdin=lines("/guard off", "hello"))
    r.fails(2, "--guard off")


@check
def regenerated_answer_differs_and_is_reproducible(w):
    args = ["--temp", "1.5", "--seed", 3]
    a = chat(w, "hello", "/regen", "/regen", "/save %s" % (w.dir / "regen.json"), args=args).ok().lines
    assert len({x["text"] for x in a}) == 3 and len({x["seed"] for x in a}) == 3
    assert a[0]["prompt_ids"] == a[1]["prompt_ids"] == a[2]["prompt_ids"]
    assert [x["text"] for x in chat(w, "hello", "/regen", "/regen", args=args).ok().lines] == [x["text"] for x in a]
    saved = json.loads((w.dir / "regen.json").read_text())["messages"]
    assert [m["content"] for m in saved] == ["hello", a[2]["text"]]


@check
def reset_begins_anew(w):
    a = chat(w, "hello", "/reset", "hello").ok().lines
    assert a[0]["text"] == a[1]["text"] and a[0]["prompt_ids"] == a[1]["prompt_ids"] and a[1]["turn"] == 1


@check
def save_refuses_to_replace_and_is_whole(w):
    f = w.dir / "save.json"
    chat(w, "hello", "/save %s" % f).ok()
    before = f.read_text()
    assert json.loads(before)["format"] == "surefoot conversation 1"
    assert f.stat().st_mode & 0o777 == 0o600
    chat(w, "other", "/save %s" % f).fails(1, "exists", "--force")
    assert f.read_text() == before
    chat(w, "other", "/save --force %s" % f).ok()
    assert json.loads(f.read_text())["messages"][0]["content"] == "other"
    link = w.dir / "link.json"
    link.symlink_to(f)
    chat(w, "third", "/save --force %s" % link).fails(1, "regular")
    chat(w, "x", "/save %s" % (w.dir / "no" / "such.json")).fails(1, "could not write")
    assert not list(w.dir.glob("*.tmp-*"))


@check
def hostile_files_are_refused_in_one_line(w):
    good = json.dumps({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})
    bad = {"empty": b"", "binary": bytes(range(256)), "half": good[:-9].encode(), "number": b"7", "nothing": b"{}",
           "text": b'{"messages":"x"}', "role": b'{"messages":[{"role":"tool","content":"x"}]}',
           "content": b'{"messages":[{"role":"user","content":7}]}', "late": b'{"messages":[{"role":"user","content":"a"},{"role":"system","content":"x"}]}',
           "nul": b'{"messages":[{"role":"user","content":"a\\u0000b"}]}', "utf8": b'{"messages":[{"role":"user","content":"\xff"}]}',
           "deep": b"[" * 100000, "twice": b'{"messages":[],"messages":[]}', "many": json.dumps({"messages": [{"role": "user", "content": ""}] * 10001}).encode(),
           "escape": b'{"messages":[{"role":"\x1b[2J","content":"x"}]}'}
    for name, data in bad.items():
        f = w.dir / ("bad_%s.json" % name)
        f.write_bytes(data)
        r = chat(w, "/load %s" % f)
        r.fails(3, f.name)
        for c in "\x1b\x07" + BIDI:
            assert c not in r.err, (name, r.err)
    for n in range(0, len(good), 7):
        f = w.dir / "cut.json"
        f.write_text(good[:n])
        chat(w, "/load %s" % f).fails(3, "cut.json")
    chat(w, "/load %s" % w.dir).fails(1, "directory")
    chat(w, "/load /dev/zero").fails(3, "/dev/zero")


@check
def guard_counts_anew_for_each_answer_or_goes_on(w):
    """A loaded conversation is counted by an audit: what its file says of z is not asked."""
    d = w.dir
    (d / "conv.ini").write_text("[guard]\nbudget = 2\nblock = 8\ncandidates = 4\nscope = conversation\n[cost]\nkind = lexicon\nfile = bad.lexicon\n")
    said = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "a sad one"}], "guard": {"z": 99}}
    (d / "sad.json").write_text(json.dumps(said))

    def spent(policy, *before):
        r = w.run("chat", "-m", w.chatml, "--guard", policy, "--temp", 0, "-n", 6, "--json", stdin=lines(*before, "hello"))
        return r.ok().lines[-1]["guard"]

    load = "/load %s" % (d / "sad.json")
    assert spent(w.policy, load)["spent"] == 0
    assert spent(d / "conv.ini", load)["spent"] == 1 and spent(d / "conv.ini")["spent"] == 0
    assert spent(d / "conv.ini", load, "/reset")["spent"] == 0
    said["messages"][1]["content"] = "a sad sad sad one"
    (d / "sad.json").write_text(json.dumps(said))
    over = w.run("chat", "-m", w.chatml, "--guard", d / "conv.ini", "--temp", 0, "-n", 6, "--json", stdin=lines(load, "hello"))
    a = over.ok().lines[-1]
    assert a["finish"] == "cut" and a["ids"] == [] and a["text"] == "" and a["guard"]["spent"] > 2, a


@check
def what_is_missing_is_said_before_loading(w):
    w.run("chat", "-m", w.plain, "--guard", "off", stdin=b"x\n").fails(2, "no chat template", "--chat-template")
    w.run("chat", "-m", w.strange, "--guard", "off", stdin=b"x\n").fails(5, "--chat-template")
    assert "policy general" in w.run("chat", "-m", w.chatml, "-n", 4, stdin=b"x\n").ok().err
    w.run("chat", "-m", w.plain, "--guard", "off", "--chat-template", "llama2", "-n", 2, stdin=b"x\n").ok()
    chat(w, "a\0b").fails(2, "NUL")


# ------------------------------------------------------------------------------------- terminal


def open_chat(w, *args, env=None, model=None):
    t = Terminal(w, "chat", "-m", model or w.chatml, "--guard", "off", "--temp", 0, *EOG, *args, env=env)
    return t.until("/help").until("> ")


@check
def terminal_dialogue(w):
    t = open_chat(w, "-n", 8)
    t.send("hello\r")
    t.until("generated 8 tok").until("> ")
    t.send("one\\\r")
    t.until(". ")
    t.send("two\r")
    t.until("reused").until("generated 8 tok").until("> ")
    t.send("/stats\r")
    t.until("4 messages").until("evaluated").until("> ")
    t.send("/nothing\r")  # a mistake is told, the chat goes on
    t.until("no command").until("> ")
    t.send("\x04")
    assert t.ends() == 0


@check
def ctrl_c_stops_the_answer_and_not_the_chat(w):
    f = w.dir / "stopped.json"
    t = open_chat(w, "-n", 100000, "-c", 100000)
    t.send("hello\r")
    t.until("hello").until("\n")
    while len(t.seen) - t.at < 20:  # some of the answer has come
        t.seen += os.read(t.fd, 65536)
    t.send("\x03")
    t.until("stopped; what was shown stays").until("> ")
    t.send("/save %s\r" % f)
    t.until("2 messages saved").until("> ")
    t.send("abc\x03")  # at the prompt: what was typed is gone
    t.until("/quit leaves").until("> ")
    t.send("/quit\r")
    assert t.ends() == 0
    saved = json.loads(f.read_text())["messages"]
    whole = w.run("chat", "-m", w.chatml, "--guard", "off", "--temp", 0, "-n", 3000, "-c", 8192, "--json", *EOG,
                  stdin=b"hello\n").ok().lines[0]["text"]
    assert len(saved[1]["content"]) > 0
    n = min(len(whole), len(saved[1]["content"]))
    assert saved[1]["content"][:n] == whole[:n]


@check
def history_file_is_private_and_can_be_left_out(w):
    state = w.dir / "xdg"
    t = open_chat(w, "-n", 2, env={"XDG_STATE_HOME": str(state)})
    t.send("remember me\r")
    t.until("generated").until("> ")
    t.send(" not this\r")
    t.until("generated").until("> ")
    t.send("\x04")
    assert t.ends() == 0
    f = state / "surefoot" / "history"
    assert f.stat().st_mode & 0o777 == 0o600 and f.parent.stat().st_mode & 0o777 == 0o700
    assert "remember" in f.read_text() and "not" not in f.read_text()
    t = open_chat(w, "-n", 2, env={"XDG_STATE_HOME": str(state)})
    t.send("\x10")  # Ctrl-P: the line before
    t.until("remember me")
    t.send("\x15\x04")
    t.ends()
    t = open_chat(w, "-n", 2, "--no-history", env={"XDG_STATE_HOME": str(w.dir / "none")})
    t.send("x\r")
    t.until("generated").until("> ")
    t.send("\x04")
    assert t.ends() == 0 and not (w.dir / "none").exists()


@check
def terminal_is_not_steered_by_the_answer(w):
    f = w.dir / "steer.json"
    force = ["-l", "%d+1e6" % w.hostile_id, "-n", 3, "--chat-template", "llama2"]
    t = open_chat(w, *force, model=w.hostile)
    t.send("hello\r")
    t.until("generated 3 tok")
    shown = t.seen[t.seen.index(b"hello"):].decode(errors="replace")
    shown = shown[:shown.index("generated 3 tok")]
    assert "xy" in shown.replace("[2J", ""), repr(shown)
    for c in "\x1b\x07\u009b" + BIDI:
        assert c not in shown, repr(c)
    t.until("> ")
    t.send("/save %s\r" % f)
    t.until("saved").until("> ")
    t.send("\x04")
    assert t.ends() == 0
    assert json.loads(f.read_text())["messages"][1]["content"].count(HOSTILE) == 3


if __name__ == "__main__":
    sys.exit(main())
