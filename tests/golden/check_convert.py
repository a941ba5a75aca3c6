#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""check_convert.py SUREFOOT - Hugging Face folders of every family, written here, become GGUF files whose
tensors and keys are those that an independent writer (numpy, from the formats' descriptions) gives; they
run; score and guard heads come along; bad folders are refused in one line and leave nothing behind."""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tools"))
import gguf_format as gf  # noqa: E402
import make_shapes as ms  # noqa: E402

LLAMA3 = {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 8192}
VOCAB = 300


def model(family, **k):
    return dict(dict(family=family, dim=64, ffn=96, layers=2, heads=4, kv=2, hd=16, vocab=VOCAB, ctx=128, base=10000.0,
                     eps=1e-6, tied=False), **k)


MODELS = {  # name: (architecture, make_shapes' description, more of config.json)
    "llama": ("LlamaForCausalLM", model("llama", tied=True), {}),
    "llama3": ("LlamaForCausalLM", model("llama", base=500000.0, factors=True), {"rope_scaling": LLAMA3}),
    "mistral": ("MistralForCausalLM", model("llama", window=32, hd=32), {"sliding_window": 32}),
    "mixtral": ("MixtralForCausalLM", model("llama", experts=(4, 2)), {"num_local_experts": 4, "num_experts_per_tok": 2}),
    "qwen2": ("Qwen2ForCausalLM", model("qwen2"), {"sliding_window": 32, "use_sliding_window": False}),
    "qwen3": ("Qwen3ForCausalLM", model("qwen3", hd=32), {}),
    "qwen3moe": ("Qwen3MoeForCausalLM", model("qwen3moe", experts=(8, 3)),
                 {"num_experts": 8, "num_experts_per_tok": 3, "moe_intermediate_size": 96, "norm_topk_prob": True}),
    "olmoe": ("OlmoeForCausalLM", model("olmoe", experts=(8, 3)),
              {"num_experts": 8, "num_experts_per_tok": 3, "norm_topk_prob": False}),
    "gemma": ("GemmaForCausalLM", model("gemma", tied=True), {}),
    "gemma2": ("Gemma2ForCausalLM", model("gemma2", tied=True, window=32),
               {"sliding_window": 32, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0,
                "query_pre_attn_scalar": 16}),
    "gemma3": ("Gemma3ForCausalLM", model("gemma3", tied=True, window=32, layers=7, base=1e6),
               {"sliding_window": 32, "sliding_window_pattern": 6, "query_pre_attn_scalar": 16, "rope_local_base_freq": 10000,
                "rope_scaling": {"rope_type": "linear", "factor": 8.0}}),
    "phi3": ("Phi3ForCausalLM", model("phi3", rot=12),
             {"partial_rotary_factor": 0.75, "original_max_position_embeddings": 64, "max_position_embeddings": 128,
              "rope_scaling": {"type": "longrope", "long_factor": [2.0] * 6, "short_factor": [1.5] * 6}}),
    "granite": ("GraniteForCausalLM", model("granite", tied=True),
                {"embedding_multiplier": 12.0, "residual_multiplier": 0.22, "attention_multiplier": 0.0625,
                 "logits_scaling": 8.0}),
    "smollm3": ("SmolLM3ForCausalLM", model("smollm3", tied=True, layers=4), {}),
    "olmo2": ("Olmo2ForCausalLM", model("olmo2"), {}),
}
ADJACENT = ("llama", "granite", "smollm3")


# ---------------------------------------------------------------- the folder
def hf_name(m, architecture, name):
    """Name in the folder of a GGUF tensor; experts: a format."""
    fixed = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight",
             "output.weight": "lm_head.weight"}
    if name in fixed:
        return fixed[name]
    _, layer, part, kind = name.split(".")
    four = m["family"] in ("gemma2", "gemma3")
    mixtral = architecture.startswith("Mixtral")
    moe = "block_sparse_moe" if mixtral else "mlp"
    names = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
             "attn_v": "self_attn.v_proj", "attn_qkv": "self_attn.qkv_proj", "attn_output": "self_attn.o_proj",
             "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
             "post_attention_norm": "post_attention_layernorm", "post_ffw_norm": "post_feedforward_layernorm",
             "ffn_norm": "pre_feedforward_layernorm" if four else "post_attention_layernorm",
             "ffn_gate": "mlp.gate_proj", "ffn_down": "mlp.down_proj",
             "ffn_up": "mlp.gate_up_proj" if m["family"] == "phi3" else "mlp.up_proj", "ffn_gate_inp": moe + ".gate",
             "ffn_gate_exps": moe + ".experts.%d." + ("w1" if mixtral else "gate_proj"),
             "ffn_up_exps": moe + ".experts.%d." + ("w3" if mixtral else "up_proj"),
             "ffn_down_exps": moe + ".experts.%d." + ("w2" if mixtral else "down_proj")}
    return "model.layers.%s.%s.%s" % (layer, names[part], kind)


def encode(x, dtype):
    x = x.astype(np.float32)
    if dtype == "F32":
        return x.tobytes(), x
    if dtype == "F16":
        return x.astype(np.float16).tobytes(), x.astype(np.float16).astype(np.float32)
    u = x.view(np.uint32)
    b = ((u + 0x7FFF + ((u >> 16) & 1)) >> 16).astype(np.uint16)
    return b.tobytes(), (b.astype(np.uint32) << 16).view(np.float32)


def save(path, tensors):
    """tensors: name -> (dtype, shape, bytes)."""
    head, body = {"__metadata__": {"format": "pt"}}, b""
    for name, (dtype, shape, raw) in tensors.items():
        head[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def halves(x, heads):
    """Adjacent pairs back to halves of each head: what the folder has."""
    y = x.reshape(heads, -1, 2, *x.shape[1:])
    return y.swapaxes(1, 2).reshape(x.shape)


def make_folder(folder, name, shards=1, dtype="BF16", extra=()):
    """Writes the folder; returns what the GGUF's tensors must hold, as float32."""
    architecture, m, more = MODELS[name]
    folder.mkdir(exist_ok=True)
    want, tensors = {}, {}
    for i, (tensor, shape, std, mean) in enumerate(ms.tensors(m)):
        if callable(std):
            want[tensor] = std().astype(np.float32)
            if m.get("factors"):
                want[tensor] = ms.llama3_factors(m["hd"], m["base"]).astype(np.float32)
            continue
        x = (gf.bell(1000 + i, int(np.prod(shape))) * std + mean).reshape(shape)
        source = x
        if m["family"].startswith("gemma") and tensor.endswith("norm.weight"):
            source = x - 1
        if m["family"] in ADJACENT and tensor.split(".")[-2] in ("attn_q", "attn_k"):
            source = halves(x, m["heads"] if "attn_q" in tensor else m["kv"])
        raw, exact = encode(source, dtype)
        exact = exact.reshape(shape)
        if m["family"].startswith("gemma") and tensor.endswith("norm.weight"):
            exact = exact + np.float32(1)
        if m["family"] in ADJACENT and tensor.split(".")[-2] in ("attn_q", "attn_k"):
            heads = m["heads"] if "attn_q" in tensor else m["kv"]
            exact = exact.reshape(heads, 2, -1, *shape[1:]).swapaxes(1, 2).reshape(shape)
        want[tensor] = exact
        target = hf_name(m, architecture, tensor)
        if len(shape) == 3:
            size = len(raw) // shape[0]
            for e in range(shape[0]):
                tensors[target % e] = (dtype, shape[1:], raw[e * size:(e + 1) * size])
        else:
            tensors[target] = (dtype, shape, raw)
    for target, shape in extra:
        raw, _ = encode(gf.bell(77, int(np.prod(shape))).reshape(shape), dtype)
        tensors[target] = (dtype, shape, raw)
    if m.get("longrope") is None and name == "phi3":
        want["rope_factors_long.weight"] = np.full(6, 2.0, np.float32)
        want["rope_factors_short.weight"] = np.full(6, 1.5, np.float32)
    if shards == 1:
        save(folder / "model.safetensors", tensors)
    else:
        names, index = list(tensors), {}
        for s in range(shards):
            file = "model-%05d-of-%05d.safetensors" % (s + 1, shards)
            mine = names[s::shards]
            save(folder / file, {n: tensors[n] for n in mine})
            index.update({n: file for n in mine})
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    config = {"architectures": [architecture], "num_hidden_layers": m["layers"], "hidden_size": m["dim"],
              "intermediate_size": m["ffn"], "num_attention_heads": m["heads"], "num_key_value_heads": m["kv"],
              "head_dim": m["hd"], "max_position_embeddings": m["ctx"], "rope_theta": m["base"], "rms_norm_eps": m["eps"],
              "tie_word_embeddings": m["tied"], "vocab_size": m["vocab"], "eos_token_id": [2, 3], "bos_token_id": 1, **more}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text(json.dumps(spm_tokenizer() if m["family"] != "qwen2" else byte_tokenizer()))
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"bos_token": "<s>", "eos_token": {"content": "</s>"}, "unk_token": "<unk>", "chat_template": "{{ messages }}",
         "model_max_length": 10 ** 30}))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, 259]}))
    return want


