#!/usr/bin/env bash
# The one test command: installs what the tests need (Debian), builds once, runs every .NET and Node test against real servers, and closes
# with "N passed, N failed, N skipped". Exits with 0 only when tests ran and every one of them passed.
set -uo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# Adds up the lines that `count` wrote.
finish() {
  read -r passed failed skipped < <(cat "$results"/*.counts | awk '{ passed += $1; failed += $2; skipped += $3 } END { print passed + 0, failed + 0, skipped + 0 }')
  echo "$passed passed, $failed failed, $skipped skipped"
  (( passed > 0 && failed == 0 && skipped == 0 ))
  exit
}

# What could not even run counts as one failure.
give_up() {
  echo "FAILED: $1"
  echo 0 1 0 > "$results/broken.counts"
  finish
}

as_root() {
  if (( EUID == 0 )); then "$@"; else sudo "$@"; fi
}

# In a subshell, so that the machine's own policy comes back however it ends.
install_packages() (
  policy=/usr/sbin/policy-rc.d
  restore() {
    as_root rm -f "$policy"
    if [[ -e $policy.before-tests ]]; then as_root mv "$policy.before-tests" "$policy"; fi
  }
  if [[ -e $policy ]]; then as_root mv "$policy" "$policy.before-tests"; fi
  trap restore EXIT
  # Packages must not start services: the tests start servers of their own.
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" > /dev/null
  as_root chmod 755 "$policy"
  as_root apt-get update -qq &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@"
)

node_is_recent() {
  command -v npm > /dev/null && (( $(node --print 'process.versions.node.split(".")[0]' 2> /dev/null || echo 0) >= 20 ))
}

install_missing() {
  local missing=()
  [[ -x /usr/bin/redis-server ]] || missing+=(redis-server)
  [[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]] || missing+=(rabbitmq-server)
  if compgen -G 'tests/*/package.json' > /dev/null; then
    node_is_recent || missing+=(nodejs npm)
    command -v chromium > /dev/null || missing+=(chromium)
  fi
  command -v promtool > /dev/null || missing+=(prometheus)

  if (( ${#missing[@]} > 0 )); then
    echo "Installing ${missing[*]}"
    install_packages "${missing[@]}" > "$results/install.log" 2>&1 || { cat "$results/install.log"; return 1; }
  fi
}

count() {
  echo "$2 $3 $4" > "$results/${1%% *}.counts"
  echo "$1: $2 passed, $3 failed, $4 skipped"
}

# Name, message and the top of the stack of each failed test of a .trx file.
show_trx_failures() {
  awk '
    /<UnitTestResult / { name = $0; sub(/.* testName="/, "", name); sub(/".*/, "", name); bad = / outcome="Failed"/; if (bad) show("  FAILED " name) }
    /<ErrorInfo>/ { inside = bad; frames = 0; next }
    /<\/ErrorInfo>/ { inside = 0 }
    inside && (!/^ *(<StackTrace> *)?at / || frames++ < 3) { gsub(/<\/?(Message|StackTrace)>/, ""); show("  " $0) }
    function show(line) {
      gsub(/&lt;/, "<", line); gsub(/&gt;/, ">", line); gsub(/&quot;/, "\"", line); gsub(/&#xD;/, "", line); gsub(/&amp;/, "\\&", line); print line
    }' "$1"
}

test_dotnet() {
  local name trx status=0 total executed ok
  name=$(basename "$1")
  trx=$results/$name.trx
  # A test that hangs ends its project's run, which says its name; none takes longer than four minutes.
  timeout 20m dotnet test "$1" --no-build -c Release --logger "trx;LogFileName=$trx" --results-directory "$results/$name" \
    --blame-hang --blame-hang-timeout 6m --blame-hang-dump-type none > "$results/$name.log" 2>&1 < /dev/null || status=$?
  counter() { sed -n "s/.*<Counters .*\b$1=\"\([0-9]*\)\".*/\1/p" "$trx" 2> /dev/null; }
  total=$(counter total) executed=$(counter executed) ok=$(counter passed)
  if [[ -z $total ]] || (( status != 0 && executed == ok )); then
    tail -n 50 "$results/$name.log"
    count "$name (did not run to its end)" "${ok:-0}" 1 0
  else
    show_trx_failures "$trx"
    count "$name" "$ok" $((executed - ok)) $((total - executed))
  fi
}

test_node() {
  local name log status=0 ok bad total
  name=$(basename "$1")
  log=$results/$name.log
  (cd "$1" && timeout 20m node --test --test-reporter=tap) > "$log" 2>&1 < /dev/null || status=$?
  counter() { sed -n "s/^# $1 \([0-9]*\)$/\1/p" "$log" | tail -n 1; }
  total=$(counter tests) ok=$(counter pass) bad=$(($(counter fail) + $(counter cancelled)))
  if (( status != 0 )); then grep -A 20 -E '^ *not ok' "$log" || tail -n 50 "$log"; fi
  if [[ -z $total ]] || (( status != 0 && bad == 0 )); then
    count "$name (did not run to its end)" "${ok:-0}" 1 0
  else
    count "$name" "$ok" "$bad" $((total - ok - bad))
  fi
}

install_missing || give_up 'a package could not be installed'
compgen -G 'tests/*/package.json' > /dev/null && ! node_is_recent && give_up 'the Node tests need Node 20 or later with npm'
for package in src/*/package.json tests/*/package.json; do
  # Before any test: .NET tests run some of these packages.
  if [[ -e $package ]]; then
    npm ci --prefix "$(dirname "$package")" --no-audit --no-fund --silent < /dev/null || give_up "npm ci fails in $(dirname "$package")"
  fi
done
# Source paths stay real, whatever CI says: some tests read files that lie beside them.
dotnet build BatchBus.sln -c Release -v quiet -p:ContinuousIntegrationBuild=false || give_up 'BatchBus.sln does not build'

# The fault tests alone, since they measure how soon others go on. Of the rest two at once: most of their time is waiting. What a project
# has to say comes in one piece, when it is done.
started=()
for project in tests/BatchBus.Faults.Tests $(ls -d tests/*.Tests | grep -v Faults) $(dirname tests/*/package.json); do
  while (( $(jobs -rp | wc -l) >= 2 )); do wait -n; done
  (
    if [[ -e $project/package.json ]]; then said=$(test_node "$project"); else said=$(test_dotnet "$project"); fi
    echo "$said"
  ) &
  started+=("$project")
  if [[ $project == *Faults* ]]; then wait; fi
done
wait
for project in "${started[@]}"; do
  [[ -e $results/$(basename "$project").counts ]] || give_up "$project has not said how it went"
done
finish
