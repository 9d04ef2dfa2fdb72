// SPDX-License-Identifier: Apache-2.0
// The nodes of a swarm: its manager says which there are, and each has an engine of its own that is spoken to.
import path from "node:path";
import { z } from "zod";
import { endpointOptions, tlsFiles } from "../docker/context.ts";
import { connectAt, connectEngine, type Engine, engineError } from "../docker/engine.ts";
import { LabError } from "../runtime.ts";

/** Label of a node that says where its engine is, as DOCKER_HOST would. Without it: ssh at the node's address. */
export const ENGINE_LABEL = "load-balancer.engine";
/** That of Docker's overlay networks, where the swarm was given no other. */
const DATA_PORT = 4789;

/** A node of the manager's list: what placement is decided by. */
export interface ListedNode {
  id: string;
  /** Its host name; of nodes with the same one, its id behind it. */
  name: string;
  role: string;
  labels: Readonly<Record<string, string>>;
}

export interface Node extends ListedNode {
  engine: Engine;
  /** At which other nodes reach it. */
  address: string;
  cpus: number;
  memoryMiB: number;
  kernel: string;
  version: string;
}

export interface Swarm {
  manager: Engine;
  /** Those that take work, the manager's own first. */
  nodes: Node[];
  /** UDP port that lies open between nodes. */
  dataPort: number;
}

const infoSchema = z.object({
  NCPU: z.number(),
  MemTotal: z.number(),
  KernelVersion: z.string(),
  ServerVersion: z.string(),
  Swarm: z.object({
    NodeID: z.string(),
    NodeAddr: z.string(),
    LocalNodeState: z.string(),
    ControlAvailable: z.boolean(),
    RemoteManagers: z.array(z.object({ Addr: z.string() })).nullish(),
    Cluster: z.object({ DataPathPort: z.number().nullish() }).nullish(),
  }),
});
type Info = z.infer<typeof infoSchema>;

const nodeSchema = z.object({
  ID: z.string(),
  Spec: z.object({
    Role: z.string(),
    Availability: z.string(),
    Labels: z.record(z.string(), z.string()).nullish(),
  }),
  Description: z.object({
    Hostname: z.string(),
    Platform: z.object({ Architecture: z.string(), OS: z.string() }),
  }),
  Status: z.object({ State: z.string(), Addr: z.string().optional() }),
});
export type SwarmNode = z.infer<typeof nodeSchema>;

/** The swarm whose manager DOCKER_HOST, the Docker context or the usual socket names. Throws LabError with the remedy. */
export async function connectSwarm(env: NodeJS.ProcessEnv = process.env): Promise<Swarm> {
  const manager = await connectEngine(env);
  const info = await infoOf(manager);
  checkManager(info, manager.endpoint);
  const listed = await listNodes(manager);
  const usable = usableNodes(listed, info.Swarm.NodeID);
  const nodes = await Promise.all(
    usable.map((node, i) => connectNode(node, i === 0 ? manager : null, { env, listed })),
  );
  return { manager, nodes, dataPort: info.Swarm.Cluster?.DataPathPort || DATA_PORT };
}

/** All of the manager's list, whatever their state. */
export async function listNodes({ docker }: Engine): Promise<SwarmNode[]> {
  try {
    return z.array(nodeSchema).parse(await docker.listNodes());
  } catch (error) {
    throw engineError("list the swarm's nodes", error);
  }
}

async function infoOf({ docker, endpoint }: Engine): Promise<Info> {
  const info = infoSchema.safeParse(await docker.info());
  if (info.success) return info.data;
  throw new LabError(`The Docker engine at '${endpoint}' does not say whether it is in a swarm. Update it.`);
}

/** Throws LabError when the engine is not a manager of a swarm. */
export function checkManager({ Swarm: swarm }: Pick<Info, "Swarm">, endpoint: string): void {
  const { LocalNodeState: state, ControlAvailable: isManager, RemoteManagers: managers } = swarm;
  if (state === "inactive")
    throw new LabError(
      `The Docker engine at '${endpoint}' is in no swarm. Run 'docker swarm init' there, and on other machines the 'docker swarm join' that it prints.`,
    );
  if (state !== "active")
    throw new LabError(`The swarm of the Docker engine at '${endpoint}' is ${state}. See 'docker info' there.`);
  if (isManager) return;
  const others = (managers ?? []).map(({ Addr }) => Addr.replace(/:\d+$/, "")).join(", ");
  throw new LabError(
    `The Docker engine at '${endpoint}' is a worker of its swarm, and only managers know the nodes. Name a manager's engine in DOCKER_HOST${others === "" ? "" : ` (managers: ${others})`}.`,
  );
}

