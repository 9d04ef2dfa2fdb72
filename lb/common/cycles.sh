#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fails when parts of these folders include each other in a circle. A part is X.h with X.c, X.test included.
# usage: cycles.sh FOLDER...
set -u
edges=$(grep -rHo --include='*.[ch]' '^#include "[^"]*"' "$@" | awk -F'[:"]' '
	function part(path) { sub(/\.[ch]$/, "", path); return path }
	{
		folder = $1
		sub(/\/[^\/]*$/, "/", folder)
		to = folder $3
		if ((getline line <to) < 0) to = "lb/common/" $3
		else close(to)
		if (part($1) != part(to)) print part($1), part(to)
	}')
[ -n "$edges" ] || { echo "cycles: no includes were found in: $*" >&2; exit 1; }
if ! circle=$(echo "$edges" | tsort 2>&1 >/dev/null); then
	echo "These include each other in a circle:" >&2
	echo "$circle" | sed -n 's/^tsort: \(.*[^:]\)$/  \1/p' | grep -v 'input contains a loop' >&2
	exit 1
fi
echo "cycles: no circle among $(echo "$edges" | wc -l) includes"
