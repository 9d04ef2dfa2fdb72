// SPDX-License-Identifier: Apache-2.0
// What a user may say about a run, checked once, here. Inside, types suffice.
import { z } from "zod";
import { MAX_ROUTERS, MAX_SOURCES, MAX_TARGETS, MAX_TESTERS, MAX_VIPS } from "../topology/topology.ts";
import { announceShape } from "./announce-options.ts";
import { faults } from "./fault-options.ts";
import { floodShape } from "./flood-options.ts";
import { openShape } from "./open-options.ts";
import {
  amount,
  choice,
  flag,
  list,
  option,
  seconds,
  targetNumber,
  text,
  texts,
  whole,
  wholeSeconds,
} from "./option.ts";
import { MAX_SEED, repeatShape } from "./repeat.ts";

export const DEFAULT_CONNECTIONS = 10_000;

const size = {
  targets: option(whole(1, MAX_TARGETS).default(10), {
    group: "Topology",
    about: "number of targets",
    unit: "targets",
    environment: "__nvm",
    short: "n",
  }),
  routers: option(whole(1, MAX_ROUTERS).optional(), {
    group: "Topology",
    about: "number of routers",
    unit: "routers",
    defaultText: "what the scenario needs",
    environment: "__nrouters",
  }),
  testers: option(whole(1, MAX_TESTERS).default(1), {
    group: "Topology",
    about: "number of testers that share out the connections, by source address",
    unit: "testers",
  }),
  mtu: option(whole(1280, 65_521).optional(), {
    group: "Topology",
    about: "MTU of all links, such as 9000 for jumbo frames",
    unit: "bytes",
    defaultText: "1500",
  }),
};

const load = {
  connections: option(whole(1, 1_000_000).default(DEFAULT_CONNECTIONS), {
    group: "Load",
    about: "number of connections, both families together; by default fewer on a slow emulated machine",
    unit: "connections",
  }),
  rate: option(amount((n) => n.positive().max(10_000_000)).optional(), {
    group: "Load",
    about: "messages per second over all connections",
    unit: "messages per second",
    defaultText: "1 per connection, 10000 at most",
  }),
  duration: option(seconds().optional(), {
    group: "Load",
    about: "length of the traffic",
    unit: "seconds",
    defaultText: "the scenario's",
  }),
  family: option(choice(["4", "6", "both"]).default("both"), { group: "Load", about: "IP family of the traffic" }),
  protocol: option(choice(["tcp", "udp", "sctp"]).default("tcp"), {
    group: "Load",
    about: "transport protocol of the traffic",
  }),
  size: option(whole(80, 65_507).optional(), {
    group: "Load",
    about: "size of a message",
    unit: "bytes",
    defaultText: "1024, or the scenario's",
  }),
  stall: option(seconds().default(5), {
    group: "Load",
    about: "silence after which a connection counts as lost",
    unit: "seconds",
  }),
  sources: option(whole(1, MAX_SOURCES).optional(), {
    group: "Load",
    about: "number of client addresses of each family",
    unit: "addresses",
    defaultText: `all ${MAX_SOURCES} of a network`,
  }),
  keepalive: option(wholeSeconds(1, 32_767).optional(), {
    group: "Load",
    about: "silence after which TCP of the clients sends a keepalive",
    unit: "seconds",
    defaultText: "none is sent",
  }),
  sameTuple: option(flag(), {
    group: "Load",
    about:
      "connections that are opened again have the 5-tuple that they had; scenario connect: each comes three times, and before the third the targets of --scale leave",
  }),
  ...openShape,
  ...floodShape,
  seed: option(whole(0, MAX_SEED).default(1), {
    group: "Load",
    about: "seed of the connections: the same seed gives the same connections",
  }),
};

const events = {
  scale: option(list(targetNumber(MAX_TARGETS)).default([1, 2]), {
    group: "Events",
    about: "targets that leave or join, by number or by name: 1 or vm-001",
    unit: "targets",
  }),
  at: option(list(seconds()).optional(), {
    group: "Events",
    about: "times of the events",
    unit: "seconds",
    defaultText: "the scenario's",
  }),
  changesPerMinute: option(amount((n) => n.positive().max(6000)).optional(), {
    group: "Events",
    about: "scenarios rolling and flap: rate at which targets leave and return",
    unit: "changes per minute",
    defaultText: "30",
  }),
  ...announceShape,
  silence: option(seconds().optional(), {
    group: "Events",
    about: "scenario idle: how long connections are silent before they are used again",
    unit: "seconds",
    defaultText: "4",
  }),
};

const services = {
  vips: option(whole(1, MAX_VIPS).default(1), {
    group: "Load",
    about: "number of VIPs that share the connections",
    unit: "VIPs",
  }),
};