MERGES = [("h", "e"), ("t", "he"), ("\u2581", "the"), ("\u2581", "a"), ("l", "l")]


def spm_tokenizer(kind="BPE"):
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2}
    vocab.update({"<0x%02X>" % b: 3 + b for b in range(256)})
    for c in "\u2581thealo" + '"':
        vocab[c] = len(vocab)
    for a, b in MERGES:
        vocab[a + b] = len(vocab)
    added = [{"id": i, "content": t, "special": True} for i, t in enumerate(("<unk>", "<s>", "</s>"))]
    added.append({"id": len(vocab), "content": "<tool>\n", "special": False})
    return {"added_tokens": added, "normalizer": {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
        "pre_tokenizer": None, "post_processor": {"type": "TemplateProcessing", "single": [
            {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]},
        "model": {"type": kind, "unk_token": "<unk>", "byte_fallback": True, "vocab": vocab,
                  "merges": [[a, b] for a, b in MERGES]}}


def byte_tokenizer():
    letters, other = [], 256
    for b in range(256):
        plain = 32 < b < 127 or (160 < b and b != 173)
        letters.append(chr(b if plain else other))
        other += not plain
    vocab = {c: i for i, c in enumerate(letters)}
    merges = [("h", "e"), ("t", "he"), ("\u0120", "the")]
    for a, b in merges:
        vocab[a + b] = len(vocab)
    regex = ("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
             "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+")
    return {"added_tokens": [{"id": len(vocab), "content": "<|end|>", "special": True}], "normalizer": {"type": "NFC"},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}]},
            "model": {"type": "BPE", "vocab": vocab, "merges": ["%s %s" % p for p in merges]}}


