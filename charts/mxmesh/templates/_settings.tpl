{{/* Settings of one service, as services/<name>/settings.py reads them: mxmesh.settings (list $ "writer") */}}
{{- define "mxmesh.settings" -}}
{{- $root := index . 0 }}{{- $name := index . 1 }}{{- $values := $root.Values }}
{{- $service := index $values.services $name }}
{{- $own := deepCopy $service.settings }}
{{- $broker := dict "url" (include "mxmesh.brokerUrl" $root) "prefix" (include "mxmesh.prefix" $root) }}
{{- $_ := set $broker "dead_letter_days" $values.broker.deadLetterDays }}
{{- $filled := dict "beamline" $values.beamline "mode" $values.mode "broker" $broker }}
{{- if eq $name "aggregator" }}
  {{- $filled = merge $filled (dict "page_host" "0.0.0.0" "page_port" 8080) }}
  {{- with include "mxmesh.monitorUrl" $root }}{{ $_ := set $filled "monitor" (dict "url" .) }}{{ end }}
{{- else }}
  {{- $filled = merge $filled (dict "probe_host" "0.0.0.0" "probe_port" 8080) }}
{{- end }}
{{- if has $name (list "ingester" "launcher") }}
  {{- $filled = merge $filled (dict "data_roots" $values.data.roots) }}
{{- end }}
{{- if and (hasKey $service "database") (not (dig "database" "existingSecret" "" $service)) }}
  {{- $filled = merge $filled (dict "database_url" (printf "sqlite+aiosqlite:////state/%s.sqlite" $name)) }}
{{- end }}
{{- if eq $name "launcher" }}
  {{- $filled = merge $filled (include "mxmesh.launcherSettings" $root | fromJson) }}
{{- end }}
{{- merge $own $filled | toPrettyJson }}
{{- end }}

{{/* What the launcher's settings take from elsewhere in the values. */}}
{{- define "mxmesh.launcherSettings" -}}
{{- $launcher := .Values.services.launcher }}
{{- $filled := dict "state_directory" "/state/launcher" }}
{{- if eq (dig "backend" "local" $launcher.settings) "kubernetes" }}
  {{- $volumes := list }}
  {{- range .Values.data.volumes }}
    {{- $volume := dict "path" .mountPath }}
    {{- with .claim }}{{ $_ := set $volume "claim" . }}{{ end }}
    {{- with .hostPath }}{{ $_ := set $volume "host_path" . }}{{ end }}
    {{- with .subPath }}{{ $_ := set $volume "sub_path" . }}{{ end }}
    {{- $volumes = append $volumes $volume }}
  {{- end }}
  {{- $jobs := dict "namespace" .Release.Namespace "volumes" $volumes "image" (include "mxmesh.image" (list . "dials" "")) }}
  {{- $jobs = merge $jobs (dict "image_pull_policy" .Values.image.pullPolicy "image_pull_secrets" .Values.image.pullSecrets) }}
  {{- $jobs = merge $jobs (dict "run_as_user" .Values.security.runAsUser "run_as_group" .Values.security.runAsGroup) }}
  {{- $jobs = merge $jobs (dict "supplemental_groups" .Values.security.supplementalGroups) }}
  {{- $_ := set $filled "kubernetes" $jobs }}
  {{- $_ := set $filled "hdf5_plugins" "/opt/hdf5-plugins" }}
{{- end }}
{{- if $launcher.slurmToken.existingSecret }}
  {{- $_ := set $filled "slurm" (dict "token_file" "/run/secrets/mxmesh/slurm-token") }}
{{- end }}
{{- toJson $filled }}
{{- end }}
