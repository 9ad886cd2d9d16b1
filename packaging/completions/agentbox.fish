# fish completion for agentbox

function __agentbox_boxes
    agentbox ps 2>/dev/null | awk 'NR > 1 { print $1 }'
end

function __agentbox_profiles
    set -l bin (dirname (realpath (command -s agentbox)))
    set -l config $XDG_CONFIG_HOME
    test -n "$config"; or set config $HOME/.config
    for f in $bin/../share/agentbox/profiles/*.json $bin/../../profiles/*.json /etc/agentbox/profiles/*.json $config/agentbox/profiles/*.json
        basename $f .json
    end
end

function __agentbox_needs_command
    test (count (commandline -opc)) -eq 1
end

function __agentbox_in
    set -l words (commandline -opc)
    test (count $words) -gt 1; and contains -- $words[2] $argv
end

# agentbox profile WORD ...
function __agentbox_profile_needs_verb
    set -l words (commandline -opc)
    test (count $words) -eq 2; and test $words[2] = profile
end

function __agentbox_profile_in
    set -l words (commandline -opc)
    test (count $words) -gt 2; and test $words[2] = profile; and contains -- $words[3] $argv
end

# agentbox audit WORD ...
function __agentbox_audit_needs_verb
    set -l words (commandline -opc)
    test (count $words) -eq 2; and test $words[2] = audit
end

function __agentbox_audit_in
    set -l words (commandline -opc)
    test (count $words) -gt 2; and test $words[2] = audit; and contains -- $words[3] $argv
end

complete -c agentbox -f
complete -c agentbox -n __agentbox_needs_command -a run -d 'Run a command in a box'
complete -c agentbox -n __agentbox_needs_command -a ps -d 'List running boxes'
complete -c agentbox -n __agentbox_needs_command -a inspect -d 'Show one box'
complete -c agentbox -n __agentbox_needs_command -a freeze -d 'Stop a box where it is'
complete -c agentbox -n __agentbox_needs_command -a thaw -d 'Let a frozen box go on'
complete -c agentbox -n __agentbox_needs_command -a kill -d 'End a box at once'
complete -c agentbox -n __agentbox_needs_command -a reload -d 'Read the profile of a running box again'
complete -c agentbox -n __agentbox_needs_command -a revoke -d 'Lend a box a credential no more'
complete -c agentbox -n __agentbox_needs_command -a logs -d 'What happened to a box'
complete -c agentbox -n __agentbox_needs_command -a decide -d 'Ask for a decision of a box'
complete -c agentbox -n __agentbox_needs_command -a doctor -d 'What this machine can enforce'
complete -c agentbox -n __agentbox_needs_command -a profile -d 'Write, check, test and compare profiles'
complete -c agentbox -n __agentbox_needs_command -a audit -d 'Ask, verify and export the audit log'
complete -c agentbox -n __agentbox_needs_command -a why -d 'Explain a decision'
complete -c agentbox -n __agentbox_needs_command -a trace -d 'Tell what a run did, from its records'
complete -c agentbox -n __agentbox_needs_command -a version -d 'Print the version'
complete -c agentbox -n __agentbox_needs_command -a help -d 'Print help'

complete -c agentbox -n '__agentbox_in run doctor profile' -s j -l json -d 'Machine-readable output'
complete -c agentbox -n '__agentbox_in ps inspect freeze thaw kill reload revoke logs' -l json -d 'Machine-readable output'
complete -c agentbox -n '__agentbox_in run ps inspect freeze thaw kill reload revoke logs decide doctor profile' -s h -l help -d 'Help'
complete -c agentbox -n '__agentbox_in run doctor' -s p -l profile -x -a '(__agentbox_profiles) (__fish_complete_suffix .json)' -d 'Profile'
complete -c agentbox -n '__agentbox_in run doctor' -s w -l workspace -x -a '(__fish_complete_directories)' -d 'Directory to work in'
complete -c agentbox -n '__agentbox_in run' -s n -l name -x -d 'Name of the box'
complete -c agentbox -n '__agentbox_in run' -s t -l timeout -x -d 'Stop after 90s, 5m, 2h'
complete -c agentbox -n '__agentbox_in run' -l env -x -d 'Variable inside, K=V'
complete -c agentbox -n '__agentbox_in run' -l show-enforced -d 'Print requested against enforced'
complete -c agentbox -n '__agentbox_in run' -l timing -d 'Print how long each phase took'
complete -c agentbox -n '__agentbox_in run' -a '(__fish_complete_subcommand --fcs-skip=2)'
complete -c agentbox -n '__agentbox_in run' -l label -x -d 'Label of the box, K=V'
complete -c agentbox -n '__agentbox_in ps freeze thaw kill reload revoke' -s l -l label -x -d 'Boxes with this label'
complete -c agentbox -n '__agentbox_in freeze thaw kill reload revoke' -s a -l all -d 'All boxes'
complete -c agentbox -n '__agentbox_in freeze thaw kill reload' -s w -l why -x -d 'Reason for the log'
complete -c agentbox -n '__agentbox_in kill' -s s -l signal -x -a 'TERM INT HUP KILL QUIT USR1 USR2 STOP CONT' -d 'Signal for the command'
complete -c agentbox -n '__agentbox_in logs' -s f -l follow -d 'Go on until the box ends'
complete -c agentbox -n '__agentbox_in inspect freeze thaw kill reload revoke logs decide' -a '(__agentbox_boxes)'
complete -c agentbox -n '__agentbox_in decide' -s o -l outcome -x -d 'What became of this action'
complete -c agentbox -n '__agentbox_in decide' -s e -l error -x -d 'Kind of error'
complete -c agentbox -n '__agentbox_in decide' -s d -l detail -x -d 'More, for people'
complete -c agentbox -n '__agentbox_in decide' -s l -l label -x -d 'Label that the run has from now on'
complete -c agentbox -n '__agentbox_in decide' -l bytes-in -x -d 'Bytes that came back'
complete -c agentbox -n '__agentbox_in decide' -l bytes-out -x -d 'Bytes that were sent'
complete -c agentbox -n '__agentbox_in run' -l narrow -r -F -d 'Rules that narrow the profile'
complete -c agentbox -n '__agentbox_in run' -l observe -d 'Let a profile that only observes run'

complete -c agentbox -n __agentbox_profile_needs_verb -a list -d 'Every profile that can be named'
complete -c agentbox -n __agentbox_profile_needs_verb -a show -d 'The file, or all that it grants in the end'
complete -c agentbox -n __agentbox_profile_needs_verb -a check -d 'Mistakes, and what is probably not meant'
complete -c agentbox -n __agentbox_profile_needs_verb -a test -d 'The cases of its section "expect"'
complete -c agentbox -n __agentbox_profile_needs_verb -a explain -d 'What is decided on one request, and why'
complete -c agentbox -n __agentbox_profile_needs_verb -a diff -d 'What B may do that A may not'
complete -c agentbox -n __agentbox_profile_needs_verb -a init -d 'A new profile to begin with'
complete -c agentbox -n '__agentbox_profile_in show check test explain diff' -a '(__agentbox_profiles) (__fish_complete_suffix .json)'
complete -c agentbox -n '__agentbox_profile_in show' -s r -l resolved -d 'What holds in the end'
complete -c agentbox -n '__agentbox_profile_in check' -s s -l strict -d 'Warnings count as errors'
complete -c agentbox -n '__agentbox_profile_in test' -s l -l live -d 'Files and processes for real, too'
complete -c agentbox -n '__agentbox_profile_in test' -s c -l case -x -d 'Only this case'
complete -c agentbox -n '__agentbox_profile_in explain' -l on -x -a 'files process network tools memory credentials handoffs admin' -d 'Surface'
complete -c agentbox -n '__agentbox_profile_in init' -l role -x -a 'retrieve reason execute approve monitor' -d 'Role'
complete -c agentbox -n '__agentbox_profile_in init' -l from -x -a '(__agentbox_profiles)' -d 'Begin with what that grants'
complete -c agentbox -n '__agentbox_profile_in init' -s o -l output -r -F -d 'File to write'

complete -c agentbox -n __agentbox_audit_needs_verb -a tail -d 'The newest records'
complete -c agentbox -n __agentbox_audit_needs_verb -a query -d 'The records that match'
complete -c agentbox -n __agentbox_audit_needs_verb -a verify -d 'Is the log whole and unchanged?'
complete -c agentbox -n __agentbox_audit_needs_verb -a export -d 'Records for other programs'
complete -c agentbox -n __agentbox_audit_needs_verb -a stats -d 'How much of what, how large, how far'
complete -c agentbox -n __agentbox_audit_needs_verb -a replay -d 'Decide again, and compare'
complete -c agentbox -n __agentbox_audit_needs_verb -a keys -d 'The keys that others need to verify'
complete -c agentbox -n __agentbox_audit_needs_verb -a checkpoint -d 'Sign what is there, now'
complete -c agentbox -n __agentbox_audit_needs_verb -a rotate -d 'Begin a new file'
complete -c agentbox -n __agentbox_audit_needs_verb -a index -d 'What makes questions fast'
complete -c agentbox -n __agentbox_audit_needs_verb -a schema -d 'JSON Schema of the records'
complete -c agentbox -n __agentbox_audit_needs_verb -a anew -d 'Begin a new log after damage'
set -l asked '__agentbox_audit_in tail query export stats replay'
complete -c agentbox -n $asked -l agent -x -d 'Agent'
complete -c agentbox -n $asked -l run -x -d 'Run'
complete -c agentbox -n $asked -l box -x -d 'Box'
complete -c agentbox -n $asked -l owner -x -d 'Owner'
complete -c agentbox -n $asked -l parent -x -d 'What started it'
complete -c agentbox -n $asked -l handoff -x -d 'Handoff'
complete -c agentbox -n $asked -l rule -x -d 'Rule'
complete -c agentbox -n $asked -l effect -x -a 'allow deny ask redact limit prohibit none' -d 'Effect'
complete -c agentbox -n $asked -l surface -x -a 'files process network tools memory credentials handoffs admin' -d 'Surface'
complete -c agentbox -n $asked -l what -x -d 'Action or event'
complete -c agentbox -n $asked -l status -x -a 'ok error denied timeout killed unknown' -d 'Status'
complete -c agentbox -n $asked -l type -x -a 'log.start log.stop log.restart log.gap log.segment log.checkpoint log.expire channel channel.end intent outcome lifecycle policy approval admin anomaly' -d 'Type of record'
complete -c agentbox -n $asked -l since -x -d 'From then on: 10m, 2h, 3d'
complete -c agentbox -n $asked -l until -x -d 'Up to then'
complete -c agentbox -n $asked -l seq -x -d 'Numbers N..M'
complete -c agentbox -n $asked -l limit -x -d 'The newest N'
complete -c agentbox -n $asked -l utc -d 'Times in UTC'
complete -c agentbox -n $asked -l no-index -d 'Read all files'
complete -c agentbox -n '__agentbox_in audit why trace' -l json -d 'Machine-readable output'
complete -c agentbox -n '__agentbox_in audit why trace' -s h -l help -d 'Help'
complete -c agentbox -n '__agentbox_audit_in tail' -s f -l follow -d 'Go on with those that come'
complete -c agentbox -n '__agentbox_audit_in tail' -s n -l lines -x -d 'How many'
complete -c agentbox -n '__agentbox_audit_in query' -l count -d 'Only how many'
complete -c agentbox -n '__agentbox_audit_in export' -l format -x -a 'jsonl csv ocsf otel' -d 'Form'
complete -c agentbox -n '__agentbox_audit_in export' -l proof -d 'Each with its proof'
complete -c agentbox -n '__agentbox_audit_in verify' -l public-key -r -F -d 'Key of the checkpoints'
complete -c agentbox -n '__agentbox_audit_in verify' -l mac-key -r -F -d 'First MAC key'
complete -c agentbox -n '__agentbox_audit_in verify' -l note -r -F -d 'Checkpoints kept elsewhere'
complete -c agentbox -n '__agentbox_audit_in keys' -l take -r -F -d 'Move the first MAC key'
complete -c agentbox -n '__agentbox_audit_in index' -l rebuild -d 'Make it anew'
complete -c agentbox -n '__agentbox_in why' -l as-agent -d 'What the agent itself may be told'
complete -c agentbox -n '__agentbox_in why trace' -a last
