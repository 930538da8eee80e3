{{/* What the schema cannot say. Each message names the value and what to do. */}}
{{- define "mxmesh.check" -}}
{{- $launcher := .Values.services.launcher }}
{{- $backend := dig "backend" "local" $launcher.settings }}
{{- if and (eq $backend "local") (not $launcher.image) }}
  {{- fail "services.launcher.settings.backend is local, but the launcher's image has no programs to process data with: choose kubernetes or slurm, or name an image with them as services.launcher.image" }}
{{- end }}
{{- if and (eq $backend "slurm") (not $launcher.slurmToken.existingSecret) (not (dig "slurm" "token_file" "" $launcher.settings)) }}
  {{- fail "services.launcher.slurmToken.existingSecret is missing: name the Secret with the token for slurmrestd" }}
{{- end }}
{{- range .Values.data.volumes }}
  {{- if ne 1 (add (ternary 1 0 (not (empty .claim))) (ternary 1 0 (not (empty .nfs))) (ternary 1 0 (not (empty .hostPath))) | int) }}
    {{- fail (printf "data.volumes: set one of claim, nfs and hostPath of volume %s" .name) }}
  {{- end }}
  {{- if and .nfs (eq $backend "kubernetes") }}
    {{- fail (printf "data.volumes: volume %s is NFS, which the Jobs of the launcher cannot mount by themselves: make a PersistentVolumeClaim of it and name that as claim" .name) }}
  {{- end }}
{{- end }}
{{- range $root := .Values.data.roots }}
  {{- $found := false }}
  {{- range $.Values.data.volumes }}
    {{- if hasPrefix (printf "%s/" (trimSuffix "/" .mountPath)) (printf "%s/" (trimSuffix "/" $root)) }}{{ $found = true }}{{ end }}
  {{- end }}
  {{- if not $found }}
    {{- fail (printf "data.roots: %s is on no volume: add one to data.volumes whose mountPath is %s or above it" $root $root) }}
  {{- end }}
{{- end }}
{{- if and .Values.broker.externalSecret.enabled (not (and .Values.broker.externalSecret.storeName .Values.broker.externalSecret.remoteKey)) }}
  {{- fail "broker.externalSecret needs storeName and remoteKey" }}
{{- end }}
{{- if and (eq .Values.autoscaling.kind "keda") (not .Values.activemq.enabled) (not .Values.autoscaling.managementEndpoint) (not .Values.autoscaling.restApiTemplate) }}
  {{- fail "autoscaling.managementEndpoint is missing: host and port of the broker's Jolokia, such as activemq.example.org:8161" }}
{{- end }}
{{- if dig "monitor" "password" "" .Values.services.aggregator.settings }}
  {{- fail "services.aggregator.settings.monitor.password is in plain sight: name a Secret as MXMESH_MONITOR_PASSWORD in services.aggregator.secretEnv" }}
{{- end }}
{{- if lt (int .Values.autoscaling.maxReplicas) (int .Values.autoscaling.minReplicas) }}
  {{- fail "autoscaling.maxReplicas is less than autoscaling.minReplicas" }}
{{- end }}
{{- end }}
