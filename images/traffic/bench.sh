#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# How fast the traffic program is on loopback, in medians of several rounds, and what share of the CPU time its own
# code takes. As root it measures in a network namespace of its own, so nothing of the machine's set-up counts.
# usage: bench.sh [rounds, default 5] [traffic program]
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
rounds=${1:-5}
traffic=$(readlink -f "${2:-$here/../../build/traffic}")
[[ -x $traffic ]] || { echo "Cannot find '$traffic'. Run 'make' first." >&2; exit 3; }
[[ $rounds =~ ^[1-9][0-9]*$ ]] || { echo "Bad number of rounds '$rounds'." >&2; exit 2; }
if [[ $(id -u) == 0 && -z ${BENCH_INSIDE:-} ]]; then
	BENCH_INSIDE=1 exec unshare --net bash "$0" "$rounds" "$traffic"
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

# One round: appends "<unit per second> <share of user time in percent>" to $work/<name>.
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
		'BEGIN {printf "%.0f %.1f\n", n / ns * 1e9, 100 * u / (u + s)}' >>"$work/$name"
}

report() { # name, unit, figure to beat, whose it is
	local rate share
	rate=$(cut -d' ' -f1 "$work/$1" | median)
	share=$(cut -d' ' -f2 "$work/$1" | median)
	awk -v r="$rate" -v s="$share" -v u="$2" -v f="$3" -v w="$4" 'BEGIN {
		printf "%9d %s/s, %.1f times %s (%d); %.1f %% of the CPU time in user space\n", r, u, r / f, w, f, s}'
}

for ((round = 0; round < rounds; round++)); do
	one_round connect received connect --address 127.0.0.1:5001 --connections 10000 --seed "$round"
	one_round echo received stream --address 127.0.0.1:5003 --connections 50 --closed-loop --duration 3s --ramp 10ms
	one_round datagrams received stream --udp --address 127.0.0.1:6003 --connections 500 --rate 60000 --duration 3s --ramp 100ms
done
report connect "connections" 7874 "mconnect's 10,000 in 1.27 s"
report echo "echoes" 52000 "ctraffic's"
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
