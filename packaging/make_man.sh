#!/bin/sh
# SPDX-License-Identifier: MIT
# make_man.sh PAGE.1.gz SUREFOOT... - writes surefoot(1) from the command's own help, so that the
# page cannot differ from the program. SUREFOOT may be several words (an emulator first).
set -eu
out=$1
shift
tmp=$out.part
trap 'rm -f "$tmp"' EXIT
version=$("$@" --version | sed -n '1s/^surefoot \([0-9][0-9.]*\).*/\1/p')
[ -n "$version" ] || { echo "make_man.sh: '$* --version' prints no version" >&2; exit 1; }

# Roff: backslashes and hyphens are escaped, and a leading dot or quote would be a request.
plain() { sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^\\([.']\\)/\\\\\\&\\1/"; }
block() { # stdin as it is, in a fixed-width block
    echo .nf
    plain
    echo .fi
}
{
    echo ".\\\" Made by packaging/make_man.sh from surefoot's own help."
    echo ".TH SUREFOOT 1 \"\" \"surefoot $version\" \"User Commands\""
    echo .SH NAME
    echo 'surefoot \- text from a GGUF model on the CPU; every token passes a guard before anyone sees it'
    echo .SH SYNOPSIS
    echo '.B surefoot'
    echo '.I COMMAND'
    echo '[options]'
    echo .SH COMMANDS
    "$@" --help | sed '1,/COMMAND \[options\]/d' | sed '/^Reserved names/,$d' | block
    "$@" --help | sed '/^Reserved names/,$d' | sed -n 's/^  \(\([a-z]\+ \)\{1,2\}\) .*/\1/p' | while read -r command; do
        echo ".SH $(echo "surefoot $command" | tr a-z A-Z)"
        # shellcheck disable=SC2086
        "$@" $command --help | sed '1s/^[^:]*: //' | block
    done
    cat <<'END'
.SH EXIT STATUS
.TP
.B 0
done (a guarded run that fell back too, without \-\-strict)
.TP
.B 1
could not
.TP
.B 2
wrong usage
.TP
.B 3
bad file
.TP
.B 4
does not fit in memory
.TP
.B 5
a family, type or feature that this version lacks
.TP
.B 7
the guard fell back and \-\-strict was asked; guard check: the text is unsafe
.TP
.B 130
interrupted
.SH ENVIRONMENT
.TP
.B SUREFOOT_ISA
lowers the kernel level, for tests and bug reports; \-\-version prints the levels and the one chosen
.TP
.B NO_COLOR
no colours
END
} | gzip -9n >"$tmp"
mv "$tmp" "$out"