def proto_model(kind=2):
    """tokenizer.model of spm_tokenizer's vocabulary."""
    def field(no, wire, data):
        return bytes([no << 3 | wire]) + data

    def block(no, data):
        n, size = len(data), b""
        while True:
            size += bytes([n & 127 | (128 if n > 127 else 0)])
            n >>= 7
            if not n:
                break
        return field(no, 2, size + data)
    t, out = spm_tokenizer(), b""
    order = {a + b: -float(i) for i, (a, b) in enumerate(MERGES)}
    for piece, i in t["model"]["vocab"].items():
        kind_of = 2 if i == 0 else 3 if i < 3 else 6 if piece.startswith("<0x") else 1
        out += block(1, block(1, piece.encode()) + field(2, 5, struct.pack("<f", order.get(piece, -1000.0 - i)))
                     + field(3, 0, bytes([kind_of])))
    return out + block(2, field(3, 0, bytes([kind]))) + block(3, field(3, 0, b"\1"))


# ---------------------------------------------------------------- checks
class Checks:
    def __init__(self, binary, tmp):
        self.binary, self.tmp, self.bad = binary, tmp, 0

    def run(self, *args):
        p = subprocess.run([self.binary, *map(str, args)], capture_output=True, check=False)
        return p.returncode, p.stdout.decode("utf-8", "replace"), p.stderr.decode("utf-8", "replace")

    def expect(self, what, ok, seen=""):
        if not ok:
            self.bad += 1
            print("FAILED: %s: %s" % (what, seen))

    def convert(self, folder, *args):
        out = self.tmp / "out.gguf"
        out.unlink(missing_ok=True)
        return self.run("convert", folder, out, *args), out

    def compare(self, name, out, want, kind):
        f = gf.Reader(out)
        self.expect(name + " tensors", set(f.tensor) == set(want), set(f.tensor) ^ set(want))
        for tensor in set(f.tensor) & set(want):
            x = want[tensor]
            shape, t, _ = f.tensor[tensor]
            self.expect("%s %s shape" % (name, tensor), tuple(shape) == x.shape, (shape, x.shape))
            flat = len(x.shape) == 1 or ".ffn_gate_inp." in tensor
            expected = "F32" if flat else kind if kind != "Q8_0" or x.shape[-1] % 32 == 0 else "F16"
            self.expect("%s %s type" % (name, tensor), t == expected, t)
            got = f.rows(tensor).reshape(x.shape)
            if t == "Q8_0":
                b = x.reshape(-1, 32).astype(np.float32)
                d = np.abs(b).max(axis=1, keepdims=True) / np.float32(127)
                step = d.astype(np.float16).astype(np.float64)
                ok = np.abs(got.reshape(-1, 32) - b).max() <= (0.51 * step + np.abs(d - step) * 127).max()
            else:
                ok = np.array_equal(got, encode(x, t)[1].reshape(x.shape))
            self.expect("%s %s values" % (name, tensor), ok)
        return f

    def refused(self, what, folder, *parts, code=(1, 3, 5)):
        (rc, out, err), path = self.convert(folder)
        self.expect(what, rc in code and err.count("\n") <= 2 and all(p in err for p in parts) and not path.exists()
                    and not list(self.tmp.glob("out.gguf*")), "exit %d: %s%s" % (rc, out, err))


