// SPDX-License-Identifier: Apache-2.0
// Rules of farm files: our golden files, nftlb's own where they are at hand, and what a change changes.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import path from "node:path";
import test from "ava";
import { addressBytes } from "../../../harness/api/index.ts";
import { FarmError } from "./errors.ts";
import { script, whole } from "./parts.ts";
import { printFarm } from "./print.ts";
import { rulesetOf } from "./render.ts";
import { type Marks, servicesOf } from "./services.ts";
import { sessionsIn } from "./sessions.ts";
import { EMPTY, fileOf, merged, type State, without } from "./store.ts";

const GOLDEN = path.join(import.meta.dirname, "golden");
const read = (file: string): unknown => JSON.parse(readFileSync(file, "utf8"));
const state = (body: unknown) => merged(EMPTY, body, true);
const ruleset = (of: State, marks: Marks = new Map()) => rulesetOf(servicesOf(fileOf(of), marks));

for (const name of readdirSync(GOLDEN).filter((file) => file.endsWith(".json")))
  test(`golden: ${name}`, (t) => {
    const rules = whole(ruleset(state(read(path.join(GOLDEN, name)))));
    t.is(rules, readFileSync(path.join(GOLDEN, name.replace(".json", ".nft")), "utf8"));
  });

/** The folder `tests/config_exec` of nftlb's sources: NFTLB_TESTS=nftlb/tests/config_exec. */
const PUBLISHED = process.env.NFTLB_TESTS;
const published = PUBLISHED && existsSync(PUBLISHED) ? readdirSync(PUBLISHED).filter((name) => /^\d/.test(name)) : [];
const WORDS =
  /(?:[0-9a-f]{2}:){5}[0-9a-f]{2}|\d+\.\d+\.\d+\.\d+(?![\d/])|[0-9a-f]*:[0-9a-f:]+:[0-9a-f:]*(?![0-9a-f:/])|log prefix "[^"]*"|limit rate (?:over )?\S+(?: burst \d+ packets)?|ct count over \d+|ct state invalid/g;

/** Addresses, limits and prefixes of logs, addresses alike however they are written; networks are not looked at. */
const wordsOf = (rules: string) =>
  new Set(
    [...rules.matchAll(WORDS)].map(([word]) => (isIP(word) ? Buffer.from(addressBytes(word)).toString("hex") : word)),
  );

// A list of the family that a farm does not have can match nothing, and is left out.
for (const name of published.filter((one) => !one.startsWith("050_policies_ipv6")))
  test(`nftlb's ${name}: addresses, limits and logs of its rules are in ours`, (t) => {
    const folder = path.join(PUBLISHED as string, name);
    const input = state(read(path.join(folder, "input.json")));
    const ours = wordsOf(whole(ruleset(input)));
    const stateless = fileOf(input).farms.every(({ mode }) => mode === "stlsdnat");
    const theirs = wordsOf(readFileSync(path.join(folder, "output.nft"), "utf8"));
    // Stateless DNAT needs no MAC addresses here.
    const missing = [...theirs].filter((word) => !ours.has(word) && !(stateless && /^(..:){5}/.test(word)));
    t.deepEqual(missing, []);
  });

const FARM = {
  name: "web",
  "virtual-addr": "192.0.2.1",
  "virtual-ports": "80",
  mode: "dnat",
  backends: [1, 2, 3].map((n) => ({ name: `b${n}`, "ip-addr": `198.51.100.${n}` })),
};
const OTHER = { ...FARM, name: "other", "virtual-addr": "192.0.2.2" };
const two = state({ farms: [FARM, OTHER] });
const put = (of: State, farm: Record<string, unknown>) => merged(of, { farms: [{ name: "web", ...farm }] }, false);

test("nothing changes where nothing differs", (t) => {
  t.is(script(ruleset(two), ruleset(put(two, { state: "up" }))), "");
});

test("a backend that goes down costs its slot, its address and the rule that counts them, of its farm alone", (t) => {
  const marks: Marks = new Map();
  const next = put(two, { backends: [{ name: "b3", state: "down" }] });
  t.is(
    script(ruleset(two, marks), ruleset(next, marks)),
    `flush chain inet nft-lb farm4-web
delete element inet nft-lb to4-web {
0x3
}
delete element inet nft-lb slots4-web {
2
}
add rule inet nft-lb farm4-web ct mark set numgen inc mod 2 map @slots4-web
add rule inet nft-lb farm4-web dnat ip to ct mark map @to4-web
`,
  );
});

test("the last backend takes the slot of one that goes down: no other slot moves", (t) => {
  const rules = script(ruleset(two), ruleset(put(two, { backends: [{ name: "b1", state: "down" }] })));
  t.regex(rules, /delete element inet nft-lb slots4-web \{\n0,\n2\n\}/);
  t.regex(rules, /elements = \{\n0 : 0x3\n\}/);
});

