// SPDX-License-Identifier: Apache-2.0
// The wiring around a run: what of links, routes, addresses and rules differs after the traffic, that no event of the run ordered.
import type { Plan } from "../api/scenario.ts";
import { isExplained } from "../events/index.ts";
import { isRouterDeath } from "../events/meaning.ts";
import type { FaultSubject, LabFault } from "../record/schema.ts";
import { fabricsOf } from "../runtime/fabric.ts";
import type { Lab } from "../runtime/runtime.ts";
import { type Machine, type Net, shownAddress, VIP_PREFIX } from "../topology/topology.ts";

/** Routes are asked of so many targets at most: each answer is a program that runs. */
const ASKED_TARGETS = 50;
const SYS = "/sys/class/net";
/** A lab that is gone to pieces is not told in full. */
const MOST_SENTENCES = 5;

interface Link {
  /** As the kernel calls it: "up", "down", and others on the way. */
  state: string;
  carrierChanges: number;
}

/** What a machine's wiring looks like. */
export interface MachineWiring {
  machine: string;
  /** By device; what the machine's /sys does not tell is left out. */
  links: ReadonlyMap<string, Link>;
  /** Routes (addresses are local ones) and rules, a line each; null: they were not asked for. */
  routes: readonly string[] | null;
}

/** What is wired in all machines, and in the fabric between them. */
export async function readWiring(lab: Lab): Promise<MachineWiring[]> {
  const { targets, testers, squeeze, machines } = lab.topology;
  const asked = new Set([...targets.slice(0, ASKED_TARGETS), ...testers, ...(squeeze ? [squeeze.machine] : [])]);
  const bridges: Net[] = squeeze ? ["net1", "net2", "net3"] : ["net1", "net2"];
  const fabric = async (part: string) => ({ machine: part, links: await readLinks(lab, part, bridges), routes: null });
  const own = async (machine: Machine) => ({
    machine: machine.name,
    links: await readLinks(
      lab,
      machine.name,
      machine.links.map(({ device }) => device),
    ),
    routes: asked.has(machine) ? await readRoutes(lab, machine) : null,
  });
  return Promise.all([...fabricsOf(lab).map(fabric), ...machines.map(own)]);
}

/** Machines with an IPv6 address of the plan that is not in force: the kernel adds its local route in the background, and late where it has a thousand. */
export function addressless(wiring: readonly MachineWiring[], machines: readonly Machine[]): string[] {
  const routes = new Map(wiring.map((one) => [one.machine, one.routes]));
  return machines.flatMap(({ name, links }) => {
    const has = routes.get(name);
    const isMissing = ({ ipv6, device }: { ipv6: string; device: string }) =>
      !has?.some((line) => line.startsWith(`local ${shownAddress(ipv6)} dev ${device} `));
    return has && links.some(isMissing) ? [name] : [];
  });
}

async function readLinks(lab: Lab, machine: string, devices: readonly string[]): Promise<Map<string, Link>> {
  const links = new Map<string, Link>();
  for (const device of devices) {
    const files = ["operstate", "carrier_changes"].map((file) => `${SYS}/${device}/${file}`);
    const { stdout } = await lab.host(machine).exec(["@read", ...files], { check: false });
    const [state, changes] = stdout.split("\n").filter((line) => line !== "" && !line.startsWith("==>"));
    if (state !== undefined && changes !== undefined) links.set(device, { state, carrierChanges: Number(changes) });
  }
  return links;
}

async function readRoutes(lab: Lab, { name }: Machine): Promise<string[]> {
  const texts = await Promise.all(
    ["-4", "-6"].map(async (family) => {
      const input = "route show table all\nrule show\n";
      const { stdout } = await lab.wiring(name).exec(["ip", family, "-batch", "-"], { input, check: false });
      return stdout;
    }),
  );
  return texts.flatMap((text) => joined(text)).map((line) => line.replace(/ expires \d+sec/, "").trim());
}

/** A route by several routers has a line for each; they belong together. */
function joined(text: string): string[] {
  return text
    .replace(/\n\t+/g, " ")
    .split("\n")
    .filter((line) => line.trim() !== "");
}

/** One for each difference that the plan did not order. `routers` are all by name. */
export function wiringFaults(
  before: readonly MachineWiring[],
  after: readonly MachineWiring[],
  plan: Pick<Plan, "steps">,
  routers: readonly string[] = [],
): LabFault[] {
  // What kinds from outside do to the wiring is not known here.
  if (plan.steps.some(({ event }) => !isExplained({ kind: event.kind }))) return [];
  const unlinked = new Set(
    plan.steps.flatMap(({ event, members }) => (isRouterDeath(event) ? members.map((n) => routers[n - 1]) : [])),
  );
  const rerouted = plan.steps.some(({ event }) => event.subject === "routers");
  const now = new Map(after.map((one) => [one.machine, one]));
  const faults = before.flatMap((was) => {
    const is = now.get(was.machine);
    if (!is || unlinked.has(was.machine)) return [];
    const about = (what: FaultSubject["what"]) => (text: string) => ({ text, about: { what, where: was.machine } });
    const links = linkFaults(was, is).map(about("link"));
    return links.length > 0 ? links : routeFaults(was, is, rerouted).map(about("routes"));
  });
  const more = faults.length - MOST_SENTENCES;
  return more > 0
    ? [...faults.slice(0, MOST_SENTENCES), { text: `${more} more differences in the lab's wiring.` }]
    : faults;
}

function linkFaults(was: MachineWiring, is: MachineWiring): string[] {
  return [...was.links].flatMap(([device, { state, carrierChanges }]) => {
    const now = is.links.get(device);
    const link = `The link ${device} of ${was.machine} was`;
    if (!now) return [`${link} gone after the traffic, which the run did not order.`];
    // The kernel tells of "up" up to a second late, but of the carrier at once.
    if (now.carrierChanges === carrierChanges && (now.state !== "down" || state === "down")) return [];
    const when = now.state === "up" || now.state === "unknown" ? "for a while during" : "after";
    return [`${link} down ${when} the traffic, which the run did not order.`];
  });
}

function routeFaults(was: MachineWiring, is: MachineWiring, rerouted: boolean): string[] {
  if (!was.routes || !is.routes) return [];
  const ordered = (line: string) =>
    rerouted && ["default", VIP_PREFIX[4], VIP_PREFIX[6]].some((to) => line === to || line.startsWith(`${to} `));
  const without = (lines: readonly string[], others: readonly string[]) =>
    lines.filter((line) => !others.includes(line) && !ordered(line));
  const [[gone], [come]] = [without(was.routes, is.routes), without(is.routes, was.routes)];
  const changed = [
    ...(gone === undefined ? [] : [`'${gone}' is gone`]),
    ...(come === undefined ? [] : [`'${come}' has come`]),
  ];
  if (changed.length === 0) return [];
  return [
    `Routes or rules of ${was.machine} changed during the traffic, which the run did not order: ${changed.join(", ")}.`,
  ];
}
