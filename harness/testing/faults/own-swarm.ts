// SPDX-License-Identifier: Apache-2.0
// Several engines on one machine, joined in a swarm: each in a network namespace of its own, with a link to a switch in the first one's.
import { runProgram } from "../../host/program.ts";
import { ENGINE_LABEL } from "../../runtime/swarm/nodes.ts";
import { type OwnEngine, ownEngine } from "./own-engine.ts";

export interface OwnSwarm {
  /** It has the lab's images. */
  manager: OwnEngine;
  workers: OwnEngine[];
  /** Names of all engines' containers, of networks that no swarm makes for itself, and of services. */
  holds(): Promise<string[]>;
  /** Ends all of it. */
  remove(): Promise<void>;
}

const address = (i: number) => `10.99.0.${i + 1}`;

/** Of engines with these host names; of the last one the clock is ahead by so many seconds. */
export async function ownSwarm(names: readonly string[], aheadS?: number): Promise<OwnSwarm> {
  const engines: OwnEngine[] = [];
  const holds = async () => (await Promise.all(engines.map(heldBy))).flat();
  const remove = async () => void (await Promise.all(engines.map((engine) => engine.remove())));
  try {
    const settled = await Promise.allSettled(
      names.map((name, i) => {
        const ahead = aheadS !== undefined && i === names.length - 1 ? { aheadS } : {};
        return ownEngine({ name, images: i === 0, ...ahead });
      }),
    );
    for (const one of settled) if (one.status === "fulfilled") engines.push(one.value);
    const failed = settled.find((one) => one.status === "rejected");
    if (failed) throw failed.reason;
    await link(engines);
    return { ...(await join(engines)), holds, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

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

async function link(engines: readonly OwnEngine[]): Promise<void> {
  const pids = engines.map((engine) => engine.pid());
  const [first = 0] = pids;
  const inside = (pid: number, lines: readonly string[]) =>
    runProgram(["nsenter", `--net=/proc/${pid}/ns/net`, "ip", "-batch", "-"], { input: `${lines.join("\n")}\n` });
  await inside(first, ["link add name rack type bridge", "link set rack up"]);
  for (const [i, pid] of pids.entries()) {
    await inside(first, [
      `link add name port${i} type veth peer name uplink netns ${pid}`,
      `link set port${i} master rack up`,
    ]);
    await inside(pid, ["link set lo up", `address add ${address(i)}/24 dev uplink`, "link set uplink up"]);
  }
}

async function join([manager, ...workers]: readonly OwnEngine[]): Promise<Pick<OwnSwarm, "manager" | "workers">> {
  if (!manager) throw new Error("A swarm needs an engine.");
  const at = (i: number) => ({ ListenAddr: `${address(i)}:2377`, AdvertiseAddr: address(i) });
  await manager.docker.swarmInit({ ...at(0), ForceNewCluster: false, Spec: {} });
  const { JoinTokens } = (await manager.docker.swarmInspect()) as { JoinTokens: { Worker: string } };
  for (const [i, worker] of workers.entries()) {
    await worker.docker.swarmJoin({ ...at(i + 1), RemoteAddrs: [`${address(0)}:2377`], JoinToken: JoinTokens.Worker });
    await setNode(manager, worker, { Labels: { [ENGINE_LABEL]: worker.env.DOCKER_HOST } });
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