def families(c):
    for i, name in enumerate(MODELS):
        folder = c.tmp / name
        want = make_folder(folder, name, shards=1 + i % 3, dtype=("BF16", "F16", "F32")[i % 3])
        for kind in ("F32", "BF16", "F16", "Q8_0") if i < 4 else ("F16",):
            (rc, _, err), out = c.convert(folder, "--type", kind.lower())
            c.expect("%s %s" % (name, kind), rc == 0, err)
            if rc == 0:
                f = c.compare("%s %s" % (name, kind), out, want, kind)
        if rc:
            continue
        rc, text, err = c.run("logits", "-m", out, "-p", "the aloha", "-k", "1")
        c.expect(name + " runs", rc == 0 and text.count("\n") > 3, err)
        kv, m = f.kv, MODELS[name][1]
        if name == "gemma2":
            c.expect("gemma2 keys", abs(kv["gemma2.attention.scale"] - 0.25) < 1e-6
                     and kv["gemma2.attn_logit_softcapping"] == 50 and kv["gemma2.attention.sliding_window"] == 32, kv.keys())
        if name == "granite":
            c.expect("granite keys", kv["granite.logit_scale"] == 8 and kv["granite.attention.scale"] == 0.0625)
        if name == "phi3":
            c.expect("phi3 keys", kv["phi3.rope.dimension_count"] == 12
                     and abs(kv["phi3.rope.scaling.attn_factor"] - np.sqrt(1 + np.log(2) / np.log(64))) < 1e-6)
        if name == "qwen2":
            c.expect("qwen2 keys", kv["tokenizer.ggml.pre"] == b"qwen2" and "qwen2.attention.sliding_window" not in kv)
            rc, text, err = c.run("tokenize", "-m", out, "--ids", "-p", "the the 1")
            c.expect("byte-level ids", rc == 0 and json.loads(text) == [257, 258, 32, ord("1")], text)
        else:
            c.expect(name + " BOS", kv["tokenizer.ggml.add_bos_token"] and kv["tokenizer.ggml.bos_token_id"] == 1
                     and kv["tokenizer.ggml.eos_token_id"] == 2 and kv["tokenizer.ggml.eot_token_id"] == 259)
            rc, text, err = c.run("tokenize", "-m", out, "--ids", "-p", "the all\u00e9<tool>\n")
            vocab = spm_tokenizer()["model"]["vocab"]
            ids = [1, vocab["\u2581the"], vocab["\u2581a"], vocab["ll"], 3 + 0xC3, 3 + 0xA9, len(vocab)]
            c.expect(name + " ids", rc == 0 and json.loads(text) == ids, (text, ids, err))
        c.expect(name + " vocabulary", len(kv["tokenizer.ggml.tokens"]) == m["vocab"])


