#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The command line end to end, without packets: outcomes, sentences and exit codes. Usage: cli_test.sh PROGRAM
set -u
lb=$1
shm=nfqueue-lb-test-$$
out=$(mktemp)
failed=0
checks=0
trap 'rm -f "$out" /dev/shm/$shm /dev/shm/$shm.flows /dev/shm/$shm.flows.rules' EXIT

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
expect 2 "Invalid value '16777259' for --M: expected a number within 2..16777213." init --shm $shm --M 16777259
expect 2 "Invalid value '1001' for --N: expected a number within 1..1000." init --shm $shm --N 1001
expect 2 "Invalid value '-1' for --seed: expected a number within 0..4294967295." init --shm $shm --seed -1
expect 2 "Invalid value '12x' for --M" init --shm $shm --M 12x
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
expect 0 '{"version":6,"active":2,' set --shm $shm --active 0:201,3:204@3
expect 0 '"index":3,"fwmark":204,"active":true,"weight":3,"slots":5}' show --shm $shm --json
expect 2 "A target's weight must be a number within 1..65535, not '0'" set --shm $shm --active 0:201@0
expect 0 '"picked":[0,0,0,0]' stats --shm $shm
expect 0 "" init --shm $shm --force
expect 2 "The last queue must be a number within 3..65535" run --shm $shm --queue 3:1
expect 2 "At most 64 queues" run --shm $shm --queue 0:64
expect 2 "--per-cpu takes at most one queue per CPU: $(nproc --all), not $(($(nproc --all) + 1))." run --shm $shm --per-cpu --queue 0:$(nproc --all)
expect 2 "not 'badly'" run --shm $shm --broken badly

expect 2 "--routers needs --fragments." run --shm $shm --routers $shm --own 1
expect 2 "--routers and --own need each other." run --shm $shm --fragments --own 1
expect 2 "--nolb-fwmark needs --flows." run --shm $shm --nolb-fwmark 1
expect 2 "--promiscuous-ping needs --flows." run --shm $shm --promiscuous-ping
expect 0 "loglevel=5" loglevel --shm $shm
expect 0 "loglevel=7" loglevel --shm $shm 7
expect 0 "loglevel=7" loglevel --shm $shm
expect 2 "The log level must be a number within 0..7, not '8'." loglevel --shm $shm 8
expect 2 "Invalid value '0' for --sctp-encap" lookup --shm $shm --packet 45 --sctp-encap 0
expect 2 "No queue is left for fragments after queue 65535." run --shm $shm --fragments --queue 65535

expect 0 '"flows":[]' flow-list --shm $shm
expect 2 "needs --name and --targets" flow-set --shm $shm --name web
expect 1 "Cannot open the table 'nowhere-$$'" flow-set --shm $shm --name web --targets nowhere-$$
expect 2 "can't name a flow" flow-set --shm $shm --name 'w"b' --targets $shm
expect 2 "'10.0.0' is not an IP address" flow-set --shm $shm --name web --targets $shm --dsts 10.0.0/8
expect 2 "The length of a prefix must be a number within 0..32" flow-set --shm $shm --name web --targets $shm --dsts 10.0.0.0/33
expect 2 "The last port must be a number within 80..65535" flow-set --shm $shm --name web --targets $shm --dports 80-79
expect 2 "Unknown protocol 'tpc'" flow-set --shm $shm --name web --targets $shm --protocols tpc
expect 2 "1 to 8 bytes in hexadecimal" flow-set --shm $shm --name web --targets $shm --match 0:abc
expect 2 "as long as" flow-set --shm $shm --name web --targets $shm --match 0:abcd/ff
expect 2 "empty or too long part" flow-set --shm $shm --name web --targets $shm --dports 80,,81
expect 2 "at most 16" flow-set --shm $shm --name web --targets $shm --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17
expect 0 '{"version":1,"flows":1,"inForce":false}' flow-set --shm $shm --name web --targets $shm --protocols tcp,17 \
	--srcs 0.0.0.0/0,::/0 --dsts 10.0.0.0/32,1000::/128 --sports 1-2 --dports 80,443-445 --match 0:12/f0,13:02
