{{/* Names and labels. Call with (dict "root" $ "service" "ingest"). */}}
{{- define "cohortflow.name" -}}
{{ .root.Release.Name | trunc 40 | trimSuffix "-" }}-{{ .service }}
{{- end }}

{{- define "cohortflow.selector" -}}
app.kubernetes.io/name: cohortflow
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .service }}
{{- end }}

{{- define "cohortflow.labels" -}}
{{ include "cohortflow.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "cohortflow.secretRef" -}}
valueFrom: {secretKeyRef: {name: {{ .name | quote }}, key: {{ .key | quote }}}}
{{- end }}

{{/* The pod of a service: everything that Kubernetes' "restricted" level asks for. */}}
{{- define "cohortflow.pod" -}}
{{- $v := .root.Values -}}
{{- $own := index $v .service -}}
metadata:
  labels: {{- include "cohortflow.labels" . | nindent 4 }}
  annotations:
    checksum/catalogue: {{ $v.catalogue | sha256sum }}
    {{- with $v.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ include "cohortflow.name" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $v.terminationGracePeriodSeconds }}
  {{- with $v.image.pullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "cohortflow.selector" . | nindent 10 }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    seccompProfile: {type: RuntimeDefault}
  containers:
    - name: {{ .service }}
      image: "{{ $v.image.repository }}-{{ .service }}:{{ $v.image.tag | default .root.Chart.AppVersion }}"
      imagePullPolicy: {{ $v.image.pullPolicy }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      env:
        - {name: COHORTFLOW_KAFKA_BROKERS, value: {{ join "," $v.kafka.brokers | quote }}}
        {{- if $v.kafka.tls.enabled }}
        - {name: COHORTFLOW_KAFKA_TLS, value: "true"}
        {{- else }}
        - {name: COHORTFLOW_KAFKA_PLAINTEXT, value: "true"}
        {{- end }}
        {{- with $v.kafka.sasl }}{{ if .mechanism }}
        - {name: COHORTFLOW_KAFKA_SASL, value: {{ .mechanism | quote }}}
        - name: COHORTFLOW_KAFKA_SASL_USER
          {{- include "cohortflow.secretRef" (dict "name" .existingSecret.name "key" .existingSecret.usernameKey) | nindent 10 }}
        - name: COHORTFLOW_KAFKA_SASL_PASSWORD
          {{- include "cohortflow.secretRef" (dict "name" .existingSecret.name "key" .existingSecret.passwordKey) | nindent 10 }}
        {{- end }}{{ end }}
        - {name: COHORTFLOW_PARTITIONS, value: {{ $v.partitions | quote }}}
        - {name: COHORTFLOW_ADMIN, value: "0.0.0.0:9464"}
        - {name: COHORTFLOW_LOG_LEVEL, value: {{ $v.logLevel | quote }}}
        - {name: COHORTFLOW_SEAL_SECRET_FILE, value: /run/secrets/cohortflow/seal}
        {{- if $v.registryURL }}
        - {name: COHORTFLOW_REGISTRY, value: {{ $v.registryURL | quote }}}
        {{- end }}
        {{- if eq .service "ingest" }}
        - {name: COHORTFLOW_HTTP, value: "0.0.0.0:8080"}
        {{- end }}
        {{- if eq .service "processor" }}
        - name: COHORTFLOW_REDIS
          {{- include "cohortflow.secretRef" (dict "name" $v.redis.existingSecret.name "key" $v.redis.existingSecret.urlKey) | nindent 10 }}
        {{- end }}
        {{- if eq .service "console" }}
        - name: COHORTFLOW_REDIS
          {{- include "cohortflow.secretRef" (dict "name" $v.redis.existingSecret.name "key" $v.redis.existingSecret.urlKey) | nindent 10 }}
        - {name: COHORTFLOW_CONSOLE_LISTEN, value: "0.0.0.0:8090"}
        - name: COHORTFLOW_CONSOLE_KEYS
          {{- include "cohortflow.secretRef" (dict "name" $v.console.existingSecret.name "key" $v.console.existingSecret.key) | nindent 10 }}
        {{- end }}
        {{- if and $v.catalogue (ne .service "console") }}
        - {name: COHORTFLOW_CATALOGUE, value: /etc/cohortflow/catalogue.yaml}
        {{- end }}
        - {name: K8S_POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: K8S_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
        - {name: K8S_NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
        - name: OTEL_RESOURCE_ATTRIBUTES
          value: k8s.pod.name=$(K8S_POD_NAME),k8s.namespace.name=$(K8S_NAMESPACE),k8s.node.name=$(K8S_NODE_NAME)
        {{- range $name, $value := $v.otel }}
        - {name: {{ $name }}, value: {{ $value | quote }}}
        {{- end }}
        {{- range $name, $value := $own.env }}
        - {name: {{ $name }}, value: {{ $value | quote }}}
        {{- end }}
        {{- range $name, $ref := $own.secretEnv }}
        - name: {{ $name }}
          {{- include "cohortflow.secretRef" (dict "name" $ref.secret "key" $ref.key) | nindent 10 }}
        {{- end }}
      ports:
        {{- if eq .service "ingest" }}
        - {name: http, containerPort: 8080}
        {{- end }}
        {{- if eq .service "console" }}
        - {name: http, containerPort: 8090}
        {{- end }}
        - {name: admin, containerPort: 9464}
      # Liveness asks the process alone: a restart mends neither Kafka nor Redis.
      livenessProbe:
        httpGet: {path: /healthz, port: admin}
        periodSeconds: 10
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: admin}
        periodSeconds: 5
        failureThreshold: 2
      startupProbe:
        httpGet: {path: /healthz, port: admin}
        periodSeconds: 2
        failureThreshold: 60
      resources: {{- toYaml $own.resources | nindent 8 }}
      volumeMounts:
        - {name: seal, mountPath: /run/secrets/cohortflow, readOnly: true}
        {{- if and $v.catalogue (ne .service "console") }}
        - {name: catalogue, mountPath: /etc/cohortflow, readOnly: true}
        {{- end }}
  volumes:
    - name: seal
      secret:
        secretName: {{ $v.seal.existingSecret.name | quote }}
        defaultMode: 0440
        items: [{key: {{ $v.seal.existingSecret.key | quote }}, path: seal}]
    {{- if and $v.catalogue (ne .service "console") }}
    - name: catalogue
      configMap: {name: {{ .root.Release.Name }}-catalogue}
    {{- end }}
{{- end }}
