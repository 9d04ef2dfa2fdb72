// SPDX-License-Identifier: Apache-2.0
// Options as they are used, and whether they fit together.
import { UsageError } from "../../harness/api/index.ts";
import { checkWeights } from "../linux/options.ts";
import { checkRoom } from "../linux/room.ts";
import { checkShield } from "../linux/synproxy.ts";
import { farmSettings } from "./farm-settings.ts";
import { type Given, isStateless, PROTOCOLS, passed, type Settings } from "./options.ts";

/** Of each farm that serves the VIP, or the one that options are. Throws UsageError when options do not fit, or the farm file is wrong. */
export function settle(given: Given, targets: number): [Settings, ...Settings[]] {
  const [first = fromOptions(given), ...others] =
    given.farm === undefined ? [] : farmSettings(given.farm, given, targets);
  const all: [Settings, ...Settings[]] = [first, ...others];
  checkWeights(given.weights, targets);
  checkPriorities(given.priorities, targets);
  if (given.farm === undefined) checkMemory(first, given.unsafe);
  if (given.mssClamp !== undefined && all.some(({ mode }) => mode === "dsr"))
    throw new UsageError("mssClamp needs forwarded SYNs, and mode=dsr redirects them before. Try mode=dnat.");
  const stateless = all.find(({ mode }) => isStateless(mode));
  checkRoom(given, stateless ? false : null, "mode=snat");
  if (given.conntrackMax !== undefined && stateless)
    throw new UsageError(`conntrackMax limits conntrack, and mode=${stateless.mode} does not use it. Try mode=dnat.`);
  if (given.synproxy) checkShielded(given, stateless?.mode);
  return all;
}

function checkShielded(given: Given, stateless: Settings["mode"] | undefined): void {
  checkShield(given);
  const limit = given.farm !== undefined ? "farm" : given.ports !== undefined ? "ports" : null;
  if (limit)
    throw new UsageError(`synproxy answers at every port of the VIP, whatever '${limit}' says. Leave one out.`);
  if (stateless)
    throw new UsageError(`synproxy needs conntrack, and mode=${stateless} does not use it. Try mode=dnat.`);
}

function fromOptions(given: Given): Settings {
  const { mode = "dnat", keys, weights, priorities, ports, persistence } = given;
  return {
    ...passed(given),
    mode,
    scheduler: given.scheduler ?? (isStateless(mode) ? "hash" : "rr"),
    keys,
    weights,
    priorities,
    ports,
    families: [4, 6],
    protocols: PROTOCOLS,
    standby: "best",
    persistenceS: persistence,
    keptS: null,
    unforeseen: false,
    ignored: [],
  };
}

function checkPriorities(priorities: readonly number[] | undefined, targets: number): void {
  if (priorities !== undefined && priorities.length !== targets)
    throw new UsageError(`priorities has ${priorities.length} numbers, but there are ${targets} targets.`);
}

/** Rules of options remember nothing where conntrack does not. */
function checkMemory({ mode, scheduler, persistenceS }: Settings, unsafe: boolean): void {
  if (!isStateless(mode)) return;
  if (!unsafe && (scheduler === "rr" || scheduler === "weight"))
    throw new UsageError(
      `scheduler=${scheduler} would spread the packets of one connection with mode=${mode}, which keeps no state. Try scheduler=hash, or unsafe=true to see what that loses.`,
    );
  if (persistenceS > 0) throw new UsageError(`persistence needs state, and mode=${mode} keeps none. Try keys=srcip.`);
}
