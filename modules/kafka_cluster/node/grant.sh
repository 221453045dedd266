#!/usr/bin/env bash
# Once a broker serves: the rights of the users that the cluster was seeded with.
# Each line of /etc/headwater/grants is a user and the prefixes of its topics and
# groups. Rights that are there already are left alone.
set -euo pipefail

set -a
# shellcheck source=/dev/null
source /etc/headwater/node.env
set +a

acls() {
  /opt/headwater/java/bin/java -Xmx128m -cp '/opt/headwater/kafka/*' org.apache.kafka.tools.AclCommand \
    --bootstrap-server "$HOST:9091" --command-config /etc/headwater/admin.properties --force --add "$@" >/dev/null
}

[[ $ROLE == broker ]] || exit 0
while read -r user topic_prefix group_prefix; do
  until timeout 60 bash -c "exec 3<>/dev/tcp/$HOST/9091" 2>/dev/null; do sleep 1; done
  acls --allow-principal "User:$user" --topic "$topic_prefix" --resource-pattern-type prefixed --operation Create --operation Describe --operation DescribeConfigs --operation Read --operation Write
  acls --allow-principal "User:$user" --group "$group_prefix" --resource-pattern-type prefixed --operation Describe --operation Read
done </etc/headwater/grants
