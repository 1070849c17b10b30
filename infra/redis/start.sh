#!/bin/sh
# Puts the password from the environment, as its hash, into the list of users, and becomes the command that follows.
set -eu
: "${REDIS_PASSWORD:?is not set}"
hash=$(printf %s "$REDIS_PASSWORD" | sha256sum | cut -d ' ' -f 1)
unset REDIS_PASSWORD
sed "s/@BATCHBUS@/$hash/" "$(dirname "$0")/users.acl" > "${RUN_DIRECTORY:-/run/batchbus}/users.acl"
exec "$@"
