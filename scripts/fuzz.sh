#!/usr/bin/env bash
# Attacks every parser in turn with cargo-fuzz. Starts from the inputs the tests replay; what the fuzzer
# learns stays in fuzz/corpus-grown, which git does not keep. See fuzz/README.md.
#   SECONDS_EACH=600 TARGETS="rtsp nut" scripts/fuzz.sh
set -euo pipefail
cd "$(dirname "$0")/../fuzz"

seconds=${SECONDS_EACH:-600}
for target in ${TARGETS:-rtsp nut h264 mp4 rpc jwt config api_keys range}; do
    case $target in
    rtsp) seeds=../crates/engine/testdata/rtsp ;;
    rpc | jwt | config | api_keys | range) seeds=../crates/server/testdata/$target ;;
    *) seeds=../crates/media/testdata/$target ;;
    esac
    mkdir -p "corpus-grown/$target"
    ../scripts/step.sh "fuzz $target" \
        ../target/tools/bin/cargo-fuzz run --fuzz-dir . "$target" "corpus-grown/$target" "$seeds" -- \
        -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=1024
done
