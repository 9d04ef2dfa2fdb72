// SPDX-License-Identifier: Apache-2.0
// One container: created, attached to, started, and its agent spoken to. Its end is the end of the agent's stdin.
import { type Duplex, PassThrough } from "node:stream";
import type Docker from "dockerode";
import type { ContainerCreateOptions } from "dockerode";
import type { Role } from "../../topology/topology.ts";
import { within } from "../../util/deadline.ts";
import { Agent } from "../agent.ts";
import { LabError } from "../runtime.ts";
import { engineError } from "./engine.ts";
import { PROGRAMS, programsMount, uploadPrograms } from "./programs.ts";

/** docs/containers.md says why each is needed. What is not here is dropped. */
const CAPABILITIES: Record<Role | "fabric", string[]> = {
  fabric: ["NET_ADMIN", "NET_RAW", "SYS_ADMIN", "SYS_PTRACE"],
  router: ["NET_ADMIN", "NET_RAW"],
  target: [],
  tester: ["NET_RAW"],
};

const START_MS = 30_000;
const STOP_MS = 5000;

export interface ContainerPlan {
  /** The machine's name, or "fabric". */
  machine: string;
  /** Node of a swarm that it is on, for sentences. */
  node?: string | undefined;
  role: Role | "fabric";
  image: string;
  run: string;
  labels: Record<string, string>;
  /** Device files of the engine's machine. */
  devices: readonly string[];
  /** How our programs come into the container. */
  programs: "in the image" | "mounted" | "uploaded";
  /** Besides those of its role. */
  capabilities: readonly string[];
}

export interface RunningContainer {
  machine: string;
  /** For sentences: "'vm-001'", or "'vm-001' on node 'b'". */
  label: string;
  /** It holds bridges, or some of them. */
  isFabric: boolean;
  agent: Agent;
  /** As the engine's machine counts. */
  pid: number;
  /** Ends the agent and waits until the container is removed. Throws LabError when the engine does not do that. */
  stop(): Promise<void>;
}

/** On failure the container may be left in the engine: the caller removes it by its labels. */
export async function startContainer(docker: Docker, plan: ContainerPlan): Promise<RunningContainer> {
  const label = `'${plan.machine}'${plan.node === undefined ? "" : ` on node '${plan.node}'`}`;
  const what = `start the container of ${label} from image '${plan.image}'`;
  try {
    const container = await docker.createContainer(createOptions(plan));
    if (plan.programs === "uploaded") await uploadPrograms(container);
    const attach = { stream: true, stdin: true, stdout: true, stderr: true, hijack: true };
    const stream = (await container.attach(attach)) as Duplex;
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    docker.modem.demuxStream(stream, stdout, stderr);
    let said = "";
    stderr.on("data", (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2000);
    });
    const agent = new Agent(stream, stdout);
    const end = () => {
      agent.lost(`The container of ${label} has ended.`);
      stdout.destroy();
    };
    stream.on("end", end).on("close", end).on("error", end);
    await container.start();
    // Registered at once: later the container may be gone, and then nobody answers.
    const removed = container.wait({ condition: "removed" }).then(
      () => {},
      (error: { statusCode?: number }) => {
        // 404: it is gone already. An engine that does not answer any more has not removed it.
        if (error.statusCode !== 404) throw error;
      },
    );
    removed.catch(() => {}); // Told by `stop`.
    await within(agent.ready, START_MS, () => new LabError(`its agent does not answer within ${START_MS / 1000} s`));
    const { State } = await container.inspect();
    return {
      machine: plan.machine,
      label,
      isFabric: plan.role === "fabric",
      agent,
      pid: State.Pid,
      async stop() {
        stream.end();
        try {
          await within(removed, STOP_MS, () => new LabError(`The container of ${label} does not end.`));
        } finally {
          stream.destroy();
        }
      },
    };
  } catch (error) {
    throw engineError(what, error);
  }
}

function createOptions(plan: ContainerPlan): ContainerCreateOptions & { name: string } {
  const isFabric = plan.role === "fabric";
  return {
    name: `lb-${plan.run}-${plan.machine}`,
    Image: plan.image,
    Entrypoint: [`${PROGRAMS}/agent`],
    Cmd: [],
    User: "0:0",
    WorkingDir: "/",
    Hostname: plan.machine,
    Labels: plan.labels,
    Healthcheck: { Test: ["NONE"] },
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    StopSignal: "SIGKILL",
    HostConfig: {
      NetworkMode: "none",
      AutoRemove: true,
      CapDrop: ["ALL"],
      CapAdd: [...CAPABILITIES[plan.role], ...plan.capabilities],
      LogConfig: { Type: "none", Config: {} },
      // Routers set sysctls of their own; AppArmor's default profile would forbid that, and the fabric's look at other processes.
      ...(plan.role === "router" || isFabric
        ? { ReadonlyPaths: [], MaskedPaths: [], SecurityOpt: ["apparmor=unconfined", "no-new-privileges"] }
        : { SecurityOpt: ["no-new-privileges"] }),
      Devices: plan.devices.map((file) => ({ PathOnHost: file, PathInContainer: file, CgroupPermissions: "rw" })),
      ...(isFabric ? { PidMode: "host" } : {}),
      ...(plan.programs === "mounted" ? { Mounts: [programsMount] } : {}),
      ShmSize: 1 << 30,
      RestartPolicy: { Name: "no" },
    },
  };
}
