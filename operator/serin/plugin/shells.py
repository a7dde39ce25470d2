"""`completion`: what shells read so that Tab completes `kubectl-serin`.

For `kubectl serin` nothing is needed beside kubectl's own completion, which finds `kubectl_complete-serin`.
"""

from collections.abc import Mapping
from typing import Final

from serin.plugin.exits import Exit
from serin.plugin.session import Session


async def completion(session: Session) -> Exit:
    """The script that a shell reads."""
    session.terminal.say(*SCRIPTS[session.options.shell].splitlines())
    return Exit.OK


SCRIPTS: Final[Mapping[str, str]] = {
    "bash": """\
# kubectl-serin: source <(kubectl serin completion bash)
_kubectl_serin() {
    local IFS=$'\\n' answer
    answer=$(kubectl_complete-serin "${COMP_WORDS[@]:1:COMP_CWORD}" 2> /dev/null) || return
    if [[ ${answer##*:} == 0 ]]; then compopt -o default; fi
    COMPREPLY=($(sed -e '$d' -e 's/\\t.*//' <<< "$answer"))
}
complete -F _kubectl_serin kubectl-serin""",
    "zsh": """\
#compdef kubectl-serin
# kubectl-serin: source <(kubectl serin completion zsh)
_kubectl_serin() {
    local -a answer offered
    answer=("${(@f)$(kubectl_complete-serin "${(@)words[2,CURRENT]}" 2> /dev/null)}")
    offered=("${(@)answer[1,-2]/$'\\t'/:}")
    _describe -t serin 'kubectl serin' offered
    if [[ ${answer[-1]} == :0 ]]; then _files; fi
}
compdef _kubectl_serin kubectl-serin""",
    "fish": """\
# kubectl-serin: kubectl serin completion fish | source
function __kubectl_serin
    set -l words (commandline -opc) (commandline -ct)
    kubectl_complete-serin $words[2..-1] 2> /dev/null | string match -v -r '^:[0-9]+$'
end
complete -c kubectl-serin -a '(__kubectl_serin)'""",
}
