# SPDX-License-Identifier: MIT
# bash completion for surefoot: commands and options are read from the program's own help.
_surefoot() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local program=${COMP_WORDS[0]} command=${COMP_WORDS[1]}
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "--help --version $("$program" --help 2>/dev/null |
            sed -n '/^Reserved names/q;s/^  \([a-z][a-z]*\) .*/\1/p' | grep -vx surefoot | sort -u)" -- "$cur"))
        return
    fi
    if [ "$command" = guard ]; then
        if [ "$COMP_CWORD" -eq 2 ]; then
            COMPREPLY=($(compgen -W "$("$program" --help 2>/dev/null |
                sed -n '/^Reserved names/q;s/^  guard \([a-z][a-z]*\) .*/\1/p')" -- "$cur"))
            return
        fi
        command="guard ${COMP_WORDS[2]}"
    fi
    case $cur in
    -*)
        # shellcheck disable=SC2086
        COMPREPLY=($(compgen -W "$("$program" $command --help 2>/dev/null |
            sed -n 's/^  \(-[^ ].*\)/\1/p' | grep -o -- '^-[^ ,]*\|, -[^ ]*' | tr -d ', ')" -- "$cur"))
        return
        ;;
    esac
    case $prev in
    --guard) COMPREPLY=($(compgen -W off -- "$cur")) ;;
    esac
    compopt -o filenames 2>/dev/null
    COMPREPLY+=($(compgen -f -- "$cur"))
}
complete -F _surefoot surefoot
