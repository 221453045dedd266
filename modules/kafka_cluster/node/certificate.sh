#!/usr/bin/env bash
# Renews this node's certificate when less than four of its seven days are left,
# and has a running Kafka read it. The key is made here and leaves this machine
# never.
set -euo pipefail

set -a
# shellcheck source=/dev/null
source /etc/headwater/node.env
set +a

readonly tls=/etc/headwater/tls
readonly renew_before_seconds=$((4 * 24 * 3600))

fresh() { [[ -s $tls/node.pem ]] && openssl x509 -noout -checkend "$renew_before_seconds" -in "$tls/node.pem" >/dev/null; }

issue() {
  local arn temporary
  temporary=$(mktemp -d "$tls/.new-XXXXXX")
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$temporary/key" -out "$temporary/request" \
    -subj "/O=headwater-node/CN=node-$NODE_ID" -addext "subjectAltName=DNS:$HOST" 2>/dev/null
  arn=$(aws acm-pca issue-certificate --certificate-authority-arn "$AUTHORITY_ARN" --csr "fileb://$temporary/request" \
    --signing-algorithm SHA256WITHRSA --template-arn "$CERTIFICATE_TEMPLATE" --validity Value=7,Type=DAYS \
    --query CertificateArn --output text)
  aws acm-pca wait certificate-issued --certificate-authority-arn "$AUTHORITY_ARN" --certificate-arn "$arn"
  aws acm-pca get-certificate --certificate-authority-arn "$AUTHORITY_ARN" --certificate-arn "$arn" \
    --query Certificate --output text >"$temporary/certificate"
  cat "$temporary/key" "$temporary/certificate" >"$temporary/node.pem"
  chown kafka:kafka "$temporary/node.pem"
  chmod 600 "$temporary/node.pem"
  mv "$temporary/node.pem" "$tls/node.pem"
  rm -r "$temporary"
}

# reload: Kafka reads a listener's files again when its location is set anew.
reload() {
  local listener port address=--bootstrap-server listeners=(client replication)
  port=9091
  if [[ $ROLE == controller ]]; then
    address=--bootstrap-controller listeners=(controller) port=9093
  fi
  for listener in "${listeners[@]}"; do
    /opt/headwater/java/bin/java -Xmx128m -cp '/opt/headwater/kafka/*' kafka.admin.ConfigCommand \
      "$address" "$HOST:$port" --command-config /etc/headwater/admin.properties \
      --alter --entity-type brokers --entity-name "$NODE_ID" \
      --add-config "listener.name.$listener.ssl.keystore.location=$tls/node.pem"
  done
}

umask 077
if ! fresh; then
  echo "kafka-$NODE_ID: asks for a new certificate" >&2
  issue
  if systemctl is-active --quiet kafka.service; then
    reload
  fi
fi
