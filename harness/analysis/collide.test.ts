// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { hashFlow, makeOracle, type OracleSpec } from "../oracle/oracle.ts";
import type { Connection, Event } from "../record/schema.ts";
import { runInfo } from "../report/fixture-base.ts";
import { analyse } from "./analyse.ts";
import { connectionOf, S, streamEnd, streamStart } from "./connect-fixture.ts";
import { flowReader } from "./flows.ts";

const targets = ["vm-001", "vm-002", "vm-003", "vm-004"];
const spec: OracleSpec = { strategy: "modulo", seed: 5, ports: true };
const N = 100;

/** Connections where the oracle expects them: the attacker who knows the seed has those for vm-001 only. */
function summaryOf(changed: (connection: Connection) => Partial<Connection> = () => ({})) {
  const oracle = makeOracle(spec, [0, 1, 2, 3]);
  const vip = streamStart({ connections: N });
  const attackers = (["knows", "guesses"] as const).map((by) => ({
    ...vip,
    stream: `ipv4 attacker ${by}`,
    attack: { by, victim: "vm-001" },
  }));
  const flowOf = flowReader(vip);
  const all = Array.from({ length: 20 * N }, (_, id) => {
    const one = connectionOf({ id, target: null, endUs: 1000, sport: 2000 + id });
    const target = targets[oracle.pick(hashFlow(spec, flowOf(one))) ?? 0] ?? null;
    return connectionOf({ ...one, target, cause: "none", establishedUs: 1000 });
  });
  const onVictim = all.slice(N).filter(({ target }) => target === "vm-001");
  const [knows, guesses] = attackers.map(({ stream }, k) =>
    (k === 0 ? onVictim : all.slice(-N)).slice(0, N).map((one) => {
      const own = { ...one, stream };
      return { ...own, ...changed(own) };
    }),
  );
  const events: Event[] = [
    { kind: "deployed", t: 0, backend: "test", active: targets, effectiveOptions: {}, oracle: spec },
    vip,
    ...attackers,
    ...[vip, ...attackers].map((stream) => streamEnd(2, stream)),
    { kind: "counters", t: 9 * S, machine: "vm-221", moment: "after", values: {} },
  ];
  const connections = [...all.slice(0, N), ...(knows ?? []), ...(guesses ?? [])];
  return analyse(runInfo("test", "collide", targets, []), { events, connections }).summary;
}

const FAULT = /attacker/;

test("who knows the seed has all on one target, who does not as many as chance gives, and both are no connections to judge", (t) => {
  const { collide, reasons, connections } = summaryOf();
  t.like(collide, { victim: "vm-001", secret: true, knows: { answered: N, onVictim: N, low: N, high: N } });
  t.like(collide?.guesses, { answered: N, low: 7, high: 43, mispredicted: 0 });
  t.notRegex(reasons.join(), FAULT);
  t.is(connections.planned, N);
});

test("a connection of who knows the seed that comes elsewhere fails the run", (t) => {
  const { collide, reasons } = summaryOf(({ stream, id }) =>
    stream.endsWith("knows") && id % 50 === 0 ? { target: "vm-002" } : {},
  );
  t.true((collide?.knows.mispredicted ?? 0) > 0);
  t.regex(reasons.join(), /knows hash and seed had \d+ of 100 connections on vm-001; all 100 were to be there/);
  t.regex(reasons.join(), /answered by another target than the oracle predicted/);
});

test("one who does not know the seed and hits all the same fails the run", (t) => {
  const { reasons } = summaryOf(({ stream }) => (stream.endsWith("guesses") ? { target: "vm-001" } : {}));
  t.regex(reasons.join(), /does not know the seed had 100 of 100 connections on vm-001; 7 to 43 by chance/);
});

test("an attacker's connection without an answer fails the run", (t) => {
  const { reasons } = summaryOf(({ id }) =>
    id === 2 * N - 1 ? {} : id % 97 === 0 ? { target: null, establishedUs: null, cause: "timeout" } : {},
  );
  t.regex(reasons.join(), /connections? of an attacker (was|were) not answered/);
});
