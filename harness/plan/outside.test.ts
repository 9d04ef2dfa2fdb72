// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { machineNeeds } from "../api/backend.ts";
import { addressBytes, type Flow } from "../oracle/hash.ts";
import { hashFlow, makeOracle, oracleSpec } from "../oracle/oracle.ts";
import { netns } from "../runtime/netns.ts";
import type { Lab } from "../runtime/runtime.ts";
import { withOutside } from "./outside.ts";

const EXAMPLE = path.join(import.meta.dirname, "../../images/example/ecmp.ts");
const dir = mkdtempSync(path.join(tmpdir(), "lb-outside-"));
test.after.always(() => rmSync(dir, { recursive: true }));

const flows: Flow[] = Array.from({ length: 2000 }, (_, i) => ({
  src: addressBytes(i % 2 ? `50.0.${i >> 8}.${i & 255}` : `2000::${i + 1}`),
  dst: addressBytes(i % 2 ? "10.0.0.0" : "1000::"),
  sport: 1024 + 31 * i,
  dport: 5003,
  protocol: 6,
}));

/** The example from a folder of its own, changed. */
function fileWith(name: string, from: string, to: string): string {
  const file = path.join(dir, `${name}.ts`);
  const text = readFileSync(EXAMPLE, "utf8");
  if (!text.includes(from)) throw new Error(`The example has no '${from}'.`);
  writeFileSync(file, text.replaceAll(from, to));
  return file;
}

test("a backend's file brings its strategy along: the example chooses as hash-threshold does, whatever the targets", async (t) => {
  const [backend] = await withOutside([], [EXAMPLE]);
  const spec = backend?.oracle({ hashSeed: 7 }, 10, "tcp");
  if (!spec) return t.fail();
  t.deepEqual(oracleSpec.parse(spec) as unknown, { strategy: "my-ecmp/paths", seed: 7 });
  const ours = { strategy: "hash_threshold", hash: { kind: "fib_multipath", seed: 7, policy: "fields" } } as const;
  for (const active of [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [2, 0, 5], [4], []]) {
    const [theirs, known] = [makeOracle(spec, active), makeOracle(ours, active)];
    const picks = (pick: typeof known.pick) => flows.map((flow) => pick(hashFlow(spec, flow)));
    t.deepEqual(
      picks((hash) => theirs.pick(hash)),
      picks((hash) => known.pick(hash)),
      active.join(),
    );
    t.deepEqual(new Map(theirs.shares), new Map([...known.shares].sort(([a], [b]) => a - b)));
  }
});

test("data that a strategy from a file does not take is refused by its own schema", async (t) => {
  await withOutside([], [EXAMPLE]);
  t.false(oracleSpec.safeParse({ strategy: "my-ecmp/paths", seed: "7" }).success);
  t.false(oracleSpec.safeParse({ strategy: "my-ecmp/paths", seed: 7, more: 1 }).success);
});

test("a strategy is named after its backend, and must be one", async (t) => {
  await t.throwsAsync(withOutside([], [fileWith("name", "`$".concat("{NAME}/paths`"), '"maglev"')]), {
    message: /its strategy 'maglev' must have the backend's name as prefix: 'my-ecmp\/maglev'/,
  });
  await t.throwsAsync(
    withOutside([], [fileWith("none", "strategies: [pathsOf(kit)]", "strategies: [{ ...pathsOf(kit), pick: 1 }]")]),
    {
      message: /does not fit: 'strategies.0.pick': it must be a function/,
    },
  );
});

test("two backends of one name are one too many", async (t) => {
  await t.throwsAsync(withOutside([], [EXAMPLE, fileWith("same", "Example: ", "")]), {
    message: /a backend 'my-ecmp' exists/,
  });
});

/** A file whose default export this text is. */
function fileOf(name: string, text: string): string {
  const file = path.join(dir, `${name}.ts`);
  writeFileSync(file, `export default ${text};\n`);
  return file;
}

const BY_HAND = `({ z }) => ({
  name: "by-hand",
  summary: "as backends were written before defineBackend",
  keepsState: false,
  options: z.strictObject({ wide: z.stringbool().default(false), size: z.coerce.number().optional() }),
  missing: async (runtime, options) => (options?.wide ? ["Too wide for " + runtime.name] : []),
  devices: (options) => (options.wide ? ["/dev/wide"] : []),
  deploy: async (lab, options, active) => ({ setTargets: async () => 1, counters: async () => ({ active: active.length }) }),
  oracle: () => null,
  effectiveOptions: ({ wide }) => ({ wide }),
})`;

test("a backend that was written by hand, before defineBackend, goes on working", async (t) => {
  const [backend] = await withOutside([], [fileOf("by-hand", BY_HAND)]);
  if (!backend) return t.fail();
  const [narrow, wide] = [{}, { wide: "true" }].map((words) => backend.options.parse(words));
  if (!narrow || !wide) return t.fail();
  t.deepEqual(await backend.missing(netns, wide), ["Too wide for netns"]);
  t.deepEqual(machineNeeds(backend, wide), { devices: ["/dev/wide"] });
  t.deepEqual(machineNeeds(backend, narrow), { devices: [] });
  t.false(backend.tracks(narrow, 10));
  t.deepEqual(backend.effectiveOptions(narrow, 10), { wide: false });
  const balancer = await backend.deploy({} as Lab, narrow, [0, 1]);
  t.deepEqual(await balancer.counters("vm-201"), { active: 2 });
});

test("what is no backend is told with the part that does not fit, and what makes one that does", async (t) => {
  const wrong = [
    [BY_HAND.replace("oracle:", "prophet:"), /'oracle': it must be a function\. Use defineBackend\(\) of the kit/],
    [BY_HAND.replace("z.strictObject(", "("), /'options': it must be an object schema of the kit's z/],
    [BY_HAND.replace('"by-hand"', '"By Hand"'), /'name': small letters, digits and '-' only/],
    ["42", /must default-export a function of the kit/],
  ] as const;
  for (const [i, [text, message]] of wrong.entries())
    await t.throwsAsync(withOutside([], [fileOf(`wrong-${i}`, text)]), { message });
});
