{{/* Name of one part of the release: mxmesh.name (list $ "writer") */}}
{{- define "mxmesh.name" -}}
{{ printf "%s-%s" (index . 0).Release.Name (index . 1) | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "mxmesh.selector" -}}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "mxmesh.labels" -}}
{{ include "mxmesh.selector" . }}
app.kubernetes.io/name: mxmesh
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ (index . 0).Chart.Name }}-{{ (index . 0).Chart.Version }}
mxmesh/beamline: {{ (index . 0).Values.beamline }}
{{- end }}

{{/* Full reference of an image: mxmesh.image (list $ "writer" "override or empty") */}}
{{- define "mxmesh.image" -}}
{{- $root := index . 0 }}
{{- with index . 2 }}{{ . }}{{ else }}
{{- printf "%s/mxmesh-%s:%s" $root.Values.image.repository (index . 1) ($root.Values.image.tag | default $root.Chart.AppVersion) }}
{{- end }}
{{- end }}

{{- define "mxmesh.prefix" -}}
{{ tpl .Values.broker.prefix . }}
{{- end }}

{{- define "mxmesh.brokerUrl" -}}
{{ if .Values.activemq.enabled }}stomp://{{ include "mxmesh.name" (list . "activemq") }}:61613{{ else }}{{ .Values.broker.url }}{{ end }}
{{- end }}

{{/* Where the aggregator asks how the broker is; empty: nowhere. */}}
{{- define "mxmesh.monitorUrl" -}}
{{- $own := ternary (printf "http://%s:8161/api/jolokia" (include "mxmesh.name" (list . "activemq"))) "" .Values.activemq.enabled }}
{{- dig "monitor" "url" $own .Values.services.aggregator.settings | default "" }}
{{- end }}

{{- define "mxmesh.otlpEndpoint" -}}
{{ if .Values.jaeger.enabled }}http://{{ include "mxmesh.name" (list . "jaeger") }}:4318{{ else }}{{ .Values.tracing.otlpEndpoint }}{{ end }}
{{- end }}

{{/* Ports that a URL, or several in one, names; as YAML. */}}
{{- define "mxmesh.ports" -}}
ports: [{{ range $i, $port := regexFindAll ":[0-9]+" . -1 }}{{ if $i }}, {{ end }}{{ trimPrefix ":" $port }}{{ end }}]
{{- end }}

{{/* What Pod Security 'restricted' asks of a pod and of its containers. */}}
{{- define "mxmesh.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .Values.security.runAsUser }}
runAsGroup: {{ .Values.security.runAsGroup }}
fsGroup: {{ .Values.security.fsGroup }}
{{- with .Values.security.supplementalGroups }}
supplementalGroups: {{ toJson . }}
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "mxmesh.containerSecurity" -}}
{allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
{{- end }}

{{/* Login for the broker, as variables. */}}
{{- define "mxmesh.brokerLogin" -}}
- name: MXMESH_BROKER_USER
  valueFrom: {secretKeyRef: {name: {{ .Values.broker.existingSecret }}, key: {{ .Values.broker.userKey }}}}
- name: MXMESH_BROKER_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .Values.broker.existingSecret }}, key: {{ .Values.broker.passwordKey }}}}
{{- end }}

{{/* Whether a service has a volume of its own; not if it keeps everything in a database elsewhere. */}}
{{- define "mxmesh.keepsFiles" -}}
{{ if and (hasKey . "persistence") (not (dig "database" "existingSecret" "" .)) }}true{{ end }}
{{- end }}

{{/* Source of a volume that outlives its pod: mxmesh.stateVolume (list $ "writer" persistence) */}}
{{- define "mxmesh.stateVolume" -}}
{{- $persistence := index . 2 }}
{{- if not $persistence.enabled -}}
emptyDir: {}
{{- else -}}
persistentVolumeClaim: {claimName: {{ $persistence.existingClaim | default (include "mxmesh.name" (list (index . 0) (index . 1))) }}}
{{- end }}
{{- end }}

{{/* Source of a volume with visits. */}}
{{- define "mxmesh.dataVolume" -}}
name: {{ .name }}
{{- if .claim }}
persistentVolumeClaim: {claimName: {{ .claim }}}
{{- else if .nfs }}
nfs: {{ toJson .nfs }}
{{- else }}
hostPath: {path: {{ .hostPath }}}
{{- end }}
{{- end }}

{{- define "mxmesh.dataMount" -}}
name: {{ .name }}
mountPath: {{ .mountPath }}
{{- with .subPath }}
subPath: {{ . }}
{{- end }}
{{- end }}

{{/* PriorityClass of a service's pods: its own, or the release's for the way of live grid scans. */}}
{{- define "mxmesh.priorityClass" -}}
{{- $root := index . 0 }}{{- $name := index . 1 }}
{{- if (index $root.Values.services $name).priorityClass -}}
{{ (index $root.Values.services $name).priorityClass }}
{{- else if and $root.Values.priorityClass.create (eq $root.Values.mode "live") (has $name (list "ingester" "spotfinder" "writer")) -}}
{{ include "mxmesh.priorityClassName" $root }}
{{- end }}
{{- end }}

{{/* Not of a namespace, hence with its name. */}}
{{- define "mxmesh.priorityClassName" -}}
{{ printf "%s-%s-grid-scans" .Release.Namespace .Release.Name }}
{{- end }}
