
_staa_completion() {
    local IFS=$'
'
    COMPREPLY=( $( env COMP_WORDS="${COMP_WORDS[*]}" \
                   COMP_CWORD=$COMP_CWORD \
                   _STAA_COMPLETE=complete_bash $1 ) )
    [[ $COMPREPLY == *= ]] && compopt -o nospace
    return 0
}

complete -o default -F _staa_completion staa

