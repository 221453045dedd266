#!/usr/bin/env bash
# Makes this machine the Kafka node that /etc/headwater/node.env names: fetches
# what it runs, attaches the node's address and volume, and lets Kafka start only
# on the disk that is the node's own. Runs before every start of Kafka; what is
# done already is left alone.
set -euo pipefail

set -a
# shellcheck source=/dev/null
source /etc/headwater/node.env
set +a

readonly programs=/opt/headwater
readonly mount_point=/var/lib/kafka
readonly data=$mount_point/data
readonly own_marker=$PARAMETER_PREFIX/nodes/$NODE_ID/formatted
readonly cluster_marker=$PARAMETER_PREFIX/bootstrapped
readonly own_tags=("Name=tag:headwater:cluster,Values=$CLUSTER_NAME" "Name=tag:headwater:node,Values=$NODE_ID")

say() { echo "kafka-$NODE_ID: $*" >&2; }

refuse() {
  say "refuses to start: $*"
  exit 78
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
  local until=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    ((SECONDS < until)) || refuse "$what did not come in time"
    sleep 2
  done
}

instance_id() {
  local token service=http://169.254.169.254/latest
  token=$(curl -fsS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$service/api/token")
  curl -fsS -H "X-aws-ec2-metadata-token: $token" "$service/meta-data/instance-id"
}

parameter() { aws ssm get-parameter --name "$1" --query Parameter.Value --output text; }

set_parameter() { aws ssm put-parameter --overwrite --name "$1" --value "$2" >/dev/null; }

# fetch NAME SHA256: an archive of the artifact bucket, unpacked.
fetch() {
  local dir=$programs/$1-$2 temporary
  if [[ ! -d $dir ]]; then
    temporary=$(mktemp -d "$programs/.new-XXXXXX")
    aws s3api get-object --bucket "$ARTIFACT_BUCKET" --key "$1/$2.tar" "$temporary/archive" >/dev/null ||
      refuse "s3://$ARTIFACT_BUCKET/$1/$2.tar cannot be read: upload it with make artifacts"
    echo "$2  $temporary/archive" | sha256sum --check --status ||
      refuse "s3://$ARTIFACT_BUCKET/$1/$2.tar has another sha256 than its name: remove it and upload it again"
    mkdir -m 755 "$temporary/$1"
    tar --extract --no-same-owner --file "$temporary/archive" --directory "$temporary/$1"
    mv "$temporary/$1" "$dir"
    rm -r "$temporary"
  fi
  ln -sfn "$dir" "$programs/$1"
}

# describe_address and describe_volume print one line: id, owner, and the address.
describe_address() {
  aws ec2 describe-network-interfaces --filters "${own_tags[@]}" Name=tag:headwater:address,Values=node \
    --query 'NetworkInterfaces[].[NetworkInterfaceId, Attachment.InstanceId, PrivateIpAddress]' --output text
}

describe_volume() {
  aws ec2 describe-volumes --filters "${own_tags[@]}" Name=tag:headwater:disk,Values=data \
    --query 'Volumes[].[VolumeId, Attachments[0].InstanceId]' --output text
}

# own KIND MACHINE: attaches the one that is tagged as this node's. A dying machine
# may hold it for a while; a living one holds it for ever, which is refused.
own() {
  local found id owner
  found=$("describe_$1") || return 1
  [[ -n $found ]] || refuse "there is no $1 tagged headwater:cluster=$CLUSTER_NAME and headwater:node=$NODE_ID"
  [[ $(wc -l <<<"$found") == 1 ]] || refuse "more than one $1 is tagged as this node's: ${found//$'\n'/, }"
  read -r id owner _ <<<"$found"
  [[ $owner != "$2" ]] || return 0
  say "attaches $1 $id"
  "attach_$1" "$id" "$2" || {
    say "$1 $id is not free yet (held by $owner)"
    return 1
  }
}

attach_address() { aws ec2 attach-network-interface --network-interface-id "$1" --instance-id "$2" --device-index 1 >/dev/null; }

attach_volume() { aws ec2 attach-volume --volume-id "$1" --instance-id "$2" --device /dev/sdf >/dev/null; }

has_address() { [[ -n $(ip -4 -o address show to "$1/32") ]]; }

# device_of VOLUME: the link that the kernel makes once the volume is there.
device_of() { echo "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${1/-/}"; }

# filesystem DEVICE: its type, or nothing when the disk was never written.
filesystem() {
  local status=0
  blkid -p -o value -s TYPE "$1" || status=$?
  ((status == 0)) && return
  ((status == 2)) || refuse "$1 cannot be read (blkid ended with $status)"
  cmp --silent --bytes=1048576 "$1" /dev/zero ||
    refuse "$1 holds something that is no file system: look at it, and blank it if it is not needed"
}

# permission: how the markers allow this node's disk to be formatted; refuses where
# they do not.
permission() {
  local own cluster
  own=$(parameter "$own_marker")
  cluster=$(parameter "$cluster_marker")
  case $ROLE/$own/$cluster in
    broker/unset/*) echo broker ;;
    controller/unset/unset) echo initial ;;
    controller/rejoin/unset) refuse "$own_marker is rejoin, but the cluster has never run: set it to unset" ;;
    controller/rejoin/*) echo rejoin ;;
    controller/unset/*)
      refuse "the disk is empty and the cluster has run: a quorum of empty disks would forget it. To replace this one, remove the old voter, then set $own_marker to rejoin"
      ;;
    *)
      refuse "the disk is empty, but $own_marker says it was formatted as $own: this is another disk, or its data is lost. To replace it, set the marker to $([[ $ROLE == broker ]] && echo unset || echo rejoin)"
      ;;
  esac
}

mount_disk() {
  local device=$1 type
  [[ -b $device ]] || refuse "$device is no disk"
  mountpoint --quiet "$mount_point" && return
  type=$(filesystem "$device")
  if [[ -z $type ]]; then
    permission >/dev/null
    say "makes a file system on $device"
    mkfs.xfs -q "$device"
    type=xfs
  fi
  [[ $type == xfs ]] || refuse "$device holds a file system of type $type, not xfs: this is no disk of Kafka"
  mkdir -p "$mount_point"
  mount -t xfs -o noatime "$device" "$mount_point"
}

# seeds prints the arguments that give each seeded user its password.
seeds() {
  local user password
  for user in $SEED_USERS; do
    password=$(aws secretsmanager get-secret-value --secret-id "$SECRET_PREFIX/$user" --query SecretString --output text)
    printf '%s\n' --add-scram "SCRAM-SHA-512=[name=$user,password=$password]"
  done
}

# format HOW: Kafka's own tool makes the data folder. Arguments with passwords go
# into a file, not onto the command line, and are gone when this script is; what the
# tool prints has the seeded users' keys in it and goes nowhere.
format() {
  local said
  arguments=$(mktemp)
  trap 'rm -f "$arguments"' EXIT
  printf '%s\n' -Xmx128m -cp "$programs/kafka/*" kafka.tools.StorageTool format --cluster-id "$CLUSTER_ID" --config /etc/headwater/server.properties >"$arguments"
  if [[ $1 == initial ]]; then
    printf '%s\n' --initial-controllers "$VOTERS" >>"$arguments"
    seeds >>"$arguments"
  else
    echo --no-initial-controllers >>"$arguments"
  fi
  said=$("$programs/java/bin/java" "@$arguments" 2>&1) || refuse "Kafka's tool could not format $data: ${said##*$'\n'}"
}

# property NAME: a value of meta.properties.
property() { sed -n "s/^$1=//p" "$data/meta.properties"; }

# check_disk: the disk is this node's, or gets formatted where the markers allow it.
check_disk() {
  local how marker
  if [[ ! -e $data/meta.properties ]]; then
    how=$(permission)
    [[ ! -d $data || -z $(ls -A "$data") ]] || refuse "$data has files but no meta.properties: look at them before anything else"
    mkdir -p "$data"
    say "formats $data ($how)"
    format "$how"
  fi
  [[ $(property node.id) == "$NODE_ID" ]] ||
    refuse "the disk belongs to node $(property node.id), not $NODE_ID: attach the volume tagged headwater:node=$NODE_ID"
  [[ $(property cluster.id) == "$CLUSTER_ID" ]] ||
    refuse "the disk belongs to cluster $(property cluster.id), not $CLUSTER_ID: attach the volume of this cluster"
  marker=$(parameter "$own_marker")
  case $marker in
    unset | rejoin) set_parameter "$own_marker" "$(property directory.id)" ;;
    "$(property directory.id)") ;;
    *) refuse "the disk has the directory id $(property directory.id), but $own_marker says $marker: this is an older disk of the node. Attach the newer one, or set the marker to the disk's id to take its state for true" ;;
  esac
}

# close_bootstrap: once every controller has formatted, none is formatted as new again.
close_bootstrap() {
  local id marker
  [[ $ROLE == controller ]] || return 0
  marker=$(parameter "$cluster_marker")
  [[ $marker == unset ]] || return 0
  for id in $CONTROLLER_IDS; do
    marker=$(parameter "$PARAMETER_PREFIX/nodes/$id/formatted")
    [[ $marker != unset ]] || return 0
  done
  say "every controller is formatted: the cluster counts as bootstrapped"
  set_parameter "$cluster_marker" "$CLUSTER_ID"
}

main() {
  local machine address volume device
  umask 022
  mkdir -p "$programs"
  machine=$(instance_id)
  fetch java "$JAVA_SHA256"
  fetch kafka "$KAFKA_SHA256"

  wait_for 300 "the node's address" own address "$machine"
  address=$(describe_address | awk '{print $3}')
  wait_for 120 "the address $address on this machine" has_address "$address"

  wait_for 300 "the node's volume" own volume "$machine"
  volume=$(describe_volume | awk '{print $1}')
  device=$(device_of "$volume")
  wait_for 120 "the disk of $volume, $device," test -e "$device"

  mount_disk "$device"
  /usr/local/lib/headwater/certificate.sh
  check_disk
  close_bootstrap
  chown -R kafka:kafka "$mount_point"
}

main
