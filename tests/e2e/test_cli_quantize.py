#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""test_cli_quantize.py: `quantize`: types and recipes, what stays as it is, errors that are told,
refusals, the same bytes for any number of threads. See cli_harness.py."""
import math
import os
import pathlib
import pty
import select
import signal
import struct
import sys

import cli_tiny
from cli_harness import HOSTILE, check, main

TYPES = {0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
         7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144),
         13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 20: ("IQ4_NL", 32, 18), 30: ("BF16", 1, 2)}
FILE_TYPES = {"f32": 0, "f16": 1, "bf16": 32, "q8_0": 7, "q4_0": 2, "q4_1": 3, "q5_0": 8, "q5_1": 9, "iq4_nl": 25, "q2_k": 10,
              "q3_k": 11, "q4_k": 14, "q5_k": 16, "q6_k": 18, "q3_k_s": 11, "q3_k_m": 12, "q3_k_l": 13, "q4_k_s": 14,
              "q4_k_m": 15, "q5_k_s": 16, "q5_k_m": 17}


def read(path):
    """(keys, tensors): a reader of its own, in few lines. tensors: name -> (type name, dims, bytes)"""
    data = pathlib.Path(path).read_bytes()
    at = 24
    n_tensor, n_kv = struct.unpack_from("<QQ", data, 8)
    number = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}

    def text():
        nonlocal at
        n = struct.unpack_from("<Q", data, at)[0]
        at += 8 + n
        return data[at - n:at]

    def value(kind):
        nonlocal at
        if kind == 8:
            return text()
        if kind == 9:
            of, n = struct.unpack_from("<IQ", data, at)
            at += 12
            return [value(of) for _ in range(n)]
        v = struct.unpack_from(number[kind], data, at)[0]
        at += struct.calcsize(number[kind])
        return v

    keys, table = {}, []
    for _ in range(n_kv):
        k = text().decode()
        kind = struct.unpack_from("<I", data, at)[0]
        at += 4
        keys[k] = value(kind)
    for _ in range(n_tensor):
        name = text().decode()
        n = struct.unpack_from("<I", data, at)[0]
        dims = struct.unpack_from("<%dQ" % n, data, at + 4)
        kind, offset = struct.unpack_from("<IQ", data, at + 4 + 8 * n)
        at += 16 + 8 * n
        table.append((name, kind, dims, offset))
    start = -(-at // 32) * 32
    out = {}
    for name, kind, dims, offset in table:
        type_name, block, size = TYPES[kind]
        total = math.prod(dims) // block * size
        out[name] = (type_name, dims, data[start + offset:start + offset + total])
        assert len(out[name][2]) == total
    return keys, out


def wide(w, layers=8, **kw):
    path = w.dir / ("wide%d.gguf" % layers)
    if not path.exists():
        cli_tiny.model(path, dim=256, ff=256, layers=layers, **kw)
    return path


def quantize(w, source, kind, *args, name="q"):
    out = w.dir / ("%s-%s.gguf" % (name, kind))
    return out, w.run("quantize", source, out, kind, "--force", *args)


@check
def every_type_keeps_keys_and_runs(w):
    source = wide(w, 1)
    keys, before = read(source)
    for kind, file_type in FILE_TYPES.items():
        out, r = quantize(w, source, kind)
        r.ok()
        k, after = read(out)
        assert k.pop("general.file_type") == file_type and k.pop("general.quantization_version") == 2
        assert k == keys, kind
        assert list(after) == list(before)
        for name, (t, dims, data) in after.items():
            assert dims == before[name][1]
            if len(dims) == 1:
                assert after[name] == before[name], name
            elif kind[-2:] not in ("_s", "_m", "_l"):
                assert t == kind.upper(), (kind, name, t)
        if kind == "f32":
            assert after == before
        w.run("run", "-m", out, "--guard", "off", "--raw", "-p", "the a", "-n", 2).ok()


@check
def told_error_is_the_error(w):
    """Q8_0 decoded here, by its description: rmse and largest error as --json tells them."""
    source = wide(w, 1)
    _, before = read(source)
    out, r = quantize(w, source, "q8_0", "--json")
    _, after = read(out)
    assert len(r.ok().lines) == sum(len(t[1]) > 1 for t in before.values())
    for line in r.lines:
        t, dims, data = after[line["tensor"]]
        n = math.prod(dims)
        x = struct.unpack("<%df" % n, before[line["tensor"]][2])
        y = []
        for i in range(n // 32):
            d = struct.unpack_from("<e", data, 34 * i)[0]
            y += [d * q for q in struct.unpack_from("<32b", data, 34 * i + 2)]
        square, largest = 0.0, 0.0
        for a, b in zip(x, y):
            b = struct.unpack("<f", struct.pack("<f", b))[0]
            square += (a - b)**2
            largest = max(largest, abs(a - b))
        assert line["n"] == n and line["from"] == "F32" and line["to"] == "Q8_0"
        assert math.isclose(line["rmse"], math.sqrt(square / n), rel_tol=1e-6), line
        assert math.isclose(line["max"], largest, rel_tol=1e-6), line


@check
def mixed_recipes_give_more_bits_where_it_counts(w):
    source = wide(w)

    def types(kind):
        out, r = quantize(w, source, kind, "-q")
        assert r.ok().out == b""
        return {name: t[0] for name, t in read(out)[1].items()}

    for kind, most, more, layers in (("q4_k_m", "Q4_K", "Q6_K", {0, 1, 6, 7}), ("q5_k_m", "Q5_K", "Q6_K", {0, 1, 6, 7}),
                                     ("q4_k_s", "Q4_K", "Q5_K", {0}), ("q5_k_s", "Q5_K", "Q5_K", set())):
        t = types(kind)
        assert t["token_embd.weight"] == "Q6_K"  # it is the output too
        for i in range(8):
            for part in ("attn_v", "ffn_down"):
                assert t["blk.%d.%s.weight" % (i, part)] == (more if i in layers else most), (kind, i, part)
            for part in ("attn_q", "attn_k", "ffn_up", "ffn_gate", "attn_output"):
                assert t["blk.%d.%s.weight" % (i, part)] == most
            assert t["blk.%d.attn_norm.weight" % i] == "F32"
    t = types("q3_k_m")
    assert t["blk.0.ffn_down.weight"] == "Q5_K" and t["blk.5.ffn_down.weight"] == t["blk.5.attn_output.weight"] == "Q4_K"
    assert types("q3_k_l")["blk.5.attn_v.weight"] == "Q5_K" and types("q3_k_s")["blk.5.attn_v.weight"] == "Q3_K"


@check
def short_rows_get_shorter_blocks(w):
    for kind, instead in (("q2_k", "IQ4_NL"), ("q3_k", "IQ4_NL"), ("q4_k", "Q5_0"), ("q5_k", "Q5_1"), ("q6_k", "Q8_0")):
        out, r = quantize(w, w.plain, kind)
        assert "shorter blocks" in r.ok().err
        assert read(out)[1]["blk.0.attn_q.weight"][0] == instead


@check
def bytes_do_not_depend_on_threads(w):
    source = wide(w, 1)
    for kind in ("q4_k_m", "q5_1"):
        files = [quantize(w, source, kind, "-t", n, name="t%d" % n)[0].read_bytes() for n in (1, 2, 5)]
        assert files[0] == files[1] == files[2], kind


@check
def quantized_files_again_with_a_note(w):
    half, _ = quantize(w, wide(w, 1), "q4_0")
    out, r = quantize(w, half, "f16", name="again")
    assert "quantized already" in r.ok().err and read(out)[1]["blk.0.ffn_up.weight"][0] == "F16"
    same, r = quantize(w, half, "q4_0", name="same")
    assert "already" not in r.ok().err and read(same)[1] == read(half)[1]


@check
def refusals_leave_nothing_behind(w):
    source = wide(w, 1)
    out = w.dir / "there.gguf"
    out.write_bytes(b"mine")
    w.run("quantize", source, out, "q8_0").fails(1, "there.gguf", "--force")
    assert out.read_bytes() == b"mine"
    w.run("quantize", source, source, "q8_0", "--force").fails(2, "same file")
    w.run("quantize", source, out).fails(2, "IN OUT TYPE")
    w.run("quantize", source, out, "q7_9").fails(2, "q7_9", "q4_k_m")
    w.run("quantize", source, out, HOSTILE).fails(2, "is no type")
    w.run("quantize", "/no/such.gguf", out, "q8_0").fails(1, "/no/such.gguf")
    w.run("quantize", source, w.dir / "no" / "such.gguf", "q8_0").fails(1, "such.gguf")
    w.run("quantize", source, "/dev/full", "q8_0", "--force").fails(1, "/dev/full")
    whole = source.read_bytes()
    for cut in (3, 100, 5000, len(whole) - 1):
        bad = w.dir / "cut.gguf"
        bad.write_bytes(whole[:cut])
        w.run("quantize", bad, out, "q8_0", "--force").fails(3, "cut.gguf")
    assert out.read_bytes() == b"mine" and not list(w.dir.glob("*.tmp-*"))


@check
def numbers_that_are_none_are_refused_by_name(w):
    for name, bad in (("nan", math.nan), ("inf", -math.inf)):
        f = cli_tiny.gguf(w.dir / (name + ".gguf"), {"general.architecture": "llama"},
                          [("a.weight", (32, 2), [1.0] * 64), ("b.weight", (32, 2), [1.0] * 40 + [bad] + [1.0] * 23)])
        for kind in ("q8_0", "q4_k", "f16"):
            out = w.dir / "never.gguf"
            w.run("quantize", f, out, kind, "-q").fails(3, "b.weight", "not finite")
            assert not out.exists()


@check
def progress_bar_on_a_terminal_after_two_seconds(w):
    """The work is stopped, between two tensors, for longer than that: then the bar must come, and go."""
    f = cli_tiny.gguf(w.dir / "slow.gguf", {"general.architecture": "llama"},
                      [("t%d.weight" % i, (256, 400), [float(k % 17 - 8) for k in range(256 * 400)]) for i in range(24)])
    pid, fd = pty.fork()
    if pid == 0:
        args = ["quantize", f, str(w.dir / "slow-out.gguf"), "q2_k", "-t", "1"]
        os.execvpe(w.bin[0], w.bin + args, {**os.environ, "TERM": "xterm", "NO_COLOR": "1"})
    shown = b""
    while b"t0.weight" not in shown:
        shown += os.read(fd, 4096)
    os.kill(pid, signal.SIGSTOP)
    assert b"quantize [" not in shown
    select.select([], [], [], 2.2)
    os.kill(pid, signal.SIGCONT)
    try:
        while True:
            part = os.read(fd, 4096)
            if not part:
                break
            shown += part
    except OSError:
        pass
    os.close(fd)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert b"quantize [#" in shown and b"s left" in shown, shown[-2000:]
    assert shown.rindex(b"\x1b[K") > shown.rindex(b"s left"), "the bar stays"
    piped = w.run("quantize", f, w.dir / "slow-out.gguf", "q8_0", "--force")
    assert "[" not in piped.ok().err


if __name__ == "__main__":
    sys.exit(main())
