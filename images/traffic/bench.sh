#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# How fast the traffic program is on loopback, in medians of several rounds, and what share of the CPU time its own
# code takes. As root it measures in a network namespace of its own, so nothing of the machine's set-up counts.
# A ratio is printed only to a peer, mconnect or ctraffic, that does the same in the same rounds.
# With BENCH_CHECKS=1 it measures only what the checks of messages cost, as a ratio within each round.
# usage: bench.sh [--peer /path/to/mconnect|/path/to/ctraffic].. [rounds, default 5] [traffic program]
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
all=("$@")
declare -A peer=()
while [[ ${1:-} == --peer ]]; do
	[[ -n ${2:-} && -x $2 ]] || { echo "Cannot run the peer '${2:-}'." >&2; exit 2; }
	name=$(basename "$2")
	[[ $name == mconnect || $name == ctraffic ]] ||
		{ echo "Invalid peer '$2': expected a program named mconnect or ctraffic." >&2; exit 2; }
	peer[$name]=$(realpath -s "$2")
	shift 2
done
rounds=${1:-5}
traffic=$(readlink -f "${2:-$here/../../build/traffic}")
[[ -x $traffic ]] || { echo "Cannot find '$traffic'. Run 'make' first." >&2; exit 3; }
[[ $rounds =~ ^[1-9][0-9]*$ ]] || { echo "Invalid number of rounds '$rounds'." >&2; exit 2; }
if [[ $(id -u) == 0 && -z ${BENCH_INSIDE:-} ]]; then
	BENCH_INSIDE=1 exec unshare --net bash "$0" "${all[@]}"
fi
if [[ -n ${BENCH_INSIDE:-} ]]; then
	ip link set lo up
	ip route add local 10.77.0.0/16 dev lo
fi

