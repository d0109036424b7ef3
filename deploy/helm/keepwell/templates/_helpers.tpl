{{- define "keepwell.labels" -}}
app.kubernetes.io/name: keepwell
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "keepwell.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "keepwell.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "keepwell.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "keepwell.env" -}}
- name: KEEPWELL_SECRETS_DIR
  value: /run/secrets/keepwell
- name: KEEPWELL_LOG_FORMAT
  value: json
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "keepwell.mounts" -}}
- name: config
  mountPath: /etc/keepwell
  readOnly: true
- name: secrets
  mountPath: /run/secrets/keepwell
  readOnly: true
- name: data
  mountPath: /data
- name: tmp
  mountPath: /tmp
{{- end }}

{{- define "keepwell.volumes" -}}
- name: config
  configMap:
    name: {{ .Release.Name }}
- name: secrets
  secret:
    secretName: {{ .Values.existingSecret }}
    defaultMode: 0440
- name: data
{{- if .Values.persistence.enabled }}
  persistentVolumeClaim:
    claimName: {{ .Values.persistence.existingClaim | default .Release.Name }}
{{- else }}
  emptyDir: {}
{{- end }}
- name: tmp
  emptyDir:
    medium: Memory
    sizeLimit: 256Mi
{{- end }}

{{- define "keepwell.placement" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
{{ toYaml . | indent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
{{ toYaml . | indent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
{{ toYaml . | indent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
{{ toYaml . | indent 2 }}
{{- end }}
{{- end }}

{{- /* What starts pods on a schedule. Takes a dict: `root`, where the chart begins; `component`, a label; `args` of the command. */}}
{{- define "keepwell.onSchedule" -}}
# Two runs at once would be safe, but the second only ends with exit code 75.
concurrencyPolicy: Forbid
startingDeadlineSeconds: {{ .root.Values.startingDeadlineSeconds }}
successfulJobsHistoryLimit: {{ .root.Values.successfulJobsHistoryLimit }}
failedJobsHistoryLimit: {{ .root.Values.failedJobsHistoryLimit }}
jobTemplate:
  metadata:
    labels:
{{ include "keepwell.labels" .root | indent 6 }}
  spec:
    activeDeadlineSeconds: {{ .root.Values.activeDeadlineSeconds }}
    backoffLimit: 2
    # A pod that a node lost is started again. A run that ended said how: another try would say the same.
    podFailurePolicy:
      rules:
        - action: Ignore
          onPodConditions:
            - type: DisruptionTarget
        - action: FailJob
          onExitCodes:
            containerName: keepwell
            operator: In
            values: [1, 2, 3, 5, 6, 75]
    template:
      metadata:
        labels:
{{ include "keepwell.labels" .root | indent 10 }}
          app.kubernetes.io/component: {{ .component }}
{{- with .root.Values.podLabels }}
{{ toYaml . | indent 10 }}
{{- end }}
{{- with .root.Values.podAnnotations }}
        annotations:
{{ toYaml . | indent 10 }}
{{- end }}
      spec:
        restartPolicy: Never
        serviceAccountName: {{ .root.Release.Name }}
        automountServiceAccountToken: false
        terminationGracePeriodSeconds: {{ .root.Values.terminationGracePeriodSeconds }}
        securityContext:
{{ include "keepwell.podSecurity" .root | indent 10 }}
{{ include "keepwell.placement" .root | indent 8 }}
        containers:
          - name: keepwell
            image: {{ include "keepwell.image" .root | quote }}
            imagePullPolicy: {{ .root.Values.image.pullPolicy }}
            args:
{{ toYaml .args | indent 14 }}
            env:
{{ include "keepwell.env" .root | indent 14 }}
            resources:
{{ toYaml .root.Values.resources | indent 14 }}
            securityContext:
{{ include "keepwell.containerSecurity" .root | indent 14 }}
            volumeMounts:
{{ include "keepwell.mounts" .root | indent 14 }}
        volumes:
{{ include "keepwell.volumes" .root | indent 10 }}
{{- end }}
