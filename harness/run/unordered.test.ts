// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { TOOLS } from "../api/tools.ts";
import { EVENTS } from "../events/index.ts";
import { planTopology, shownAddress } from "../topology/topology.ts";
import { ruleLines, rulesCommands, rulesFaults } from "./rules-check.ts";
import { lostBetween } from "./unordered.ts";
import { addressless, type MachineWiring, wiringFaults } from "./wiring-check.ts";

const quiet = { steps: [] };
const link = (state: string, carrierChanges: number) => ({ state, carrierChanges });
const machine = (to: Partial<MachineWiring> = {}): MachineWiring => ({
  machine: "vm-003",
  links: new Map([["eth1", link("up", 2)]]),
  routes: ["default via 192.168.1.201 dev eth1", "10.0.0.0/29 via 192.168.1.201 dev eth1"],
  ...to,
});
const faults = (is: Partial<MachineWiring>, plan: Parameters<typeof wiringFaults>[2] = quiet) =>
  wiringFaults([machine()], [machine(is)], plan).map(({ text }) => text);

test("packets that the network between nodes lost are no balancer's, one in a thousand aside", (t) => {
  const crossed = (sent: number, received: number) => [{ from: "rack-1", to: "rack-2", sent, received }];
  t.deepEqual(lostBetween(crossed(500, 400), crossed(10_500, 10_390)), []);
  t.deepEqual(
    lostBetween(crossed(500, 400), crossed(10_500, 10_380)).map(({ text }) => text),
    ["20 of 10,000 packets from node 'rack-1' to node 'rack-2' were lost on the network between them."],
  );
});

test("wiring that is as it was is no fault, and neither is what /sys does not tell", (t) => {
  t.deepEqual(faults({}), []);
  t.deepEqual(wiringFaults([machine({ links: new Map(), routes: null })], [machine()], quiet), []);
  t.deepEqual(
    wiringFaults([machine({ links: new Map([["eth1", link("lowerlayerdown", 2)]]) })], [machine()], quiet),
    [],
    "the kernel tells of a new link's state late",
  );
});

test("machines whose IPv6 addresses are not in force yet are known", (t) => {
  const { machines } = planTopology({ targets: 2, routers: 1 });
  const { links = [] } = machines[1] ?? {};
  const route = links.map(
    ({ ipv6, device }) => `local ${shownAddress(ipv6)} dev ${device} table local proto kernel metric 0`,
  );
  const vm = (routes: string[] | null) => [machine({ machine: machines[1]?.name ?? "", routes })];
  t.deepEqual(addressless(vm(route), machines), []);
  t.deepEqual(addressless(vm(["default via 192.168.1.201 dev eth1"]), machines), ["vm-002"]);
  t.deepEqual(addressless(vm(null), machines), [], "it is not asked");
});

test("a link that went down is named, and what follows from it is not told besides", (t) => {
  const told = (state: string) => faults({ links: new Map([["eth1", link(state, 4)]]), routes: [] });
  const [was, what] = ["The link eth1 of vm-003 was", "the traffic, which the run did not order."];
  t.deepEqual(told("up"), [`${was} down for a while during ${what}`]);
  t.deepEqual(told("lowerlayerdown"), [`${was} down after ${what}`]);
  t.deepEqual(faults({ links: new Map() }), [`${was} gone after ${what}`]);
});

test("routes that came or went are told, unless an event moved them", (t) => {
  const moved = { routes: ["default via 192.168.1.202 dev eth1", "10.0.0.0/29 via 192.168.1.202 dev eth1"] };
  t.deepEqual(faults(moved), [
    "Routes or rules of vm-003 changed during the traffic, which the run did not order: 'default via 192.168.1.201 dev eth1' is gone, 'default via 192.168.1.202 dev eth1' has come.",
  ]);
  t.deepEqual(faults(moved, { steps: [{ atS: 1, event: EVENTS.router_out, members: [1] }] }), []);
  t.is(faults(moved, { steps: [{ atS: 1, event: EVENTS.scale_in, members: [1] }] }).length, 1);
});

test("what an event from outside does to the wiring is not known", (t) => {
  const event = { ...EVENTS.scale_in, kind: "unplug" };
  t.deepEqual(faults({ routes: [] }, { steps: [{ atS: 1, event, members: [1] }] }), []);
});

test("rules are compared without times and counters", (t) => {
  const save = (n: number) =>
    `# Generated on day ${n}\n*nat\n:PREROUTING ACCEPT [${n}:${n}]\n[${n}:${n}] -A PREROUTING -j X\nCOMMIT\n`;
  t.deepEqual(ruleLines(save(1)), ["*nat", ":PREROUTING ACCEPT", "-A PREROUTING -j X", "COMMIT"]);
  t.deepEqual(ruleLines(save(1)), ruleLines(save(2)));
  const nexthop = (s: number) => `id 9 group 1/2 type resilient unbalanced_timer 0 unbalanced_time ${s}.5 proto static`;
  t.deepEqual(ruleLines(nexthop(1)), ruleLines(nexthop(2)));
});

test("rules that are gone are told by router; rules that cannot be read are not", (t) => {
  const read = (lines: string[]) => new Map([["vm-201", new Map([["nft list ruleset", lines]])]]);
  const [whole, none] = [read(["table ip lb {", "chain pre {", "dnat to 10.0.0.1"]), read([])];
  t.deepEqual(rulesFaults(whole, whole), []);
  t.deepEqual(rulesFaults(none, whole), [], "what is added takes nothing away");
  t.deepEqual(rulesFaults(whole, new Map()), []);
  const text =
    "The rules of vm-201 changed during the run, which no event ordered: 3 of 3 lines of 'nft list ruleset' are gone, as 'dnat to 10.0.0.1'.";
  t.deepEqual(rulesFaults(whole, none), [{ text, about: { what: "rules", where: "vm-201" } }]);
});

test("a router is asked what its balancer is made of, and of routes only one that does not change them by itself", (t) => {
  const programs = (tools: (typeof TOOLS)[keyof typeof TOOLS][], decides: boolean) => [
    ...new Set(rulesCommands({ tools }, decides).map(([name]) => name)),
  ];
  t.deepEqual(programs([TOOLS.ip], false), ["ip"]);
  t.deepEqual(programs([TOOLS.nft], true), ["nft"]);
  t.deepEqual(programs([TOOLS.iptables, TOOLS.ip6tables], false), ["ip", "iptables-save", "ip6tables-save"]);
  t.deepEqual(programs([TOOLS.ipvsadm], false), ["ip", "ipvsadm"]);
  t.deepEqual(programs([TOOLS.ipvsadm], true), []);
});
