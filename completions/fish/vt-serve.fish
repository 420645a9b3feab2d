# fish completion for vt-serve(1)
complete -c vt-serve -f
complete -c vt-serve -s a -l admin -x -a none -d 'Health and metrics: HOST:PORT'
complete -c vt-serve -l clock-offset -x -d 'Move the clock of the server'
complete -c vt-serve -s c -l config -r -F -d 'Configuration file'
complete -c vt-serve -s d -l data -x -a '(__fish_complete_directories)' -d 'Data folder'
complete -c vt-serve -s h -l help -d 'Summary of the options'
complete -c vt-serve -s l -l listen -x -d 'Where to serve: HOST:PORT'
complete -c vt-serve -l no-gc -d 'Collect no garbage'
complete -c vt-serve -s q -l quiet -d 'Say nothing at the start'
complete -c vt-serve -s V -l version -d 'Version'