const flows = {
  services: option(whole(1, MAX_VIPS).default(1), {
    group: "Load",
    about: "number of services that share the connections, each with a VIP and targets of its own",
    unit: "services",
  }),
  flows: option(text().optional(), {
    group: "Load",
    about: "file of flows: services with conditions, priorities and targets of their own (docs/flows.md)",
    expects: "a file of flows",
    names: "file",
  }),
};

const watching = {
  tap: option(list(z.string().regex(/^(control|full|none|src=[0-9a-f.:]+|sample=[1-9]\d*)$/)).default(["control"]), {
    group: "Measurement",
    about:
      "packets to listen to in the fabric: those with SYN, FIN or RST and ICMP (control), all (full), none; those of lost connections are kept, and of src=ADDRESS and of every N-th one (sample=N)",
    expects: "control, full, none, src=ADDRESS or sample=N, or several",
  }),
};

export const runShape = { ...size, ...load, ...services, ...flows, ...events, ...faults, ...watching };
export const runOptions = z.strictObject(runShape);
export type RunOptions = z.infer<typeof runOptions>;

/** A backend of one's own. */
export const outsideShape = {
  backend: option(texts().default([]), {
    group: "Topology",
    about: "file that defines a backend (example: images/example/ecmp.ts)",
    expects: "a file",
    repeatable: true,
    names: "file",
  }),
};

/** A scenario of one's own, or one of ours for backends that are named alone. */
export const scenarioShape = {
  scenario: option(text().optional(), {
    group: "Events",
    about: "scenario of the backends that are named alone: a name, or a file (docs/scenarios.md)",
    expects: "a scenario, or a file of one",
    names: "file",
  }),
};

/** What machines are made of. */
export const runtimeShape = {
  runtime: option(text().optional(), {
    group: "Topology",
    about:
      "machines of the lab: network namespaces (netns), containers (docker; swarm: of several engines) or a guest (vm)",
    expects: "a runtime",
    defaultText: "netns; vm if this kernel lacks a feature that the backend needs",
    names: "runtime",
  }),
  kernel: option(text().optional(), {
    group: "Topology",
    about:
      "kernel of --runtime vm: a vmlinuz, a .deb, debian:6.1, debian:trixie, or 'host' for this machine's; several are compared",
    expects: "a kernel",
    environment: "__kver",
  }),
  accel: option(choice(["kvm", "tcg"]).optional(), {
    group: "Topology",
    about: "who runs a guest's instructions: the processor (kvm) or an emulator (tcg)",
    defaultText: "kvm where it works",
  }),
  time: option(choice(["virtual", "real"]).optional(), {
    group: "Topology",
    about: "whose seconds a guest counts: its own instructions (exact verdicts, repeatable runs) or this machine's",
    defaultText: "virtual for an emulated guest",
  }),
  image: option(texts().default([]), {
    group: "Topology",
    about: "role=image with --runtime docker or swarm; roles: router, target, tester, base",
    expects: "role=image",
    repeatable: true,
  }),
  capability: option(texts().default([]), {
    group: "Topology",
    about: "extra capability of the routers' containers with --runtime docker or swarm, such as SYS_ADMIN",
    expects: "a capability, such as SYS_ADMIN",
    repeatable: true,
  }),
  place: option(texts().default([]), {
    group: "Topology",
    about:
      "group=constraint: nodes of --runtime swarm for routers, targets or testers, as routers=node.labels.lb==true",
    expects: "group=constraint",
    repeatable: true,
  }),
};

export const setShape = {
  set: option(texts().default([]), {
    group: "Topology",
    about: "key=value: option of the backend ('list' shows them; nfqueue also reads xcluster_LB_OPTIONS)",
    expects: "key=value",
    repeatable: true,
  }),
};

/** A lab that stays up. */
export const labShape = { ...outsideShape, ...size, ...runtimeShape, ...setShape };

const jobsShape = {
  jobs: option(whole(1, 64).default(1), {
    group: "CI",
    about: "runs at a time, of guests in virtual time: others are made one by one",
    unit: "runs",
  }),
};

/** The options of a run among those of a command. */
export function runOptionsOf(args: RunOptions): RunOptions {
  return Object.fromEntries(
    Object.keys(runShape).map((key) => [key, args[key as keyof RunOptions]]),
  ) as unknown as RunOptions;
}

export const outShape = {
  out: option(text().default("results"), {
    group: "Output",
    about: "folder of the results",
    expects: "a folder",
    names: "folder",
    short: "o",
  }),
};

export const jsonShape = { json: option(flag(), { group: "Output", about: "print JSON, for programs" }) };

/** Whatever runs several cases, or one under several kernels, takes. */
export const comparisonShape = {
  ...outsideShape,
  ...runShape,
  ...runtimeShape,
  ...setShape,
  ...repeatShape,
  ...jobsShape,
  ...outShape,
  ...jsonShape,
};
