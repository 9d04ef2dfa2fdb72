// SPDX-License-Identifier: Apache-2.0
// nginx with somebody's own configuration: what it must do, and what nginx itself says of the file.
import {
  type Asked,
  type AssignSpec,
  type EffectiveOptions,
  findProgram,
  type OracleSpec,
  type Protocol,
  planTopology,
  said,
  UsageError,
} from "../../harness/api/index.ts";
import { leftToTheLab } from "../found/file.ts";
import { checkText } from "../found/program.ts";
import { nginxText, readNginx } from "./nginx-file.ts";
import type { Options } from "./nginx-options.ts";
import { OWN, PROGRAM, streamModule } from "./nginx-program.ts";

/** A reload knows nothing of what was before: over UDP nothing is remembered, and only a hash can be predicted. */
export function ownOracle(given: Options, targets: number, protocol: Protocol): OracleSpec | null {
  const { layout, method, isUneven } = readNginx(given, targets);
  const weights = layout.weights(protocol);
  const part = weights && new Set(weights).size > 1 ? { weights } : {};
  const words = method(protocol);
  const isOurs = /^hash "?\$\{?binary_remote_addr\}?\$\{?remote_port\}?"?$/.test(words) && inOrder(layout, protocol);
  const byHash: AssignSpec = { strategy: "remainder", hash: { kind: "nginx" }, ...part };
  const predicted = !isUneven && weights !== null;
  if (protocol === "udp") return isOurs && predicted ? byHash : null;
  const stateful = { strategy: "stateful", flush: given.leave === "flush", assign: null } as const;
  if (!predicted) return { ...stateful, uneven: true };
  if (words === "") return { ...stateful, later: "shares", ...part };
  if (words === "least_conn") return { ...stateful, later: "fewest_since_change", ...part };
  if (words === "random") return { ...stateful, later: "shares", ...part };
  return isOurs ? { ...stateful, assign: byHash, later: "shares", ...part } : { ...stateful, uneven: true };
}

/** Whether the servers stand in the file as the targets do in the lab: a hash goes by the order. */
function inOrder({ chosen, indexOf }: ReturnType<typeof readNginx>["layout"], protocol: Protocol): boolean {
  return chosen(protocol).every(({ servers }) => servers.every(({ host }, i) => indexOf(host) === i));
}

export function ownFacts(given: Options, targets: number): EffectiveOptions {
  const { layout, left, method } = readNginx(given, targets);
  const [protocol = "tcp"] = layout.served.protocols;
  return {
    config: layout.file,
    leave: given.leave,
    method: method(protocol) || "in turn",
    ...leftToTheLab(left.map(({ words, line }) => ({ word: words[0] ?? "", line }))),
  };
}

/** What nginx itself finds wrong in the file is told before anything is started. It tries to listen, so it is asked without a network. */
export async function checkOwnNginx(given: Options, { isHere }: Asked): Promise<string[]> {
  const program = given.config !== undefined && isHere ? await findProgram(PROGRAM.name) : null;
  if (!program) return [];
  const topology = planTopology({ targets: 1000, routers: 1 });
  const [router] = topology.routers;
  const module = await streamModule(program, await said([program.path, "-V"], program.env));
  if (!router || module === null) return [];
  const head = [...(module === "" ? [] : [`load_module ${module};`]), ...OWN.filter((line) => !line.startsWith("pid"))];
  const text = nginxText(readNginx(given, null), { topology, router, head });
  const words = await checkText(text, (file) => [program.path, "-e", "stderr", "-t", "-q", "-c", file], program.env);
  for (const [, said = "", line] of words.matchAll(/\[emerg\] (?:\d+#\d+: )?(.*?) in \S+:(\d+)$/gm))
    throw new UsageError(`'${given.config}' line ${line}: nginx says: ${said}.`);
  return [];
}
