# Completion of userpci for bash, as `userpci completion bash` prints it. The words of the line are read here once more: bash takes
# addresses apart at their colons.

# Sets what may follow a command.
_userpci_follow() {
  next= options= valued= operands= goes_on=
  case "$1" in
@BRANCHES@
  esac
}

# Offers what a value may be, as KIND or KIND:WORD,WORD.
_userpci_offer() {
  local path choices=()
  [[ $1 == *:* ]] && IFS=, read -ra choices <<<"${1#*:}"
  case "${1%%:*}" in
    address)
      for path in "$root"/sys/bus/pci/devices/*; do
        [[ -e $path ]] && choices+=("${path##*/}")
      done
      # Who begins without the domain goes on without it.
      [[ 0000: != "$cur"* && $cur != ????:* ]] && choices=("${choices[@]/#0000:/}")
      ;;
    driver)
      for path in "$root"/sys/bus/pci/drivers/*; do
        [[ -e $path ]] && choices+=("${path##*/}")
      done
      ;;
    user) COMPREPLY=($(compgen -u -- "$cur")) ;;
    command) COMPREPLY=($(compgen -c -- "$cur")) ;;
    file | directory | source)
      [[ $1 == source* ]] && _userpci_offer address
      # In what it takes for the name of a file, bash quotes the colons.
      [[ -n ${COMPREPLY[*]} ]] || compopt -o filenames 2>/dev/null
      local IFS=$'\n'
      if [[ $1 == directory* ]]; then
        COMPREPLY=($(compgen -d -- "$cur"))
      else
        COMPREPLY+=($(compgen -f -- "$cur"))
      fi
      IFS=$' \t\n'
      ;;
  esac
  COMPREPLY+=($(compgen -W "${choices[*]}" -- "$cur"))
}

# Offers the argument whose turn it is.
_userpci_operand() {
  local kinds=($operands)
  local last=$((${#kinds[@]} - 1))
  if ((count <= last)); then
    _userpci_offer "${kinds[count]}"
  elif [[ -n $goes_on ]]; then
    # What follows the name of a command is its own.
    _userpci_offer "${kinds[last]/#command/file}"
  fi
}

_userpci() {
  local IFS=$' \t\n' line="${COMP_LINE:0:COMP_POINT}" words word cur
  local command= option= ended= root= count=0 next options valued operands goes_on
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  cur="${words[${#words[@]} - 1]}"
  COMPREPLY=()
  _userpci_follow ''
  for word in "${words[@]:1:${#words[@]} - 2}"; do
    if [[ -n $option ]]; then
      [[ $option == --root ]] && root="${word%/}"
      option=
    elif [[ -z $ended && $word == -- ]]; then
      ended=1
    elif [[ -z $ended && $word == -* ]]; then
      [[ " $valued" == *" $word="* ]] && option="$word"
    elif [[ -n $next ]]; then
      command="${command:+$command }$word"
      _userpci_follow "$command"
    else
      ((count += 1))
    fi
  done
  if [[ -n $option ]]; then
    word=" $valued"
    word="${word#* "$option"=}"
    _userpci_offer "${word%% *}"
  elif [[ -z $ended && $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
  elif [[ -n $next ]]; then
    COMPREPLY=($(compgen -W "$next" -- "$cur"))
  else
    _userpci_operand
  fi
  # Where a colon ends a word, bash puts a reply in place of what follows the last one.
  if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
    COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*:}"}"}")
  fi
}

complete -F _userpci userpci
