#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# launch.sh PROGRAM [WORD..]: runs the program by Node.js, or says in a sentence why that cannot begin.
root=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
refuse() {
	printf '%s\n' "$1" >&2
	exit 3
}
files=$(ulimit -Hn)

[ -d "$root/node_modules/tsx" ] || refuse "Run '$root/setup' first: the lab's packages are not installed."
[ . -ef "$PWD" ] || refuse "The working directory has been removed: change to another."
case $root in
*[?\\]*) refuse "Node.js loads no modules from '$root': rename the folder so that its path has no '?' and no '\\'." ;;
esac
[ "$files" = unlimited ] || [ "$files" -ge 300 ] ||
	refuse "A process may open $files files here, and 300 are needed: raise 'ulimit -n' as root."

url=$root
case $root in *[%#]*) url=$(printf %s "$root" | sed 's/%/%25/g; s/#/%23/g') ;; esac
exec node --import "file://$url/node_modules/tsx/dist/loader.mjs" "$@"
