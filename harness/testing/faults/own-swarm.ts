// SPDX-License-Identifier: Apache-2.0
// Several engines on one machine, joined in a swarm: each in a network namespace of its own, with a link to a switch in another.
import { runProgram } from "../../host/program.ts";
import { ENGINE_LABEL } from "../../runtime/swarm/nodes.ts";
import { type OwnEngine, ownEngine, ownNetwork, WIRE_PORT } from "./own-engine.ts";

export interface OwnSwarm {
  /** It has the lab's images. */
  manager: OwnEngine;
  workers: OwnEngine[];
  /** Sets, in words of `ip link`, the switch's port of an engine's machine: 0 is the manager's, 1 the first worker's. */
  setPort(index: number, words: string): Promise<void>;
  /** Names of all engines' containers, of networks that no swarm makes for itself, and of services; one of the engines may be gone. */
  holds(gone?: OwnEngine): Promise<string[]>;
  /** Ends all of it. */
  remove(): Promise<void>;
}

const address = (i: number) => `10.99.0.${i + 1}`;
const port = (i: number) => `port${i}`;

interface Options {
  /** Seconds by which the last engine's clock is ahead. */
  aheadS?: number;
  /** How many of the engines are managers, the first ones. */
  managers?: number;
  /** Engines are spoken to over the links, as those of a rack are: only from the machines of other engines. */
  byWire?: boolean;
}

/** Of engines with these host names. */
export async function ownSwarm(names: readonly string[], options: Options = {}): Promise<OwnSwarm> {
  const { aheadS } = options;
  const engines: OwnEngine[] = [];
  const holds = async (gone?: OwnEngine) =>
    (await Promise.all(engines.filter((engine) => engine !== gone).map(heldBy))).flat();
  const rack = await ownNetwork();
  const remove = async () => {
    await Promise.all(engines.map((engine) => engine.remove()));
    rack.end();
  };
  try {
    const settled = await Promise.allSettled(
      names.map((name, i) => {
        const ahead = aheadS !== undefined && i === names.length - 1 ? { aheadS } : {};
        return ownEngine({ name, images: i === 0, byWire: options.byWire ?? false, ...ahead });
      }),
    );
    for (const one of settled) if (one.status === "fulfilled") engines.push(one.value);
    const failed = settled.find((one) => one.status === "rejected");
    if (failed) throw failed.reason;
    await link(rack.pid, engines);
    const setPort = (index: number, words: string) => inside(rack.pid, [`link set dev ${port(index)} ${words}`]);
    return { ...(await join(engines, options)), setPort, holds, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** What goes before the words of a program that is to run on an engine's machine. */
export const onMachine = (engine: OwnEngine): string[] => ["nsenter", `--net=/proc/${engine.pid()}/ns/net`];

const OWN_NETWORKS = ["bridge", "host", "none", "ingress", "docker_gwbridge"];

async function heldBy(engine: OwnEngine): Promise<string[]> {
  const { docker } = engine;
  const { Swarm } = (await docker.info()) as { Swarm: { ControlAvailable: boolean } };
  const networks = (await docker.listNetworks()).map(({ Name }) => Name);
  const services = Swarm.ControlAvailable ? await docker.listServices() : [];
  return [
    ...(await engine.containers()),
    ...networks.filter((name) => !OWN_NETWORKS.includes(name)),
    ...services.map(({ ID }) => ID),
  ];
}

async function inside(pid: number, lines: readonly string[]): Promise<void> {
  const argv = ["nsenter", `--net=/proc/${pid}/ns/net`, "ip", "-batch", "-"];
  await runProgram(argv, { input: `${lines.join("\n")}\n` });
}

async function link(rack: number, engines: readonly OwnEngine[]): Promise<void> {
  await inside(rack, ["link add name rack type bridge", "link set rack up"]);
  for (const [i, engine] of engines.entries()) {
    const pid = engine.pid();
    await inside(rack, [
      `link add name ${port(i)} type veth peer name uplink netns ${pid}`,
      `link set ${port(i)} master rack up`,
    ]);
    await inside(pid, ["link set lo up", `address add ${address(i)}/24 dev uplink`, "link set uplink up"]);
  }
}

async function join(
  [manager, ...workers]: readonly OwnEngine[],
  { managers = 1, byWire = false }: Options,
): Promise<Pick<OwnSwarm, "manager" | "workers">> {
  if (!manager) throw new Error("A swarm needs an engine.");
  const at = (i: number) => ({ ListenAddr: `${address(i)}:2377`, AdvertiseAddr: address(i) });
  await manager.docker.swarmInit({ ...at(0), ForceNewCluster: false, Spec: {} });
  const { JoinTokens } = (await manager.docker.swarmInspect()) as { JoinTokens: Record<"Worker" | "Manager", string> };
  for (const [i, worker] of workers.entries()) {
    const JoinToken = JoinTokens[i + 1 < managers ? "Manager" : "Worker"];
    await worker.docker.swarmJoin({ ...at(i + 1), RemoteAddrs: [`${address(0)}:2377`], JoinToken });
  }
  for (const [i, engine] of [manager, ...workers].entries()) {
    // Whoever speaks to the manager needs no label; where there are several, it may be another one.
    if (engine === manager && managers === 1) continue;
    const where = byWire ? `tcp://${address(i)}:${WIRE_PORT}` : engine.env.DOCKER_HOST;
    await setNode(manager, engine, { Labels: { [ENGINE_LABEL]: where } });
  }
  return { manager, workers };
}

/** As `docker node update` changes a node: its labels, or whether it takes work. */
export async function setNode(
  manager: OwnEngine,
  node: OwnEngine,
  change: { Labels?: Record<string, string>; Availability?: "active" | "drain" },
): Promise<void> {
  const { Swarm } = (await node.docker.info()) as { Swarm: { NodeID: string } };
  const listed = manager.docker.getNode(Swarm.NodeID);
  const { Spec, Version } = (await listed.inspect()) as { Spec: object; Version: { Index: number } };
  await listed.update({ ...Spec, version: Version.Index, ...change });
}