/** Those that take work, the one with this id first. Throws LabError where they differ in architecture, or are not known yet. */
export function usableNodes(listed: readonly SwarmNode[], own: string): SwarmNode[] {
  const unknown = listed.find(({ Status, Spec }) => Status.State === "unknown" && Spec.Availability === "active");
  if (unknown)
    throw new LabError(
      `The swarm's manager does not know yet whether node '${nameOf(unknown, listed)}' is up, as it is after another one became the leader. Try again in a minute.`,
    );
  const usable = listed
    .filter(({ Status, Spec }) => Status.State === "ready" && Spec.Availability === "active")
    .sort((a, b) => Number(b.ID === own) - Number(a.ID === own) || nameOf(a, listed).localeCompare(nameOf(b, listed)));
  if (!usable.some(({ ID }) => ID === own))
    throw new LabError(
      "The manager's own node takes no work. Run 'docker node update --availability active' for it, or name another manager's engine in DOCKER_HOST.",
    );
  const platform = ({ Description: { Platform } }: SwarmNode) => `${Platform.OS} on ${Platform.Architecture}`;
  const [first] = usable;
  const other = usable.find((node) => first && platform(node) !== platform(first));
  if (first && other)
    throw new LabError(
      `The nodes of the swarm differ: '${nameOf(first, listed)}' is ${platform(first)}, '${nameOf(other, listed)}' is ${platform(other)}. Leave those of one kind out with 'docker node update --availability drain ${other.Description.Hostname}'.`,
    );
  return usable;
}

/** Host name, or with the id's beginning where several have the same. */
export function nameOf({ ID, Description }: SwarmNode, all: readonly SwarmNode[]): string {
  const { Hostname: name } = Description;
  return all.filter((node) => node.Description.Hostname === name).length === 1 ? name : `${name}-${ID.slice(0, 6)}`;
}

async function connectNode(
  node: SwarmNode,
  known: Engine | null,
  { env, listed }: { env: NodeJS.ProcessEnv; listed: readonly SwarmNode[] },
): Promise<Node> {
  const name = nameOf(node, listed);
  const engine = known ?? (await engineOf(node, name, env));
  const { NCPU, MemTotal, KernelVersion, ServerVersion, Swarm: swarm } = await infoOf(engine);
  if (swarm.NodeID !== node.ID)
    throw new LabError(
      `The Docker engine at '${engine.endpoint}' is not that of node '${name}'. Say where it is with 'docker node update --label-add ${ENGINE_LABEL}=ssh://root@ADDRESS ${name}'.`,
    );
  return {
    id: node.ID,
    name,
    role: node.Spec.Role,
    labels: node.Spec.Labels ?? {},
    engine,
    address: swarm.NodeAddr,
    cpus: NCPU,
    memoryMiB: Math.round(MemTotal / 2 ** 20),
    kernel: KernelVersion,
    version: ServerVersion,
  };
}

async function engineOf({ Spec, Status }: SwarmNode, name: string, env: NodeJS.ProcessEnv): Promise<Engine> {
  const endpoint = Spec.Labels?.[ENGINE_LABEL] ?? `ssh://${Status.Addr}`;
  const isSecured = env.DOCKER_TLS_VERIFY === "1" || endpoint.endsWith(":2376");
  const tls = isSecured && env.DOCKER_CERT_PATH ? tlsFiles(path.resolve(env.DOCKER_CERT_PATH)) : {};
  try {
    return await connectAt(endpoint, endpointOptions(env, endpoint, tls));
  } catch (cause) {
    throw new LabError(
      `Cannot use node '${name}': ${(cause as Error).message} Say where its engine is with 'docker node update --label-add ${ENGINE_LABEL}=ssh://USER@ADDRESS ${name}' (or tcp://, unix://), or leave the node out with 'docker node update --availability drain ${name}'.`,
      { cause },
    );
  }
}
