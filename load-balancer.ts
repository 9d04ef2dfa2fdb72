#!/bin/sh
":" //; root=$(dirname "$(readlink -f "$0")"); [ -d "$root/node_modules/tsx" ] || { echo "Run '$root/setup' first: the lab's packages are not installed." >&2; exit 3; }; url=$root; case $root in *[%#?\\]*) url=$(printf %s "$root" | sed 's/%/%25/g; s/#/%23/g; s/?/%3F/g; s/\\/%5C/g');; esac; exec node --import "file://$url/node_modules/tsx/dist/loader.mjs" "$0" "$@"
// SPDX-License-Identifier: Apache-2.0

import { dispatch } from "./harness/cli/dispatch.ts";
import { runMain } from "./harness/cli/main.ts";
import { commands } from "./harness/commands/index.ts";
import { docker } from "./harness/runtime/docker.ts";
import { netns } from "./harness/runtime/netns.ts";
import { vm } from "./harness/runtime/vm.ts";
import { backends } from "./lb/index.ts";
import { scenarios } from "./scenarios/index.ts";

/** The first is the default. */
const runtimes = [netns, docker, vm];

await runMain((surroundings) => dispatch(commands, { backends, scenarios, runtimes }, process.argv.slice(2), surroundings));
