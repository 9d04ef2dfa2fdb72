#!/bin/sh
# The command line end to end, without packets: outcomes, sentences and exit codes. Usage: cli_test.sh PROGRAM
set -u
lb=$1
shm=nfqueue-lb-test-$$
out=$(mktemp)
failed=0
checks=0
trap 'rm -f "$out" /dev/shm/$shm' EXIT

# expect CODE TEXT ARGUMENT...: the program exits with CODE and says TEXT on stdout or stderr.
expect() {
	code=$1 text=$2
	shift 2
	checks=$((checks + 1))
	"$lb" "$@" >"$out" 2>&1 </dev/null
	got=$?
	if [ $got -ne "$code" ] || { [ -n "$text" ] && ! grep -qF -- "$text" "$out"; }; then
		failed=$((failed + 1))
		echo "nfqueue-lb $*: exit code $got (expected $code), expected '$text', got:" >&2
		cat "$out" >&2
	fi
}

expect 2 "Usage: nfqueue-lb COMMAND"
expect 0 "Usage: nfqueue-lb COMMAND" --help
expect 2 "Unknown command 'ini'" ini
expect 0 "Usage: nfqueue-lb init" init --help
expect 2 "Unknown option '--nope'. Try 'nfqueue-lb init --help'." init --nope
expect 2 "Unknown option '-x'" init -x
expect 2 "A value is missing after '--M'" init --M
expect 2 "Unexpected argument 'extra'" init extra
expect 2 "nearest primes are 997 and 1009" init --shm $shm --M 1000
expect 2 "--M must be a number within 2..16777213, not '16777259'" init --shm $shm --M 16777259
expect 2 "--N must be a number within 1..1000, not '1001'" init --shm $shm --N 1001
expect 2 "--seed must be a number within 0..4294967295, not '-1'" init --shm $shm --seed -1
expect 2 "not '12x'" init --shm $shm --M 12x
expect 2 "can't hold N = 32" init --shm $shm --M 31
expect 2 "--mode must be maglev or modulo" init --shm $shm -m nope
expect 2 "can't name a table" init --shm a/b
for command in show stats delete run "lookup --batch" "activate 1" "deactivate 1" "set --active 0:1"; do
	expect 1 "it does not exist" $command --shm $shm
done

expect 0 "" init --shm $shm -p --M 7 --N 4 --mask 0xffff
expect 1 "exists already. Use --force" init --shm $shm
expect 0 '"index":null' lookup --shm $shm --src 50.0.0.1:1 --dst 10.0.0.0:2
expect 0 '{"version":1,"active":3,' activate --shm $shm 101 102 103
expect 0 '{"version":2,"active":1,' deactivate --shm $shm 101 103
expect 0 '{"index":0,"fwmark":101,"active":false,"slots":0},{"index":1,"fwmark":102,"active":true,"slots":7}' \
	show --shm $shm --json
expect 0 '{"version":3,"active":2,' activate --shm $shm 103
expect 0 '{"index":2,"fwmark":103,"active":true' show --shm $shm --json
expect 2 "belongs to the active target 1" activate --shm $shm --index 3 102
expect 2 "bits outside the table's mask 0xffff" activate --shm $shm 0x10000
expect 2 "A fwmark must be a number within 1..4294967295, not '0'" activate --shm $shm 0
expect 1 "No target has the fwmark 999" deactivate --shm $shm 999
expect 0 '{"version":4,"active":2,' set --shm $shm --active 0:201,3:204
expect 2 "given twice" set --shm $shm --active 0:201,0:202
expect 2 "'index:fwmark'" set --shm $shm --active 0
expect 2 "A target's index must be a number within 0..3" set --shm $shm --active 4:1
expect 0 '"version":4,' show --shm $shm --json --table
expect 0 'hash on addresses and ports' show --shm $shm
expect 0 '"outcome":"flow","key":"00000000000000000000ffff3200000100000000000000000000ffff0a0000003039138906000000"' \
	lookup --shm $shm --src 50.0.0.1:12345 --dst 10.0.0.0:5001
expect 0 '"key":"20000000000000000000000000000001100000000000000000000000000000003039138906000000"' \
	lookup --shm $shm --src '[2000::1]:12345' --dst '[1000::]:5001'
expect 0 '"outcome":"icmp_echo"' lookup --shm $shm --proto icmp --src 50.0.0.1:7 --dst 10.0.0.0
expect 2 "different families" lookup --shm $shm --src 50.0.0.1 --dst 1000::
expect 2 "Unknown protocol 'nope'" lookup --shm $shm --proto nope --src 50.0.0.1 --dst 10.0.0.0
expect 2 "'70000' is not a port" lookup --shm $shm --src 50.0.0.1:70000 --dst 10.0.0.0
expect 0 '"outcome":"malformed","key":null' lookup --shm $shm --packet 45
expect 0 '"outcome":"short"' lookup --shm $shm --packet 45 --length 40
expect 2 "hexadecimal" lookup --shm $shm --packet 4x
expect 2 "Give either" lookup --shm $shm
expect 0 '{"version":5,"active":0,' set --shm $shm --active ''
expect 0 '"picked":[0,0,0,0]' stats --shm $shm
expect 0 "" init --shm $shm --force
expect 2 "The last queue must be a number within 3..65535" run --shm $shm --queue 3:1
expect 2 "At most 64 queues" run --shm $shm --queue 0:64
expect 2 "not 'badly'" run --shm $shm --broken badly

checks=$((checks + 1))
printf '%s\n' 'tcp 50.0.0.1 1 10.0.0.0 2' 'bad "line' 'packet 45 40' |
	"$lb" lookup --shm $shm --batch >"$out"
if [ $? -ne 1 ] || [ "$(cut -c1-12 "$out" | tr '\n' ' ')" != '{"outcome":" {"error":"A  {"outcome":" ' ]; then
	failed=$((failed + 1))
	echo "lookup --batch:" >&2
	cat "$out" >&2
fi

expect 0 "" delete --shm $shm
printf 'not a table' >/dev/shm/$shm
expect 1 "is not a table" show --shm $shm

echo "cli: $((checks - failed)) checks passed, $failed failed"
[ $failed -eq 0 ]
