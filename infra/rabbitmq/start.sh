#!/bin/sh
# Puts the passwords from the environment into the definitions, and becomes the command that follows.
set -eu
: "${RABBITMQ_PASSWORD:?is not set}" "${RABBITMQ_OPERATOR_PASSWORD:?is not set}"
sed -e "s/@BATCHBUS@/$RABBITMQ_PASSWORD/" -e "s/@OPERATOR@/$RABBITMQ_OPERATOR_PASSWORD/" "$(dirname "$0")/definitions.json" \
  > "${RUN_DIRECTORY:-/run/batchbus}/definitions.json"
unset RABBITMQ_PASSWORD RABBITMQ_OPERATOR_PASSWORD
exec "$@"