work=$(mktemp -d)
servers=()
stop_servers() {
	((${#servers[@]} == 0)) || kill "${servers[@]}" 2>/dev/null || true
	wait
	servers=()
}
trap 'stop_servers; rm -rf "$work"' EXIT

start_server() { # address
	local log=$work/server.$1
	"$traffic" serve --name "$1" --address "$1" >"$log" &
	servers+=($!)
	for _ in {1..200}; do
		grep -qs listening "$log" && return
		kill -0 "${servers[-1]}" 2>/dev/null || break
		sleep 0.01
	done
	echo "The server on $1 does not start." >&2
	exit 3
}

field() { # name, text on stdin: the last value of that field
	sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" | tail -n 1
}

median() {
	sort -n | awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'
}

# One round: appends "<unit per second> <share of user time in percent> <CPU us per unit>" to $work/<name>.
one_round() { # name, counter of a sample line, arguments of the client
	local name=$1 counter=$2
	shift 2
	start_server 127.0.0.1
	"$traffic" "$@" >"$work/client"
	stop_servers
	local begin end count user system
	begin=$(grep stream_start "$work/client" | field t)
	# The last sample is taken when the work is done; what follows is reporting.
	end=$(grep '"sample"' "$work/client" | field t)
	count=$(grep '"sample"' "$work/client" | field "$counter")
	user=$(($(grep stream_end "$work/client" | field userUs) + $(field userUs <"$work/server.127.0.0.1")))
	system=$(($(grep stream_end "$work/client" | field systemUs) + $(field systemUs <"$work/server.127.0.0.1")))
	awk -v n="$count" -v ns=$((end - begin)) -v u="$user" -v s="$system" \
		'BEGIN {printf "%.0f %.1f %.4f\n", n / ns * 1e9, 100 * u / (u + s), (u + s) / n}' >>"$work/$name"
}

# One round of a peer with its own server: appends "<unit per second>" to $work/<its name>. Both tell what they did as JSON.
peer_round() { # name, counter of its JSON, name of the duration (ns), port, arguments of its client
	local program=${peer[$1]:-} name=$1 count=$2 duration=$3 address=127.0.0.1:$4
	shift 4
	[[ -n $program ]] || return 0
	"$program" -server -address "$address" >"$work/peer" 2>&1 &
	servers+=($!)
	for _ in {1..200}; do
		(exec 3<>"/dev/tcp/${address/://}") 2>/dev/null && break
		sleep 0.01
	done
	"$program" "$@" -address "$address" >"$work/peer.client"
	stop_servers
	awk -v n="$(field "$count" <"$work/peer.client")" -v ns="$(field "$duration" <"$work/peer.client")" \
		'BEGIN {if (n == 0 || ns == 0) exit 1; printf "%.0f\n", n / ns * 1e9}' >>"$work/$name" ||
		{ echo "The peer '$program' did not say what it did." >&2; exit 3; }
}

report() { # name, unit, peer
	local rate share
	rate=$(cut -d' ' -f1 "$work/$1" | median)
	share=$(cut -d' ' -f2 "$work/$1" | median)
	printf '%9.0f %s/s; %.1f %% of the CPU time in user space' "$rate" "$2" "$share"
	# Round by round: what slows the machine slows both.
	[[ ! -s $work/$3 ]] || printf '; %.2f times those of %s (%.0f/s)' \
		"$(paste -d' ' "$work/$1" "$work/$3" | awk '{print $1 / $3}' | median)" "$3" "$(median <"$work/$3")"
	echo
}

# The median of numbers on stdin, and from six on the interval that holds the true one with at least 95 %, by order statistics.
median_interval() {
	sort -n | awk '{v[NR] = $1} END {
		term = 0.5 ^ NR; sum = 0
		for (k = 0; sum + term <= 0.025; k++) {sum += term; term *= (NR - k) / (k + 1)}
		printf "%.3f", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
		if (k) printf " (95 %%: %.3f to %.3f)", v[k], v[NR + 1 - k]}'
}

# With checks as usual, and with messages that nobody can check: what costs, at both ends.
compare_checks() {
	local column
	echo "Integrity checks, $(wc -l <"$work/unchecked") rounds in turn with messages without marks:"
	for column in 1:rate 3:'CPU time of an echo'; do
		printf '  %s: %s times\n' "${column#*:}" \
			"$(paste -d' ' <(cut -d' ' -f"${column%%:*}" "$work/checked") <(cut -d' ' -f"${column%%:*}" "$work/unchecked") |
				awk '{print $1 / $2}' | median_interval)"
	done
}

echo_round() { # name, more arguments
	local name=$1
	shift
	one_round "$name" received stream --address 127.0.0.1:5003 --connections 50 --closed-loop --duration 2s --ramp 10ms --size 1024 "$@"
}

if [[ -n ${BENCH_CHECKS:-} ]]; then
	for ((round = 0; round < rounds; round++)); do
		# Whoever comes first does not always find the same machine.
		((round % 2)) || echo_round checked
		echo_round unchecked --check 0
		((round % 2 == 0)) || echo_round checked
	done
	compare_checks
	exit
fi

for ((round = 0; round < rounds; round++)); do
	one_round connect received connect --address 127.0.0.1:5001 --connections 10000 --seed "$round"
	peer_round mconnect connects duration 5001 -nconn 10000 -output json
	one_round echo received stream --address 127.0.0.1:5003 --connections 50 --closed-loop --duration 3s --ramp 10ms --size 1024
	peer_round ctraffic Received Duration 5003 -client -nconn 50 -psize 1024 -rate 1000000 -timeout 3s -stats summary
	one_round datagrams received stream --udp --address 127.0.0.1:6003 --connections 500 --rate 60000 --duration 3s --ramp 100ms
done
report connect connections mconnect
report echo "echoes of 1024 bytes" ctraffic
echo "$(cut -d' ' -f1 "$work/datagrams" | median) UDP answers/s of 60,000 asked"

# 100,000 connections, each with a message every 5 s. One process, or as many as the limit on open files demands.
if [[ -n ${BENCH_INSIDE:-} ]]; then
	limit=$(ulimit -Hn)
	((limit >= 101000)) && parts=1 || parts=$((101000 / (limit - 100) + 1))
	clients=()
	for ((part = 1; part <= parts; part++)); do
		start_server 10.77.1.$part
	done
	for ((part = 1; part <= parts; part++)); do
		"$traffic" stream --part $part/$parts --address 10.77.1.$part:5003 --src 10.77.0.0/16 --connections 100000 \
			--rate 20000 --ramp 15s --duration 30s --connect-timeout 5s >"$work/part.$part" &
		clients+=($!)
	done
	wait "${clients[@]}"
	alive=0 late=0 worst=0
	for ((part = 1; part <= parts; part++)); do
		alive=$((alive + $(grep '"sample"' "$work/part.$part" | field alive)))
		late=$((late + $(grep stream_end "$work/part.$part" | field lateSends)))
		now=$(grep stream_end "$work/part.$part" | field maxLateUs)
		worst=$((now > worst ? now : worst))
	done
	echo "$alive of 100000 connections alive at the end ($parts processes), $late late sends, worst delay $((worst / 1000)) ms"
fi
