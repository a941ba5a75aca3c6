#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""export.py CHECKPOINT.pt VOCAB.json OUT.gguf - the trained model as GGUF: matrices Q8_0, norms F32, the
vocabulary and chatml as tokenizer.* keys. Needs python3-torch (to read the checkpoint) and numpy."""
import pathlib
import sys

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import bpe  # noqa: E402
import gguf_format as gf  # noqa: E402

CHAT = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + "
        "'<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")


def q8_0(x):
    """Blocks of 32: a half-precision scale and 32 signed bytes, nearest, ties to even."""
    b = np.ascontiguousarray(x, dtype=np.float32).reshape(-1, 32)
    d = (np.abs(b).max(axis=1) / np.float32(127)).astype(np.float16)
    scale = d.astype(np.float32)
    inverse = np.where(scale > 0, 1 / np.where(scale > 0, scale, 1), 0).astype(np.float32)
    q = np.clip(np.rint(b * inverse[:, None]), -127, 127).astype(np.int8)
    return np.concatenate((d.view(np.uint8).reshape(-1, 2), q.view(np.uint8)), axis=1)


def main():
    if len(sys.argv) != 4:
        print(__doc__)
        return 2
    saved = torch.load(sys.argv[1], map_location="cpu")
    vocab, c, w = bpe.Vocabulary.load(sys.argv[2]), saved["config"], gf.Writer()
    if len(vocab.tokens) != c["n_vocab"]:
        raise SystemExit("%d tokens in the vocabulary, %d in the model" % (len(vocab.tokens), c["n_vocab"]))
    n = len(bpe.CONTROL)
    for key, kind, value in (
            ("general.architecture", gf.STR, "llama"), ("general.name", gf.STR, "household"),
            ("general.license", gf.STR, "mit"),
            ("general.description", gf.STR, "Surefoot's built-in demonstration model; docs/model.md"),
            ("general.file_type", gf.U32, gf.FILE_TYPE["Q8_0"]), ("general.quantization_version", gf.U32, 2),
            ("llama.block_count", gf.U32, c["n_layer"]), ("llama.context_length", gf.U32, c["n_ctx"]),
            ("llama.embedding_length", gf.U32, c["dim"]), ("llama.feed_forward_length", gf.U32, c["ffn"]),
            ("llama.vocab_size", gf.U32, c["n_vocab"]),
            ("llama.rope.dimension_count", gf.U32, c["dim"] // c["n_head"]),
            ("llama.attention.head_count", gf.U32, c["n_head"]),
            ("llama.attention.head_count_kv", gf.U32, c["n_head_kv"]),
            ("llama.attention.layer_norm_rms_epsilon", gf.F32, c["eps"]),
            ("llama.rope.freq_base", gf.F32, c["rope_base"]),
            ("tokenizer.ggml.model", gf.STR, "gpt2"), ("tokenizer.ggml.pre", gf.STR, "gpt-2")):
        w.meta(key, kind, value)
    w.meta("tokenizer.ggml.tokens", gf.ARR, vocab.tokens, gf.STR)
    w.meta("tokenizer.ggml.token_type", gf.ARR, [3] * n + [1] * (len(vocab.tokens) - n), gf.I32)
    w.meta("tokenizer.ggml.merges", gf.ARR, [a + " " + b for a, b in vocab.merges], gf.STR)
    for key, token in (("bos", "<|endoftext|>"), ("eos", "<|im_end|>"), ("padding", "<|endoftext|>")):
        w.meta("tokenizer.ggml.%s_token_id" % key, gf.U32, vocab.id[token])
    w.meta("tokenizer.ggml.add_bos_token", gf.BOOL, False)
    w.meta("tokenizer.chat_template", gf.STR, CHAT)
    for name in sorted(saved["w"]):
        x = saved["w"][name].float().numpy()
        raw = q8_0(x) if x.ndim == 2 else np.ascontiguousarray(x, "<f4").view(np.uint8).reshape(-1, 4)
        w.tensor(name, x.shape, "Q8_0" if x.ndim == 2 else "F32", lambda first, k, raw=raw: raw[first:first + k])
    w.save(sys.argv[3])
    print("%s: %d tokens trained, %d bytes" % (sys.argv[3], saved["tokens"], pathlib.Path(sys.argv[3]).stat().st_size))
    return 0


if __name__ == "__main__":
    sys.exit(main())
