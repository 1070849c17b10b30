#!/bin/sh
# Writes .env, the passwords of the servers in docker-compose.yml, and an empty batchbus.env beside it. What is there already is kept.
set -eu
cd "$(dirname "$0")/.."
umask 077
if [ ! -e .env ]; then
  for name in GRAFANA_PASSWORD RABBITMQ_OPERATOR_PASSWORD RABBITMQ_PASSWORD REDIS_PASSWORD; do
    echo "$name=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"
  done > .env
fi
[ -e batchbus.env ] || cp infra/batchbus.env.example batchbus.env
