# SPDX-License-Identifier: MIT
# Completion of secretctl for fish. "secretctl complete" knows what there is; this is how fish is told.

function __secretctl_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in (command $words[1] complete -- $words[2..-1] 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path (commandline -ct)
            case :folders
                __fish_complete_directories (commandline -ct)
            case :commands
                __fish_complete_command
            case '*'
                echo $line
        end
    end
end

complete -c secretctl -f -a '(__secretctl_complete)'