def others(c):
    folder = c.tmp / "model"
    want = make_folder(folder, "llama", dtype="F16")
    (rc, _, err), out = c.convert(folder)
    first = out.read_bytes()
    rc, _, err = c.run("convert", folder, out)
    c.expect("an output that is there", rc == 1 and "--force" in err and out.read_bytes() == first, err)
    rc, _, err = c.run("convert", "--force", folder, out)
    c.expect("--force", rc == 0 and out.read_bytes() == first, err)
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.model").write_bytes(proto_model())
    (rc, _, err), out = c.convert(folder)
    c.expect("tokenizer.model", rc == 0, err)
    rc, text, err = c.run("tokenize", "-m", out, "--ids", "-p", "the all")
    vocab = spm_tokenizer()["model"]["vocab"]
    c.expect("tokenizer.model ids", rc == 0 and json.loads(text) == [1, vocab["\u2581the"], vocab["\u2581a"], vocab["ll"]], text)
    (folder / "tokenizer.model").write_bytes(proto_model(1))
    c.refused("unigram", folder, "unigram", code=(5,))
    whole = proto_model()
    for cut in range(1, len(whole), 97):
        (folder / "tokenizer.model").write_bytes(whole[:cut])
        (rc, _, err), out = c.convert(folder)
        c.expect("tokenizer.model cut at %d" % cut, rc in (0, 3, 5) and err.count("\n") <= 2, err)
    (folder / "tokenizer.model").unlink()
    c.refused("no tokenizer", folder, "tokenizer")
    # heads
    config = json.loads((c.tmp / "llama" / "config.json").read_text())
    want = make_folder(folder, "llama", dtype="F32", extra=(("score_head.weight", (1, 64)), ("score_head.bias", (1,)),
                                                          ("normalizer.mean", (1,)), ("normalizer.var", (1,))))
    config.update(architectures=["LlamaModelForScore"], score_type="cost")
    (folder / "config.json").write_text(json.dumps(config))
    (rc, _, err), out = c.convert(folder)
    c.expect("score head", rc == 0, err)
    f = gf.Reader(out)
    c.expect("score head tensors", f.tensor["score.weight"][:2] == ((1, 64), "F32") and "score.mean" in f.tensor
             and f.kv["surefoot.score.type"] == b"cost", f.tensor.keys())
    rc, text, err = c.run("logits", "-m", out, "-p", "the", "-k", "1")
    c.expect("score model runs", rc == 0, err)
    heads = tuple(("%s%s" % (p, n), s) for p in ("", "query_") for n, s in (
        ("risk_level_category_pre.weight", (32, 64)), ("risk_level_category_layernorm.weight", (32,)),
        ("risk_level_head.weight", (3, 32)), ("risk_level_head.bias", (3,)), ("category_head.weight", (9, 32)),
        ("category_head.bias", (9,))))
    make_folder(folder, "qwen3", extra=heads)
    config = json.loads((folder / "config.json").read_text())
    config.update(architectures=["Qwen3ForGuardModel"],
                  response_risk_level_map={"0": "Safe", "1": "Unsafe", "2": "Controversial"})
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors.index.json").unlink(missing_ok=True)
    (rc, _, err), out = c.convert(folder)
    c.expect("guard head", rc == 0, err)
    f = gf.Reader(out)
    c.expect("guard head tensors", f.tensor["guard.risk.weight"][0] == (3, 32) and "guard.query_category.bias" in f.tensor
             and f.kv["surefoot.guard.risk_labels"] == [b"Safe", b"Unsafe", b"Controversial"], f.tensor.keys())


