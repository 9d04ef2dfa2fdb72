#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# launch.sh PROGRAM [WORD..]: runs the program by Node.js, or says in a sentence why that cannot begin.
root=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
refuse() {
	printf '%s\n' "$1" >&2
	exit 3
}
files=$(ulimit -Hn)

# Beside this program, or, where it is a package itself, beside its folder.
modules=$root/node_modules
[ -d "$modules/tsx" ] || case $root in */node_modules/*) modules=${root%/node_modules/*}/node_modules ;; esac
[ -d "$modules/tsx" ] || refuse "Run '$root/setup' first: the lab's packages are not installed."
[ . -ef "$PWD" ] || refuse "The working directory has been removed: change to another."
case $root in
*[?\\]*) refuse "Node.js loads no modules from '$root': rename the folder so that its path has no '?' and no '\\'." ;;
esac
[ "$files" = unlimited ] || [ "$files" -ge 300 ] ||
	refuse "A process may open $files files here, and 300 are needed: raise 'ulimit -n' as root."

# A package has no compiled programs; a checkout has ./setup.
if [ -f "$root/REVISION" ] && [ ! -x "$root/build/agent" ]; then
	log=$root/build.log
	echo "load-balancer: building its C programs, once, in '$root/build'" >&2
	if ! command -v make >"$log"; then echo "there is no 'make'"; else make -C "$root" --no-print-directory --silent -j2; fi >"$log" 2>&1
	[ -x "$root/build/agent" ] ||
		refuse "Cannot build the C programs: $(tail -n 1 "$log" 2>/dev/null). Run '$root/setup', or as root: apt-get install make gcc libc6-dev clang libbpf-dev libelf-dev pkg-config. See '$log'."
fi

# As JavaScript, while no source is newer. A backend from outside may import the sources, and nothing may be loaded twice.
program=$1
compiled=$root/build/js/$(basename "$program" .ts).js
shift
is_compiled() {
	case " $* " in *.ts\ *) return 1 ;; esac
	[ -f "$compiled" ] && [ -z "$(find "$root/load-balancer.ts" "$root/package.json" "$root/harness" "$root/lb" "$root/scenarios" \
		-name '*.ts' ! -name '*.test.ts' -newer "$compiled" -print -quit)" ]
}
is_compiled "$@" && exec node "$compiled" "$@"

url=$modules
case $modules in *[%#]*) url=$(printf %s "$modules" | sed 's/%/%25/g; s/#/%23/g') ;; esac
exec node --import "file://$url/tsx/dist/loader.mjs" "$program" "$@"