expect 0 '{"version":2,"flows":2,' flow-set --shm $shm --name all --targets $shm --priority 9
expect 0 '"flows":[{"name":"all","priority":9,"targets":"'$shm'","conditions":"","userRef":0,"packets":0},{"name":"web"' flow-list --shm $shm
expect 0 '"fwmark":null,"flow":"all"}' lookup --shm $shm --flows --src 50.0.0.1:1 --dst 10.0.0.0:80
expect 0 '{"version":3,"flows":2,' flow-set --shm $shm --name all --targets $shm --priority 0 --dports 53
expect 0 '"index":null,"fwmark":null,"flow":null}' lookup --shm $shm --flows --src 50.0.0.1:1 --dst 10.0.0.0:80
expect 0 '"fwmark":null,"flow":"all"}' lookup --shm $shm --flows --src 50.0.0.1:1 --dst 10.0.0.0:53
expect 0 '"outcome":"malformed","key":null,"hash":null,"slot":null,"index":null,"fwmark":null,"flow":null}' lookup --shm $shm --flows --packet 45
expect 0 '"flows":[{"name":"web",' flow-list --shm $shm
expect 1 "There is no flow 'dns'" flow-delete --shm $shm dns
expect 0 '{"version":4,"flows":1,' flow-delete --shm $shm web
expect 0 "" flow-set --shm $shm --name syn --targets $shm --dports 443 --match 13:02/02
syn=450000280000000040060000320000010a000000000101bb12000000000000005002000000000000
expect 0 '"key":"00000000000000000000ffff3200000100000000000000000000ffff0a000000000101bb06000000","hash":' lookup --shm $shm --flows --packet $syn
expect 0 '"flow":"syn"}' lookup --shm $shm --flows --packet $syn
expect 0 '"flow":null}' lookup --shm $shm --flows --packet ${syn%02000000000000}10000000000000
expect 0 "" flow-delete --shm $shm syn
expect 2 "A flow needs --name. Try 'nfqueue-lb trace-flow-set --help'." trace-flow-set --shm $shm
expect 0 '{"version":1,"flows":1,"inForce":false}' trace-flow-set --shm $shm --name syn --protocols tcp --match 13:02/02
expect 0 '"flows":[{"name":"syn","priority":0,"targets":"'$shm'","conditions":"--protocols tcp --match 13:02/02","userRef":0,"packets":0}]' \
	trace-flow-list --shm $shm
expect 0 '"flows":[{"name":"all",' flow-list --shm $shm
expect 0 '{"version":2,"flows":0,' trace-flow-delete --shm $shm syn
expect 1 "No balancer runs on the table" trace --shm $shm
expect 2 "goes with --batch" flow-set --shm $shm --replace --name web --targets $shm
in_udp=450000280000000040110000320000010a00000026ab26ab001400001234138b00000001deadbeef
ends=00000000000000000000ffff3200000100000000000000000000ffff0a000000
expect 0 '"key":"'${ends}26ab26ab11000000'"' lookup --shm $shm --flows --packet $in_udp
expect 0 '"key":"'${ends}1234138b84000000'"' lookup --shm $shm --flows --packet $in_udp --sctp-encap 9899
expect 0 '"outcome":"short"' lookup --shm $shm --flows --packet ${in_udp%138b00000001deadbeef} --length 40 --sctp-encap 9899
checks=$((checks + 1))
seq 1 300 | sed "s/.*/--name f& --targets $shm --dports &/" | "$lb" flow-set --shm $shm --batch >"$out"
echo "--name last --targets $shm --dports 70000" | "$lb" flow-set --shm $shm --batch --replace 2>>"$out"
seq 5 7 | sed "s/.*/--name g& --targets $shm --dports &/" | "$lb" flow-set --shm $shm --batch --replace >>"$out"
if [ "$(grep -o '"flows":[0-9]*\|not .70000.' "$out" | tr '\n' ' ')" != '"flows":301 not '"'70000'"' "flows":3 ' ]; then
	failed=$((failed + 1))
	echo "flow-set --batch:" >&2
	cat "$out" >&2
fi

checks=$((checks + 1))
printf '%s\n' 'tcp 50.0.0.1 1 10.0.0.0 2' 'bad "line' 'packet 45 40' |
	"$lb" lookup --shm $shm --batch >"$out"
if [ $? -ne 1 ] || [ "$(cut -c1-12 "$out" | tr '\n' ' ')" != '{"outcome":" {"error":"A  {"outcome":" ' ]; then
	failed=$((failed + 1))
	echo "lookup --batch:" >&2
	cat "$out" >&2
fi

