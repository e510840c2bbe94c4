#!/usr/bin/env bash
# Runs one step: says its name, runs it, says how long it took. The exit status is the step's.
#   scripts/step.sh NAME COMMAND [ARGUMENT..]
set -uo pipefail

name=$1
shift
printf '==> %s\n' "$name"
start=$SECONDS
status=0
"$@" || status=$?
if [ "$status" -eq 0 ]; then
    printf '==> %s: good, %d s\n' "$name" $((SECONDS - start))
else
    printf '==> %s: FAILED (exit %d), %d s\n' "$name" "$status" $((SECONDS - start)) >&2
fi
exit "$status"