def hostile(c):
    folder = c.tmp / "bad"
    make_folder(folder, "llama")
    file, good = folder / "model.safetensors", (folder / "model.safetensors").read_bytes()
    n = struct.unpack("<Q", good[:8])[0]
    head = json.loads(good[8:8 + n])
    names = [k for k in head if k != "__metadata__"]

    def table(change, *parts, **k):
        h = json.loads(json.dumps(head))
        change(h)
        text = json.dumps(h).encode()
        file.write_bytes(struct.pack("<Q", len(text)) + text + good[8 + n:])
        c.refused("safetensors: " + parts[0], folder, *parts, **k)

    def edit(key, **k):
        return lambda h: h[key].update(**k)
    table(edit(names[0], data_offsets=[0, 1 << 40]), "cut short")
    table(edit(names[0], data_offsets=[8, 4]), "data_offsets")
    table(edit(names[0], data_offsets=[-1, 4]), "data_offsets")
    table(edit(names[1], data_offsets=head[names[0]]["data_offsets"], shape=head[names[0]]["shape"]), "overlap")
    table(edit(names[0], shape=[1 << 62, 1 << 62]), "shape")
    table(edit(names[0], shape=[3, 5]), "has")
    table(edit(names[0], dtype="F8_E4M3"), "F8_E4M3", code=(5,))
    table(edit(names[0], dtype=7), "dtype")
    table(lambda h: h.pop(names[2]), names[2])
    table(lambda h: h.update(extra={"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}), "'extra'", code=(5,))
    for what, raw in (("cut in the data", good[:-100]), ("cut in the header", good[:40]), ("empty", b""),
                      ("a huge header", struct.pack("<Q", 1 << 60) + good[8:]),
                      ("no JSON", struct.pack("<Q", 16) + b"x" * 32),
                      ("a JSON bomb", struct.pack("<Q", 2000000) + b"[" * 2000000),
                      ("a web page", b"<!doctype html>" * 10)):
        file.write_bytes(raw)
        c.refused("safetensors: " + what, folder, "safetensors", code=(3,))
    file.write_bytes(good)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        old = (folder / name).read_bytes()
        for what, raw in (("bomb", b'{"a":' * 500000), ("brackets", b"[" * 1000000), ("cut", old[:len(old) // 2]), ("empty", b""),
                          ("number", b"7")):
            (folder / name).write_bytes(raw)
            c.refused("%s: %s" % (name, what), folder, name, code=(3,))
        (folder / name).write_bytes(old)
    config = json.loads((folder / "config.json").read_text())
    for change, part in (({"hidden_size": 0}, "width 0"), ({"hidden_size": "x"}, "hidden_size"), ({"num_attention_heads": 1e30}, "size"),
                         ({"head_dim": 15}, "15"), ({"architectures": ["NopeForCausalLM"]}, "NopeForCausalLM"),
                         ({"architectures": []}, "architectures"), ({"rope_scaling": {"rope_type": "yarn"}}, "yarn"),
                         ({"num_key_value_heads": 4}, "rows"), ({"num_hidden_layers": 3}, "missing"),
                         ({"num_hidden_layers": 1}, "not part")):
        (folder / "config.json").write_text(json.dumps({**config, **change}))
        c.refused("config.json: %s" % change, folder, part)
    (folder / "config.json").write_text(json.dumps(config))
    t = spm_tokenizer()
    for change, part in (({"vocab": {"a": 1 << 40}}, "id"), ({"vocab": {"a": "b"}}, "vocab"), ({"vocab": []}, "vocab"),
                         ({"merges": [["a"]]}, "merge"), ({"merges": 5}, "merges"), ({"type": "Unigram"}, "Unigram"),
                         ({"byte_fallback": False}, "byte fallback")):
        (folder / "tokenizer.json").write_text(json.dumps({**t, "model": {**t["model"], **change}}))
        c.refused("tokenizer.json: %s" % list(change), folder, part)
    b = byte_tokenizer()
    b["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "[a-z]+"
    (folder / "tokenizer.json").write_text(json.dumps(b))
    c.refused("tokenizer.json: its splitting", folder, "pre-tokeniser")
    rc, _, err = c.run("convert", c.tmp / "nowhere", c.tmp / "o.gguf")
    c.expect("no folder", rc == 1 and "no folder" in err, err)
    rc, _, err = c.run("convert", folder)
    c.expect("one operand", rc == 2, err)


def memory(c):
    """400 MB of F32 become F16 in less than 200 MB of memory."""
    m = model("llama", dim=2048, ffn=12288, layers=1, heads=16, kv=16, hd=128)
    folder = c.tmp / "large"
    old = MODELS["llama"]
    MODELS["llama"] = ("LlamaForCausalLM", m, {})
    make_folder(folder, "llama", dtype="F32")
    MODELS["llama"] = old
    out = c.tmp / "large.gguf"
    # in a process of its own: what this one holds must not count
    code = ("import resource, subprocess, sys; rc = subprocess.run(sys.argv[1:]).returncode; "
            "print(rc, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    p = subprocess.run([sys.executable, "-c", code, c.binary, "convert", "-q", folder, out], capture_output=True, check=False)
    rc, peak = map(int, p.stdout.split())
    c.expect("a large one", rc == 0 and out.stat().st_size > 180e6, p.stderr)
    peak /= 1024
    c.expect("memory", peak < 200, "%.0f MB" % peak)
    print("peak of %.0f MB for a folder of %.0f MB" % (peak, (folder / "model.safetensors").stat().st_size / 1e6))


def main(binary):
    with tempfile.TemporaryDirectory() as tmp:
        c = Checks(str(pathlib.Path(binary).resolve()), pathlib.Path(tmp))
        for part in (memory, families, others, hostile):
            part(c)
        print("convert: %d failures" % c.bad)
        return 1 if c.bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
