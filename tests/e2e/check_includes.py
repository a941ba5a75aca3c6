#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""check_includes.py [ROOT]: who may include whom. Every #include "..." and <library.h> of the
sources is held against the arrows below; any arrow not listed is printed, and the exit status is 1.
File names are unique in the tree, so a name tells its layer."""
import pathlib
import re
import sys

LAYERS = {  # folder (longest match wins) -> layer
    "src/api": "api", "src/base": "base", "src/io": "io", "src/core": "core", "src/cli": "cli",
    "src/server": "cli", "quant": "quant", "arch": "arch", "guard": "guard", "tests": "tests",
    "bench": "tests", "tools": "tests"}
ALLOWED = {  # layer -> layers, or single headers of a layer
    "base": {"base"}, "io": {"io", "base"}, "quant": {"quant", "base"},
    "arch": {"arch", "quant", "base"},
    "core": {"core", "io", "quant", "base", "kernels.h", "cpu.h"},
    # The guard knows a generator, never a transformer; gguf.h only to load a critic, file.h only
    # to read policies and lexicons.
    "guard": {"guard", "base", "generator.h", "sampler_draw.h", "gguf.h", "file.h"},
    "api": {"io", "api", "core", "guard", "base", "kernels.h", "cpu.h"},
    "cli": {"cli"}}
# Commands that are tools look inside the library; the others speak through surefoot.h alone.
TOOLS = {"cmd_inspect.c", "cmd_quantize.c", "cmd_convert.c", "cmd_render.c", "cmd_logits.c",
         "cmd_guard_train.c", "cmd_guard_train_text.c", "cmd_guard_train_critic.c",
         "cli_train_report.c", "cli_train_critic.h", "cmd_guard_eval.c", "cli_eval_table.c", "cmd_guard_check.c", "cmd_tokenize.c",
         "cmd_pack.c", "convert.h", "convert_vocab.h", "convert_config.c", "convert_tensors.c",
         "convert_tokenizer.c", "convert_spm.c"}
TOOL_LAYERS = {"core", "quant", "guard", "io", "base"}
PUBLIC = "surefoot.h"
LIBRARIES = {  # header -> layers that may use it
    "sleef.h": {"arch", "core", "guard"}, "omp.h": {"base"}, "zstd.h": {"io"},
    "pcre2.h": {"core"}, "utf8proc.h": {"core", "guard"}, "ini.h": {"guard"},
    "jansson.h": {"cli"}, "histedit.h": {"cli"}, "microhttpd.h": {"cli"},
    "immintrin.h": {"arch"}, "arm_neon.h": {"arch"}, "cpuid.h": {"arch"}}


def layer_of(path):
    fits = [f for f in LAYERS if path.startswith(f + "/")]
    return LAYERS[max(fits, key=len)] if fits else None


def main(root):
    files = {}
    for p in sorted(root.rglob("*")):
        rel = p.relative_to(root).as_posix()
        if p.suffix in (".c", ".h", ".def") and layer_of(rel):
            files[rel] = p
    home = {pathlib.PurePath(rel).name: layer_of(rel) for rel in files}
    wrong = []
    for rel, p in files.items():
        layer, name = layer_of(rel), p.name
        if layer == "tests":
            continue
        allowed = ALLOWED[layer] | (TOOL_LAYERS if name in TOOLS else set())
        for n, line in enumerate(p.read_text(encoding="utf-8").splitlines(), 1):
            m = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
            if not m:
                continue
            head = pathlib.PurePath(m[2]).name
            if m[1] == '"':
                ok = head == PUBLIC or head in allowed or home.get(head) in allowed
                what = home.get(head, "a file not in the tree")
            else:
                ok = head not in LIBRARIES or layer in LIBRARIES[head]
                what = "library"
            if not ok:
                wrong.append("%s:%d: %s may not include %s (%s)" % (rel, n, layer, m[2], what))
    print("\n".join(wrong) or "%d files, every arrow is listed" % len(files))
    return bool(wrong) or len(files) < 10


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
