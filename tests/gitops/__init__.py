"""What GitOps tools make of a ModelDeployment: Argo CD, Flux, Helm 4 and `kubectl wait`, each asked itself.

`recorded/` has objects as the operator wrote them in every state of a rollout, and `truth` what each tool has
to say of them. `python -m tests.gitops.recording` records them anew.
"""