test("a backend keeps its mark when another one leaves for good", (t) => {
  const marks: Marks = new Map();
  ruleset(two, marks);
  const rules = whole(ruleset(without(two, ["farms", "web", "backends", "b1"]), marks));
  t.regex(rules, /map to4-web \{\ntype mark : ipv4_addr\nelements = \{\n0x2 : 198\.51\.100\.2,\n0x3 /);
});

test("a farm that goes takes its chains, and a set that is declared otherwise its rules", (t) => {
  const gone = script(ruleset(two), ruleset(without(two, ["farms", "web"])));
  t.regex(gone, /delete element inet nft-lb choice4 \{\n192\.0\.2\.1 \. tcp \. 80\n\}/);
  t.regex(gone, /delete chain inet nft-lb farm4-web\n/);
  t.notRegex(gone, /other/);
  const kept = put(two, { persistence: "srcip" });
  const longer = script(ruleset(kept), ruleset(put(kept, { "persist-ttl": "90" })));
  t.regex(longer, /flush chain inet nft-lb kept4-web\n/);
  t.regex(longer, /delete map inet nft-lb persist4-web\n/);
  t.regex(longer, /add rule inet nft-lb kept4-web update @persist4-web/);
});

test("an element of a list that may have expired is not deleted by itself: nft would refuse", (t) => {
  const list = { name: "bad", timeout: "5", elements: [{ data: "203.0.113.1" }, { data: "203.0.113.2" }] };
  const before = merged(two, { policies: [list], farms: [{ name: "web", policies: [{ name: "bad" }] }] }, false);
  const text = script(ruleset(before), ruleset(without(before, ["policies", "bad", "elements", "203.0.113.1"])));
  t.notRegex(text, /delete element/);
  t.regex(text, /delete set inet nft-lb hosts4-bad\n/);
});

test("lists are joined by PUT and replaced by PATCH; a policy that goes leaves its farms", (t) => {
  const added = put(two, { backends: [{ name: "b4", "ip-addr": "198.51.100.4" }] });
  t.is(fileOf(added).farms[0]?.backends.length, 4);
  const replaced = merged(two, { farms: [{ name: "web", backends: [] }] }, true);
  t.is(fileOf(replaced).farms[0]?.backends.length, 0);
  const listed = merged(two, { policies: [{ name: "p" }], farms: [{ name: "web", policies: [{ name: "p" }] }] }, false);
  t.deepEqual(fileOf(without(listed, ["policies", "p"])).farms[0]?.policies, []);
});

const wrong: [title: string, farms: Record<string, unknown>[], message: RegExp][] = [
  ["a mode", [{ ...FARM, mode: "magic" }], /^farms, 'web': mode: Invalid option/],
  ["a field", [{ ...FARM, colour: "red" }], /^farms, 'web': colour: /],
  ["a port", [{ ...FARM, "virtual-ports": "70000" }], /virtual-ports: ports are 1 to 65535/],
  ["an address", [{ ...FARM, backends: [{ name: "x", "ip-addr": "1.2.3" }] }], /'1\.2\.3' is no IP address/],
  ["a name", [{ ...FARM, name: 'a"; drop' }], /a name has letters/],
  ["a prefix", [{ ...FARM, "log-prefix": 'a" drop' }], /a prefix has no quotation mark/],
  ["a rate", [{ ...FARM, "new-rtlimit": "5/year" }], /new-rtlimit: as in '10'/],
  ["an overlap", [FARM, { ...FARM, name: "twin" }], /Farms 'web' and 'twin' both serve 192\.0\.2\.1 tcp port 80\./],
  ["a policy", [{ ...FARM, policies: [{ name: "none" }] }], /'web' has the policy 'none', which there is not/],
  ["dsr", [{ ...FARM, mode: "dsr" }], /mode 'dsr' needs the ether-addr of backend 'b1'/],
  ["limits", [{ ...FARM, mode: "stlsdnat", "est-connlimit": 3 }], /need conntrack/],
  ["marks", [{ ...FARM, backends: FARM.backends.map((one) => ({ ...one, mark: "0x5" })) }], /has the mark of another/],
];
for (const [title, farms, message] of wrong)
  test(`wrong in a farm: ${title}`, (t) => {
    const run = () =>
      ruleset(title === "a policy" ? { ...two, farms: new Map([["web", farms[0] as never]]) } : state({ farms }));
    t.throws(run, { instanceOf: FarmError, message });
  });

test("a farm is printed as nftlb prints it", (t) => {
  const [farm] = fileOf(two).farms;
  if (!farm) return t.fail();
  t.like(printFarm(farm), {
    "sched-param": "none",
    "new-rtlimit": "0/second",
    mark: "0x0",
    "tcp-strict": "off",
    queue: "-1",
    verdict: "log drop accept",
    addresses: [{ name: "web-addr", family: "ipv4", "ip-addr": "192.0.2.1", ports: "80", protocol: "tcp" }],
  });
  const again = state({ farms: [JSON.parse(JSON.stringify(printFarm(farm)))] });
  t.is(whole(ruleset(again)), whole(ruleset(state({ farms: [FARM] }))));
});

test("sessions are read from what nft lists", (t) => {
  const [service] = servicesOf(fileOf(two));
  const listing = `table inet nft-lb {
	map persist4-web {
		elements = { 203.0.113.4 . 95 timeout 50s expires 49s123ms : 0x00000001,
			     203.0.113.5 . 96 timeout 50s expires 9s : 0x00000009 }
	}
}`;
  t.deepEqual(sessionsIn(listing, service?.targets ?? []), [
    { client: "203.0.113.4 . 95", backend: "b1", expiration: "49s123ms" },
  ]);
});
