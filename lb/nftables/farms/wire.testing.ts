// SPDX-License-Identifier: Apache-2.0
// The same changes of farms with and without nft, in the network namespace that this runs in: what the kernel has after every other one, and how
// many changes needed no nft. JSON on stdout.
import { runProgram } from "../../../harness/testing/lab.ts";
import { Control } from "./control.ts";
import { Nft } from "./nft.ts";
import { RENDER_DEFAULTS } from "./render.ts";
import { Wire } from "./wire.ts";

const backend = (i: number, more: Record<string, unknown> = {}) => ({
  name: `b${i}`,
  "ip-addr": `192.0.2.${i}`,
  ...more,
});
const six = (i: number) => ({ name: `b${i}`, "ip-addr": `2001:db8::${i}` });
const farm = (i: number, more: Record<string, unknown>) => ({
  name: `farm${i}`,
  "virtual-addr": `198.51.100.${i}`,
  "virtual-ports": "80",
  mode: "dnat",
  backends: [1, 2, 3, 4].map((n) => backend(n)),
  ...more,
});

const FARMS = [
  farm(1, { scheduler: "rr" }),
  farm(2, { scheduler: "weight", backends: [1, 2, 3].map((n) => backend(n, { weight: n, port: 8000 + n })) }),
  farm(3, { scheduler: "hash", "sched-param": "srcip srcport", "tcp-strict": true }),
  farm(4, { scheduler: "symhash", persistence: "srcip", log: "input" }),
  farm(5, {
    "virtual-addr": "2001:db8:1::1",
    family: "ipv6",
    persistence: "srcip srcport",
    backends: [1, 2, 3].map(six),
  }),
  farm(6, { mode: "stlsdnat", scheduler: "hash", iface: "lo" }),
];

/** Of every farm in turn: a backend leaves, returns, gets another weight. */
const CHANGES = FARMS.flatMap(({ name }) =>
  [
    { name: "b2", state: "down" },
    { name: "b1", state: "off" },
    { name: "b2", state: "up" },
    { name: "b3", weight: 5 },
    { name: "b1", state: "up" },
  ].map((one) => ({ farms: [{ name, backends: [one] }] })),
);

/** What nft lists, as sorted texts: the kernel gives elements in any order, and handles as they came. */
async function listing(): Promise<string[]> {
  const { stdout } = await runProgram(["nft", "-j", "-s", "list", "ruleset"]);
  const { nftables } = JSON.parse(stdout) as {
    nftables: Record<string, { elem?: unknown[]; handle?: number }>[];
  };
  return nftables.flatMap((entry) =>
    Object.entries(entry).map(([kind, { elem, ...rest }]) =>
      JSON.stringify([kind, { ...rest, handle: 0 }, elem?.map((one) => JSON.stringify(one)).sort()]),
    ),
  );
}

async function states(wire: Wire | null): Promise<string[][]> {
  using nft = new Nft();
  const control = new Control(nft, { ...RENDER_DEFAULTS, masquerade: ["masquerade"] }, wire);
  await control.load({ farms: FARMS });
  const list = [await listing()];
  for (const [i, change] of CHANGES.entries()) {
    const { status, body } = await control.handle("PUT", "/farms", change);
    if (status !== 200) throw new Error(JSON.stringify(body));
    if (i % 2 === 1) list.push(await listing());
  }
  return list;
}

let short = 0;
const wire = new Wire(Number(process.env.NETLINK_FD));
const change = wire.change.bind(wire);
wire.change = (before, after) => {
  const done = change(before, after);
  short += Number(done);
  return done;
};
const [direct, byNft] = [await states(wire), await states(null)];
const differing = direct.findIndex((one, i) => JSON.stringify(one) !== JSON.stringify(byNft[i]));
const first =
  differing < 0
    ? null
    : [CHANGES[2 * differing - 1], ...(direct[differing] ?? []).filter((one) => !byNft[differing]?.includes(one))];
process.stdout.write(JSON.stringify({ changes: CHANGES.length, short, differing: first }));
