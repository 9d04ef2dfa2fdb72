#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The analyses under the sanitizers: files that are cut anywhere, and what is no JSON. Usage: hostile_test.sh CTRAFFIC
set -u
export ASAN_OPTIONS=detect_leaks=0 # it ends at once
dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
good='{"Duration":2.5e9,"Connections":2,"PacketSize":1024,"X":[{"a":[null,true,-1.5e3,"\u00e9\"\\"]}],"ConnStats":[{"Connect":1e8,"Ended":2e9,"Err":"","Host":"a\u0041"},{"Connect":0,"Ended":1e9,"Err":"x"}],"Samples":[{"Time":1e9,"Sent":3,"Received":3,"Dropped":0},{"Time":3e9,"Received":8}]}'
failed=0 checks=0

# expect CODE TEXT ANALYSIS: of the file at hand
expect() {
	checks=$((checks + 1))
	"$program" -analyze "$3" -stat_file "$dir/f" >"$dir/out" 2>&1
	got=$?
	[ $got -eq "$1" ] && grep -qF -- "$2" "$dir/out" && return
	failed=$((failed + 1))
	echo "ctraffic -analyze $3: exit code $got (expected $1), expected '$2', got:" >&2
	cat "$dir/out" >&2
	cat "$dir/f" >&2
}

program=$1
printf %s "$good" >"$dir/f"
expect 0 '  aA 1' hosts
expect 0 '0.5 1 0 0 1' connections
expect 0 '2 2.5' throughput
length=$(printf %s "$good" | wc -c)
cut=0
while [ $cut -lt "$length" ]; do
	printf %s "$good" | head -c $cut >"$dir/f"
	expect 2 'it holds no statistics' hosts
	cut=$((cut + 7))
done
for wrong in '[]' '{"ConnStats":{}}' '{"a":"\u12"}' '{"a":"\q"}' '{"a":1}x' "{\"a\":$(printf '[%.0s' $(seq 100))"; do
	printf %s "$wrong" >"$dir/f"
	expect 2 'it holds no statistics' connections
done
printf '{"Connections":1,"ConnStats":null}' >"$dir/f"
expect 2 'holds no connections' hosts
expect 2 'holds no samples' throughput
rm "$dir/f"
expect 2 'No such file' hosts 2>/dev/null
[ $failed -eq 0 ] && echo "old-names: $checks checks passed"
exit $failed
