# Completion of litemount's command line for bash: commands, flags, files, and the databases of the configuration.

# The databases of the configuration that the command line names, as far as they begin with $1.
_litemount_databases() {
    local config=() path i
    for ((i = 2; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i - 1]} in
        -config | --config) config=(-config "${COMP_WORDS[i]}") ;;
        esac
    done
    while IFS= read -r path; do
        [[ $path == "$1"* ]] && COMPREPLY+=("$(printf %q "$path")")
    done < <("${COMP_WORDS[0]}" databases "${config[@]}" 2>/dev/null | sed -e 1d -e 's/  .*//')
}

_litemount_flags() {
    local common="-config -no-expand-env -replica -help -h"
    case $1 in
    databases) echo "$common -json" ;;
    generations) echo "$common -json" ;;
    snapshots | wal) echo "$common -generation -json" ;;
    ltx) echo "$common -level -json" ;;
    points) echo "$common -generation -json -table" ;;
    restore)
        echo "$common -o -timestamp -generation -index -txid -all -if-db-not-exists -if-replica-exists -force" \
            "-mode -owner -dry-run -json -integrity-check -parallelism -v -f"
        ;;
    verify) echo "$common -timestamp -newer-than -quick -json" ;;
    *) echo "-f -d -no-expand-env -o -help -h -version" ;;
    esac
}

# What stands behind a flag that takes a value; false: the flag before takes none.
_litemount_value() {
    local verb=$1 flag=$2 word=$3 options
    case $verb:$flag in
    *:-config) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    restore:-o) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    restore:-owner) mapfile -t COMPREPLY < <(compgen -u -- "$word") ;;
    restore:-integrity-check) mapfile -t COMPREPLY < <(compgen -W "none quick full" -- "$word") ;;
    ltx:-level) mapfile -t COMPREPLY < <(compgen -W "0 1 2 3 4 5 6 7 8 9 all" -- "$word") ;;
    mount:-o)
        options="allow_other cache= cache-size= gid= refresh= replica= uid= umask="
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
        compopt -o nospace
        ;;
    *:-replica | *:-generation | *:-timestamp | *:-index | *:-txid | *:-parallelism | *:-newer-than) ;;
    *) return 1 ;;
    esac
}

_litemount() {
    local verbs="databases generations snapshots wal ltx points restore verify"
    local word=${COMP_WORDS[COMP_CWORD]} verb=mount flag

    COMPREPLY=()
    compopt -o filenames
    if ((COMP_CWORD > 1)) && [[ " $verbs " == *" ${COMP_WORDS[1]} "* ]]; then
        verb=${COMP_WORDS[1]}
    fi
    flag=${COMP_WORDS[COMP_CWORD - 1]}
    [[ $flag == --* ]] && flag=${flag#-}
    _litemount_value "$verb" "$flag" "$word" && return
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_litemount_flags "$verb")" -- "$word")
    elif [[ $verb == mount ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        ((COMP_CWORD == 1)) && mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$verbs" -- "$word")
    elif [[ $verb != databases ]]; then
        compopt +o filenames
        _litemount_databases "$word"
    fi
}

complete -F _litemount litemount
