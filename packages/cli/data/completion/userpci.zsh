#compdef userpci
# Completion of userpci for zsh, as `userpci completion zsh` prints it.

# The tree that the line is about: the directory behind --root.
_userpci_root() {
  local at=${words[(I)--root]}
  REPLY=${${at:#0}:+${words[at + 1]%/}}
}

# Addresses and ids of the functions there are; without the domain for who begins without it.
_userpci_addresses() {
  local REPLY directory address
  local -a addresses described
  _userpci_root
  for directory in $REPLY/sys/bus/pci/devices/*(N); do
    address=${directory:t}
    [[ $address == ${PREFIX}* ]] || address=${address#0000:}
    addresses+=($address)
    described+=("$address  ${$(<$directory/vendor)#0x}:${$(<$directory/device)#0x}")
  done
  compadd "$@" -l -d described -a addresses
}

_userpci_drivers() {
  local REPLY
  local -a directories
  _userpci_root
  directories=($REPLY/sys/bus/pci/drivers/*(N:t))
  compadd "$@" -a directories
}

_userpci_sources() {
  _alternative 'addresses:address:_userpci_addresses' 'files:file:_files'
}

# Offers words, and what a command offers: LABEL WORDS COMMAND...
_userpci_either() {
  _alternative "words:$1:($2)" "values:$1:${*[3,-1]}"
}

_userpci() {
  local curcontext="$curcontext" state
  # Not named `commands`: what completes another program's words needs that array of the shell.
  local -a options names
  # They may stand before a command, and between its two words.
  options=(@OPTIONS@)
  _arguments -C -s -A '-*' $options '1: :->command' '*:: :->rest' && return
  if [[ $state == command ]]; then
    names=(
@COMMANDS@
    )
    _describe -t commands command names
    return
  fi
  case $words[1] in
@BRANCHES@
  esac
}

if [[ $funcstack[1] == _userpci ]]; then
  _userpci "$@"
else
  compdef _userpci userpci
fi
