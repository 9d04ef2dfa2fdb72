// SPDX-License-Identifier: Apache-2.0
// What can be wrong with a swarm, without one: each is a sentence with its remedy.
import test from "ava";
import { LabError } from "../runtime.ts";
import { checkManager, nameOf, type SwarmNode, usableNodes } from "./nodes.ts";
import { arrived, brokenWay, departed } from "./watch.ts";

const swarm = { NodeID: "a", NodeAddr: "10.0.0.1", LocalNodeState: "active", ControlAvailable: true };
const check = (change: object) => checkManager({ Swarm: { ...swarm, ...change } }, "unix:///x");
const node = (
  id: string,
  change: { state?: string; availability?: string; arch?: string; host?: string } = {},
): SwarmNode => ({
  ID: id,
  Spec: { Role: "worker", Availability: change.availability ?? "active", Labels: {} },
  Description: {
    Hostname: change.host ?? `host-${id}`,
    Platform: { Architecture: change.arch ?? "x86_64", OS: "linux" },
  },
  Status: { State: change.state ?? "ready", Addr: "10.0.0.2" },
});

test("an engine in no swarm, a worker, and a swarm that is locked have their remedies", (t) => {
  t.notThrows(() => check({}));
  t.throws(() => check({ LocalNodeState: "inactive" }), {
    instanceOf: LabError,
    message: /is in no swarm. Run 'docker swarm init'/,
  });
  t.throws(() => check({ LocalNodeState: "locked" }), { message: /is locked. See 'docker info'/ });
  const managers = { ControlAvailable: false, RemoteManagers: [{ Addr: "10.0.0.7:2377" }] };
  t.throws(() => check(managers), { message: /is a worker of its swarm.*DOCKER_HOST \(managers: 10\.0\.0\.7\)/ });
});

test("nodes that are down or drained get no machines; the manager's own comes first", (t) => {
  const all = [node("b"), node("c", { state: "down" }), node("d", { availability: "drain" }), node("a")];
  t.deepEqual(
    usableNodes(all, "a").map(({ ID }) => ID),
    ["a", "b"],
  );
  const early = [node("a"), node("e", { state: "unknown" })];
  t.throws(() => usableNodes(early, "a"), { message: /does not know yet whether node 'host-e' is up.*in a minute/ });
  t.throws(() => usableNodes(all, "d"), { message: /The manager's own node takes no work/ });
});

test("nodes of different architectures are refused, with the command that leaves one out", (t) => {
  t.throws(() => usableNodes([node("a"), node("b", { arch: "aarch64" })], "a"), {
    message: /'host-a' is linux on x86_64, 'host-b' is linux on aarch64.*--availability drain host-b/,
  });
});

test("nodes with the same host name are told apart", (t) => {
  const all = [node("abcdefgh", { host: "vm" }), node("xyzxyzxyz", { host: "vm" }), node("c")];
  t.deepEqual(
    all.map((one) => nameOf(one, all)),
    ["vm-abcdef", "vm-xyzxyz", "host-c"],
  );
});

test("a node that leaves, is drained or is down is named", (t) => {
  const mine = [{ id: "a", name: "one" }];
  t.is(departed(mine, [node("a")]), null);
  t.is(departed(mine, []), "node 'one' has left the swarm");
  t.is(departed(mine, [node("a", { availability: "pause" })]), "node 'one' was set to 'pause'");
  t.regex(departed(mine, [node("a", { state: "down" })]) ?? "", /node 'one' is down/);
  t.is(departed(mine, [node("a", { state: "unknown" })]), null, "another manager has become the leader");
});

test("nodes that do not reach each other are named once nothing arrives for several looks", (t) => {
  const look = (sent: number, received: number) => [{ from: 0, to: 1, sent, received }];
  const broken = (...looks: ReturnType<typeof look>[]) => brokenWay(looks, ["one", "two"]);
  t.regex(broken(look(0, 0), look(10, 0), look(20, 0), look(30, 0)) ?? "", /'one' sends arrives at node 'two'/);
  t.is(broken(look(0, 0), look(10, 0), look(20, 0)), null, "too early to say");
  t.is(broken(look(0, 0), look(10, 0), look(20, 0), look(30, 1)), null);
  t.is(broken(look(5, 0), look(5, 0), look(5, 0), look(5, 0)), null, "nobody sends");
});

test("what is sent while the nodes are read one after the other is not taken for lost, nor for what was lost before", (t) => {
  const look = (sent: number, received: number) => [{ from: 0, to: 1, sent, received }];
  t.deepEqual(arrived(look(10, 9), look(14, 12)), look(10, 10));
  t.deepEqual(arrived(look(10, 8), look(10, 9)), look(10, 9));
});
