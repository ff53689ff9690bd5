# Completes headstart in fish; `headstart completion fish` prints it.

function __headstart_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    test -n "$typed"; or set typed ''
    set -l program $words[1]
    set -e words[1]
    set -l kind
    for line in ($program completion words -- $words $typed 2>/dev/null)
        if string match -q ':*' -- $line
            set kind $line
        else
            echo -- $line
        end
    end
    test -n "$kind"; or return
    # After --flag= the value is a name, and the flag stands before it again.
    set -l flag (string match -r -- '^--[^=]*=' $typed)
    test -n "$flag"; or set flag ''
    set -l part (string replace -r -- '^--[^=]*=' '' $typed)
    set -l endings (string split ' ' -- (string replace -r -- '^:files ?' '' $kind))
    for name in (complete -C "'' $part")
        set -l path (string replace -r -- '\t.*' '' $name)
        if string match -q -- '*/' $path
            echo -- $flag$path
        else if test "$kind" = :files
            echo -- $flag$path
        else if test "$kind" != :folders
            for ending in $endings
                string match -q -- "*$ending" $path; and echo -- $flag$path
            end
        end
    end
end

complete -c headstart -f -a '(__headstart_complete)'
