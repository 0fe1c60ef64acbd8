{{- define "rekey.name" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains "rekey" .Release.Name -}}
{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-rekey" .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "rekey.selector" -}}
app.kubernetes.io/name: rekey
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Without the chart's version: a new one alone restarts no worker. */}}
{{- define "rekey.podLabels" -}}
{{ include "rekey.selector" . }}
app.kubernetes.io/component: worker
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | quote }}
{{- end }}

{{- define "rekey.labels" -}}
{{ include "rekey.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "rekey.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "rekey.name" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end }}

{{- define "rekey.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* The port of metrics and health; on every address, as the kubelet asks from outside. */}}
{{- define "rekey.port" -}}9464{{- end }}

{{- define "rekey.file" -}}
{{ toYaml (set (deepCopy .Values.config) "listen" (printf ":%s" (include "rekey.port" .))) }}
{{- end }}

{{/*
The ports of config.redis, one a line. Hosts without one have Redis's, or the
sentinels'; behind sentinels there is a Redis at its own port.
*/}}
{{- define "rekey.redisPorts" -}}
{{- $ports := list -}}
{{- $address := .Values.config.redis -}}
{{- $sentinel := contains "+sentinel://" $address -}}
{{- $hosts := regexReplaceAll "/.*$" (regexReplaceAll "^.*@" (regexReplaceAll "^[^:]*://" $address "") "") "" -}}
{{- range splitList "," $hosts -}}
{{- $ports = append $ports (regexFind "[0-9]+$" (regexFind ":[0-9]+$" .) | default (ternary "26379" "6379" $sentinel)) -}}
{{- end -}}
{{- if $sentinel }}{{ $ports = append $ports "6379" }}{{ end -}}
{{- range .Values.networkPolicy.redisPorts | default ($ports | uniq) }}
{{ . }}
{{- end -}}
{{- end }}
