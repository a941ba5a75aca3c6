#!/bin/bash
# SPDX-License-Identifier: MIT
# check_code.sh OBJDUMP CC ARCHIVE - reads the machine code of libsurefoot.a (x86-64 or aarch64) and
# fails on instructions that would change bits or crash an older CPU:
#   fused multiply-adds and reciprocal estimates anywhere (every product and sum rounds by itself);
#   instructions beyond the base architecture outside the object named after their level.
# It first proves on an object of its own that it sees each kind.
set -euo pipefail
objdump=$1 cc=$2 archive=$3

machine=$("$cc" -dumpmachine)
case $machine in
aarch64-*) # forbidden anywhere | allowed in objects of the named level only
    fused='fn?m(add|sub)|fml[as]l?2?|fcmla|bfdot|bfmmla|bfmlal[bt]?|f(recp|rsqrt)[esx]'
    levels='dotprod:[su]dot i8mm:(us|su)dot|(s|u|us)mmla none:[a-z0-9]+[[:space:]].*[[:space:],{][zp][0-9]+[./]'
    sample='.arch armv8.6-a+sve
        fmadd d0,d1,d2,d3
        fmla v0.4s,v1.4s,v2.4s
        fmls v0.4s,v1.4s,v2.s[1]
        frecpe v0.4s,v1.4s
        frsqrts s0,s1,s2
        sdot v0.4s,v1.16b,v2.4b[1]
        usdot v0.4s,v1.16b,v2.16b
        smmla v0.4s,v1.16b,v2.16b
        ld1w {z0.s},p0/z,[x0]
        add z0.s,z1.s,z2.s'
    ;;
x86_64-*)
    fused='vfn?m(add|sub)[a-z0-9]*|vfmaddsub[a-z0-9]*|v?rcp(14|28)?[ps]s|v?rsqrt(14|28)?[ps]s|vpdpbusds|vdpbf16ps'
    levels='avxvnni|avx512vnni:vpdpbusd avx512[a-z]*:[a-z0-9]+[[:space:]].*%(zmm|k[0-7]) avx[0-9a-z]*:v[a-z0-9]+[[:space:]].*%[xy]mm'
    sample='vfmadd231ps %ymm0,%ymm1,%ymm2
        vfnmsub132sd %xmm0,%xmm1,%xmm2
        rcpps %xmm0,%xmm1
        vrsqrtps %ymm0,%ymm1
        vpdpbusds %ymm0,%ymm1,%ymm2
        {vex} vpdpbusd %ymm0,%ymm1,%ymm2
        vaddps %zmm0,%zmm1,%zmm2
        kmovw %eax,%k1
        vaddps %ymm0,%ymm1,%ymm2
        vcvtph2ps %xmm0,%ymm1'
    ;;
*)
    echo "skipped: no rules for $machine"
    exit 77
    ;;
esac

# Lines "member instruction" of a disassembly, addresses and bytes taken off.
listing() {
    "$objdump" -d --no-show-raw-insn "$1" |
        awk '/: +file format /{sub(/: +file format.*/, ""); member = $0; next}
             /^ *[0-9a-f]+:\t/{sub(/^[^\t]*\t(\{[a-z0-9]+\} )?/, ""); print member "\t" $0}'
}
offences() { # reads a listing
    awk -F '\t' -v fused="^($fused)$" -v levels="$levels" '
        BEGIN { n = split(levels, rule, " ") }
        {   text = $2; for (i = 3; i <= NF; i++) text = text "\t" $i
            op = $2; sub(/[ \t].*/, "", op); sub(/\..*/, "", op)
            if (op ~ fused) { print $1 ": " text; next }
            for (i = 1; i <= n; i++) {
                at = index(rule[i], ":"); home = substr(rule[i], 1, at - 1)
                what = substr(rule[i], at + 1)
                if ($1 !~ "_(" home ")\\.c\\.o$" && (op ~ "^(" what ")$" || text ~ "^" what)) {
                    print $1 ": " text; next
                }
            }
        }'
}

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
printf '%s\nret\n' "$sample" | "$cc" -c -x assembler - -o "$dir/sample.o"
want=$(grep -vc '^\.arch' <<<"$sample")
got=$(listing "$dir/sample.o" | offences | wc -l)
if [ "$got" != "$want" ]; then
    listing "$dir/sample.o" | offences
    echo "sees only these $got of $want forbidden instructions in its own sample"
    exit 1
fi

listing "$archive" >"$dir/all"
total=$(wc -l <"$dir/all")
members=$(cut -f 1 "$dir/all" | sort -u | wc -l)
[ "$total" -gt 1000 ] || { echo "only $total instructions found in $archive"; exit 1; }
offences <"$dir/all" >"$dir/found"
if [ -s "$dir/found" ]; then
    echo "forbidden instructions (count, object, name):"
    awk '{print $1, $2}' "$dir/found" | sort | uniq -c | head -100
    exit 1
fi
echo "$total instructions of $members objects: none fused, none beyond its level"
