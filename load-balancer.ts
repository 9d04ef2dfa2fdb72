#!/bin/sh
":" //; exec "$(dirname "$(readlink -f "$0")")/harness/cli/launch.sh" "$0" "$@"
// SPDX-License-Identifier: Apache-2.0

import { dispatch } from "./harness/cli/dispatch.ts";
import { runMain } from "./harness/cli/main.ts";
import { commands } from "./harness/commands/index.ts";
import { docker } from "./harness/runtime/docker.ts";
import { netns } from "./harness/runtime/netns.ts";
import { swarm } from "./harness/runtime/swarm.ts";
import { vm } from "./harness/runtime/vm.ts";
import { backends } from "./lb/index.ts";
import { scenarios } from "./scenarios/index.ts";

/** The first is the default. */
const runtimes = [netns, docker, vm, swarm];

await runMain((surroundings) => dispatch(commands, { backends, scenarios, runtimes }, process.argv.slice(2), surroundings));
