// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { type LookupQuery, lookUp, type Told } from "./lookup.ts";

const names = ["vm-001", "vm-002", "vm-003"];
const all = [0, 1, 2];
const maglev = { strategy: "maglev", seed: 1, ports: true, m: 997 } as const;
const told = (spec: Told["spec"], ...history: number[][]): Told => ({ spec, names, history });
const query = (port: number, more: Partial<LookupQuery> = {}): LookupQuery => ({
  source: { address: "50.0.3.7", port },
  protocol: "tcp",
  without: [],
  ...more,
});

test("a flow has the target that it gets when it is asked for again, and no other when others leave", (t) => {
  for (let port = 1000; port < 1100; port++) {
    const { now, after } = lookUp(told(maglev, all), query(port, { without: [3] }));
    t.regex(now.slot ?? "", /^slot \d+ of 997$/);
    t.deepEqual(after?.without, ["vm-003"]);
    t.is(after?.lost, now.target === after?.target ? 0 : 1);
    if (now.target === "vm-003") t.is(after?.lost, 1);
    t.deepEqual(lookUp(told(maglev, all, [0, 1]), query(port)).now.target, after?.target);
  }
});

test("the VIP's own port is meant where none is given, in the family of the source", (t) => {
  const flow = (more: Partial<LookupQuery>) => lookUp(told(maglev, all), query(1000, more)).flow.destination;
  t.deepEqual(flow({}), { address: "10.0.0.0", port: 5003 });
  t.deepEqual(flow({ source: { address: "2000::7", port: 9 }, protocol: "udp" }), { address: "1000::", port: 6003 });
});

test("where turn or chance decides, no target is named but every share", (t) => {
  const { now, after } = lookUp(told({ strategy: "hash_threshold", hash: null }, all), query(1000, { without: [1] }));
  t.is(now.target, null);
  t.deepEqual(Object.keys(now.shares), names);
  t.deepEqual(Object.keys(after?.shares ?? {}), ["vm-002", "vm-003"]);
});

test("what does not fit the lab is refused", (t) => {
  t.throws(() => lookUp(told(maglev, [0, 1]), query(1, { without: [3] })), { message: "No target 3 is in use." });
  t.throws(() => lookUp(told(maglev, all), query(1, { destination: { address: "1000::", port: 5003 } })), {
    message: "'50.0.3.7' and '1000::' are not of one address family.",
  });
});
