{{/* The name of most objects. */}}
{{- define "serin.name" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What tells the operator's pods; part of a Deployment that cannot be changed, so nothing may join it. */}}
{{- define "serin.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "serin.labels" -}}
{{ include "serin.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Metadata of an object: (list $ name namespace labels annotations), of which the last three may be empty. */}}
{{- define "serin.metadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 }}
{{- with index . 2 }}
namespace: {{ . }}
{{- end }}
labels:
  {{- mergeOverwrite (include "serin.labels" $root | fromYaml) (index . 3) | toYaml | nindent 2 }}
{{- with merge (dict) (index . 4) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "serin.account" -}}
{{- $made := ternary (include "serin.name" .) "default" .Values.serviceAccount.create -}}
{{- default $made .Values.serviceAccount.name -}}
{{- end -}}

{{- define "serin.image" -}}
{{- $image := .Values.image -}}
{{- $registry := default $image.registry .Values.global.imageRegistry -}}
{{- $name := ternary (printf "%s/%s" $registry $image.repository) $image.repository (ne $registry "") -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{/* What the operator's account may do where it looks: what it does, and nothing else. */}}
{{- define "serin.rules" -}}
# No Secrets, no changes to pods, no spec of a ModelDeployment.
- apiGroups: [serin.dev]
  resources: [modeldeployments]
  verbs: [list, watch]
- apiGroups: [serin.dev]
  resources: [modeldeployments/status]
  verbs: [patch]
# Server-side apply of an object that is missing counts as create; get tells whose a name is after a conflict.
# Deleting a revision takes its Deployment and Service with it, by owner references.
- apiGroups: [apps]
  resources: [controllerrevisions]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch]
# A route is deleted where the spec no longer asks for one.
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# A gate's Job is made from a CronJob's template and never changed. It goes with its revision, or while it
# runs when its rollout ends.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [cronjobs]
  verbs: [get]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end -}}

{{- define "serin.subjects" -}}
subjects:
- kind: ServiceAccount
  name: {{ include "serin.account" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{/* Values that cannot go together, which a schema would say in words that nobody understands. */}}
{{- define "serin.checked" -}}
{{- if and (not .Values.leaderElection.enabled) (gt (int .Values.replicas) 1) -}}
{{- fail (printf "replicas: %v need leaderElection.enabled, or they would all act; set replicas to 1" .Values.replicas) -}}
{{- end -}}
{{- if le (float64 .Values.leaderElection.leaseDurationSeconds) (float64 .Values.leaderElection.renewDeadlineSeconds) -}}
{{- fail (printf "leaderElection.leaseDurationSeconds: %v is not longer than renewDeadlineSeconds (%v); two replicas could act at once" .Values.leaderElection.leaseDurationSeconds .Values.leaderElection.renewDeadlineSeconds) -}}
{{- end -}}
{{- end -}}
