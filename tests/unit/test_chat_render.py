#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""test_chat_render.py SUREFOOT SHARED: published chat templates, over conversations, through `render`.
Every text there comes out equal, every error of a template's own is an error here; renderings that
failed for limits of the program that made them (no tools were passed to it) may be either. One line
out per line in, also for lines that are no conversation."""
import json
import pathlib
import subprocess
import sys

OWN = ("roles must alternate", "System role not supported")  # the templates' own refusals
# str.lstrip('\n') takes newlines alone in Python, so in Jinja too; the program that made the file
# takes all white space. Jinja 3.1 gives what stands at the right here.
PYTHON = {("HuggingFaceTB-SmolLM3-3B", 6): ("assistant\npadded reply", "assistant\n  padded reply"),
          ("Qwen-QwQ-32B", 6): ("assistant\npadded reply", "assistant\n  padded reply")}


def render(program, lines):
    out = subprocess.run([program, "render"], input="".join(x + "\n" for x in lines).encode(),
                         capture_output=True)
    assert out.returncode == 0, out.stderr
    rows = [json.loads(x) for x in out.stdout.decode().split("\n")[:-1]]
    assert len(rows) == len(lines), (len(rows), len(lines))
    for r in rows:
        assert len(r) == 1 and isinstance(r.get("text", r.get("error")), str), r
    return rows


def published(program, folder):
    rows = [json.loads(x) for x in (folder / "rendered.jsonl").read_text(encoding="utf-8").splitlines()]
    asked = []
    for r in rows:
        q = {k: v for k, v in r.items() if k not in ("text", "error", "conversation")}
        q["template"] = str(folder / "templates" / (r["template"] + ".jinja"))
        q["now"] = "2026-01-02"
        asked.append(json.dumps(q))
    wrong = equal = refused = 0
    for r, got in zip(rows, render(program, asked)):
        key = (r["template"], r["conversation"])
        if "text" in r:
            want = r["text"].replace(*PYTHON.get(key, ("", "")))
            equal += got.get("text") == want
            if got.get("text") != want:
                wrong += 1
                print(key, "\nwant", repr(want), "\ngot ", got)
        elif any(x in r["error"] for x in OWN):
            refused += "error" in got
            if "error" not in got:
                wrong += 1
                print(key, "\nwant an error:", r["error"], "\ngot ", got)
    peer = json.loads((folder / "peer-expected.json").read_text(encoding="utf-8"))
    print("%d equal, %d refused as they should, %d wrong; peer's conversation: %d of %d equal"
          % (equal, refused, wrong, peers(program, folder, peer), len(peer["cases"])))
    return wrong or equal < 700


def peers(program, folder, peer):
    asked = [json.dumps(dict(messages=peer["messages"], add_generation_prompt=True, bos_token=c["bos_token"],
                             eos_token=c["eos_token"], now="2026-01-02",
                             template=str(folder / "templates" / (c["template"] + ".jinja"))))
             for c in peer["cases"]]
    return sum(g.get("text") == c["expected"] for c, g in zip(peer["cases"], render(program, asked)))


def lines(program):
    m = '"messages":[{"role":"user","content":"Hi"}],"add_generation_prompt":true'
    rows = render(program, ["{" + m + ',"template":"chatml"}', "", "[]", "{", '{"messages":[]}', "{" + m + "}",
                            "{" + m + ',"template":"klingon"}', "{" + m + ',"template":"/no/such/file.jinja"}',
                            "{" + m + ',"template":"chatml","now":"2026-13-01"}', '{"template":"chatml","messages":3}',
                            "{" + m + ',"template":"/"}',
                            '{"template":"chatml","messages":' + "[" * 1000 + "]" * 1000 + "}",
                            "{" + m + ',"template":"chatml","add_generation_prompt":false}'])
    assert rows[0] == {"text": "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"}, rows[0]
    assert rows[-1] == {"text": "<|im_start|>user\nHi<|im_end|>\n"}, rows[-1]
    for r in rows[1:-1]:
        assert "error" in r, r


def main(program, shared):
    lines(program)
    folder = pathlib.Path(shared) / "chat-templates"
    if not (folder / "rendered.jsonl").is_file():
        print("no published templates at", folder)
        return 77
    return published(program, folder)


sys.exit(main(*sys.argv[1:]))
