# Completion of userpci for fish, as `userpci completion fish` prints it.

# Whether the words so far begin with a command, options left out; without arguments, whether there is none yet.
function __userpci_after
    set -l words (commandline -opc)[2..]
    set -l names (string match --invert -- '-*' $words)
    set -l count (count $argv)
    if test $count -eq 0
        test (count $names) -eq 0
    else
        test (count $names) -ge $count; and test "$names[1..$count]" = "$argv"
    end
end

# Whether a family of commands waits for its second word.
function __userpci_in_family
    set -l names (string match --invert -- '-*' (commandline -opc)[2..])
    test "$names" = "$argv"
end

# Where the tree that the line is about begins: the directory behind --root. Prints nothing without.
function __userpci_root
    set -l words (commandline -opc)
    set -l at (contains --index -- --root $words)
    and string trim --right --chars=/ -- $words[(math $at + 1)]
end

# Addresses and ids of the functions there are; without the domain for who begins without it.
function __userpci_addresses
    set -l begun (commandline -ct)
    set -l root (__userpci_root)
    for path in "$root"/sys/bus/pci/devices/*
        set -l address (path basename $path)
        if test -n "$begun"; and not string match -q -- "$begun*" $address
            set address (string replace -r '^0000:' '' $address)
        end
        set -l id (string replace 0x '' <$path/vendor; string replace 0x '' <$path/device)
        printf '%s\t%s\n' $address (string join : $id)
    end
end

function __userpci_drivers
    set -l root (__userpci_root)
    for path in "$root"/sys/bus/pci/drivers/*
        path basename $path
    end
end

complete -c userpci -f
@COMMANDS@