# octets HEX: as bytes.
octets() {
	for byte in $(echo "$1" | sed 's/../& /g'); do
		printf "\\$(printf %03o "0x$byte")"
	done
}
# capture HEX...: of raw IP packets, up to 255 bytes each.
capture() {
	octets d4c3b2a1020004000000000000000000ffff000065000000
	for packet in "$@"; do
		octets "0100000000000000$(printf '%02x000000%02x000000' $((${#packet} / 2)) $((${#packet} / 2)))$packet"
	done
}
first=4500001c0007200040110000320000010a000000010101bb00100000
later=4500001c0007000140110000320000010a0000000000000000000000
whole=4500001c0008000040110000320000010a000000010101bb00080000
capture $later $first $whole >"$out.pcap"
trap 'rm -f "$out" "$out.pcap" /dev/shm/$shm /dev/shm/$shm.flows /dev/shm/$shm.flows.rules' EXIT
expect 0 "" init --shm $shm --force -p --M 997 --N 5
expect 0 "" activate --shm $shm 101 102 103 104 105
expect 0 '{"frame":1,"outcome":"fragment","key":' replay --shm $shm "$out.pcap"
expect 0 '"follows":2,"waited":true}' replay --shm $shm --fragments "$out.pcap"
expect 0 '{"packets":3,"not_ip":0,"no_target":0,"picked":[' replay --shm $shm --fragments --shuffle --seed 3 -q "$out.pcap"
checks=$((checks + 1))
if ! "$lb" replay --shm $shm --fragments -q "$out.pcap" | grep -qE '"picked":\[(0,)*3(,0)*\]'; then
	failed=$((failed + 1))
	echo "replay: the fragments and the whole datagram of a flow have different targets" >&2
fi
capture $later >"$out.pcap"
expect 0 '{"frame":1,"outcome":"first_fragment_missing"}' replay --shm $shm --fragments "$out.pcap"
printf x >>"$out.pcap"
expect 1 "is damaged behind frame 1." replay --shm $shm "$out.pcap"
expect 1 "is no capture" replay --shm $shm "$0"
expect 1 "Cannot open 'nowhere'" replay --shm $shm nowhere
expect 2 "The capture is missing" replay --shm $shm

# The command lines of the old programs.
expect 0 "M 19, N 5, seed 1" maglev 20 5 1
expect 0 "ideal 20.0%" maglev 20 5 1 10
expect 0 "ideal 10.0%" maglev 10000 10 1 10
expect 0 " 1 0 1 0 2 2 0" maglev # Table 1 of the paper
expect 0 " 0 0 0 0 2 2 2" maglev
expect 2 "no room for 9" maglev 8 9 1
expect 2 "are needed" maglev 8 9
expect 0 "997" primebelow 1000
expect 0 "2" primebelow 2
expect 2 "within 2..4294967295" primebelow 1
expect 0 "" version
expect 0 '{"version":1,"active":5,' create --shm $shm -i 5 100 10
expect 0 "M 97, N 10" show --shm $shm
expect 0 '{"version":2,"active":4,' deactivate --shm $shm 1
expect 0 '{"version":3,"active":7,' activate --shm $shm 6 7 8
expect 0 '{"index":5,"fwmark":6,"active":true' show --shm $shm --json
expect 2 "Of 10 targets no 11 can be active." create --shm $shm -i 11 100 10
expect 2 "M and N are missing" create --shm $shm 100
expect 0 "" clean --shm $shm
expect 1 "does not exist" show --shm $shm

expect 0 '"lost":0,"lostPercent":0.000,' simulate-fragments --duration 5 --shuffled --parallel 100
expect 0 '"refused":0,' simulate-fragments --duration 5 --reversed --parallel 100
# Entries of datagrams that are whole are free again; else the table is too small.
small="simulate-fragments --duration 5 --shuffled --parallel 200 --fragment-datagrams 256"
expect 0 '"whole":0}' $small
expect 0 '"lost":0,"lostPercent":0.000,' $small --reassembler
# A third of the fragments are first ones and pass; the others come more than a lifetime apart.
checks=$((checks + 1))
if ! "$lb" simulate-fragments --rate 100000 --duration 10 --parallel 100000 --fragment-ttl 10 | grep -qE '"lostPercent":6[0-9]\.'; then
	failed=$((failed + 1))
	echo "simulate-fragments: a table that forgets at once loses two thirds" >&2
fi
expect 2 "within 2..45" simulate-fragments --fragments 46

expect 0 "" init --shm $shm
expect 0 "" delete --shm $shm
printf 'not a table' >/dev/shm/$shm
expect 1 "is not a table" show --shm $shm

echo "cli: $((checks - failed)) checks passed, $failed failed"
[ $failed -eq 0 ]
