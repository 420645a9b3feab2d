# fish completion for vt-key(1)
complete -c vt-key -f
complete -c vt-key -l config -r -F -d 'Configuration file'
complete -c vt-key -l data -x -a '(__fish_complete_directories)' -d 'Data folder of the server'
complete -c vt-key -l email -x -d 'What access lists may call the user by'
complete -c vt-key -l force -d 'Delete a user who owns buckets, too'
complete -c vt-key -l grace -x -d 'How long the old key is good, or never'
complete -c vt-key -s h -l help -d 'Summary of the options'
complete -c vt-key -l json -d 'One JSON object a line'
complete -c vt-key -s o -l output -r -F -d 'The key into this new file'
complete -c vt-key -l policy -r -F -a 'none readonly readwrite writeonly full' -d 'What the user may do'
complete -c vt-key -s V -l version -d 'Version'
complete -c vt-key -n __fish_use_subcommand -a 'create delete disable enable list policy rotate show'
complete -c vt-key -n '__fish_seen_subcommand_from delete disable enable policy rotate show' -a "(vt-key list 2>/dev/null | awk 'NR > 2 { print \$1 }' | sort -u)"
