// SPDX-License-Identifier: Apache-2.0
// A ruleset as its parts, and the text that leads from one ruleset to another in one transaction. Pure.

/** Elements: key, and for a map what it leads to. Of a set that packets fill, none. */
interface SetPart {
  kind: "set" | "map";
  spec: readonly string[];
  elements: ReadonlyMap<string, string>;
}
export interface ChainPart {
  kind: "chain";
  /** Of a base chain: `type filter hook ...`. */
  hook: string | null;
  rules: readonly string[];
}
interface ObjectPart {
  kind: "ct helper" | "flowtable";
  spec: readonly string[];
}
export type Part = SetPart | ChainPart | ObjectPart;
/** "<family> <table> <name>" -> part. */
export type Ruleset = ReadonlyMap<string, Part>;

const tableOf = (key: string) => key.slice(0, key.lastIndexOf(" "));
const nameOf = (key: string) => key.slice(key.lastIndexOf(" ") + 1);
const words = ({ kind }: Part, key: string) => `${kind} ${key}`;

/** Deletes all that these rules have, whether there is any or not. */
export const TABLES_GONE = ["inet", "netdev"]
  .map((family) => `table ${family} nft-lb\ndelete table ${family} nft-lb\n`)
  .join("");

/** The whole ruleset, as `nft -f` takes it. */
export function whole(ruleset: Ruleset): string {
  const tables = [...new Set([...ruleset.keys()].map(tableOf))];
  return tables
    .map((table) => {
      const parts = [...ruleset].filter(([key]) => tableOf(key) === table);
      const blocks = parts.map(([key, part]) => block(part, `${part.kind} ${nameOf(key)}`));
      return `table ${table} {\n${blocks.join("\n")}\n}\n`;
    })
    .join("");
}

function block(part: Part, title: string): string {
  const lines = part.kind === "chain" ? [...(part.hook === null ? [] : [part.hook]), ...part.rules] : specOf(part);
  return `${title} {\n${lines.map((line) => `${line}\n`).join("")}}`;
}

function specOf(part: SetPart | ObjectPart, elements = "elements" in part ? part.elements : new Map()): string[] {
  if (elements.size === 0) return [...part.spec];
  return [...part.spec, `elements = {\n${listOf(elements)}\n}`];
}

const listOf = (elements: ReadonlyMap<string, string>) =>
  [...elements].map(([key, data]) => (data === "" ? key : `${key} : ${data}`)).join(",\n");

/**
 * The commands that lead from one ruleset to the other: only what differs. Elements are added by declaring the set anew: "add element"
 * and "delete element" make nft read the elements of every interval set of the kernel.
 */
export function script(before: Ruleset, after: Ruleset): string {
  const { gone, renewed, kept } = compared(before, after);
  const commands: string[] = [];
  const chains = (list: Iterable<string>, from: Ruleset) => [...list].filter((key) => from.get(key)?.kind === "chain");
  const others = (list: Iterable<string>, from: Ruleset) => [...list].filter((key) => from.get(key)?.kind !== "chain");
  const changed = kept.filter((key) => chainChanged(before, after, key, renewed));
  for (const key of [...changed, ...chains(gone, before)]) commands.push(`flush chain ${key}`);
  const elements = kept.flatMap((key) => elementChanges(before.get(key), after.get(key), key));
  commands.push(...elements.flatMap(removal));
  for (const key of others(gone, before)) commands.push(`delete ${words(before.get(key) as Part, key)}`);
  for (const key of chains(gone, before)) commands.push(`delete chain ${key}`);
  const come = [...after.keys()].filter((key) => !before.has(key) || gone.has(key));
  for (const table of new Set(come.map(tableOf))) commands.push(`add table ${table}`);
  for (const key of chains(come, after)) {
    const { hook } = after.get(key) as ChainPart;
    commands.push(`add chain ${key}${hook === null ? "" : ` {\n${hook}\n}`}`);
  }
  for (const key of others(come, after)) {
    const part = after.get(key) as Part;
    commands.push(`add ${block(part, words(part, key))}`);
  }
  commands.push(...elements.flatMap((change) => addition(change, after)));
  for (const key of [...changed, ...chains(come, after)])
    commands.push(...(after.get(key) as ChainPart).rules.map((rule) => `add rule ${key} ${rule}`));
  return commands.map((command) => `${command}\n`).join("");
}

/** `gone`: parts to delete, among them those that are declared otherwise now. */
function compared(before: Ruleset, after: Ruleset) {
  const gone = new Set<string>();
  const renewed = new Set<string>();
  const kept: string[] = [];
  for (const [key, old] of before) {
    const next = after.get(key);
    if (next === old) continue;
    if (next && declared(old) === declared(next) && !mayHaveExpired(old, next)) kept.push(key);
    else gone.add(key);
    if (next && gone.has(key)) renewed.add(nameOf(key));
  }
  // A rule that names a set which is declared anew is written anew too.
  const changed = new Set(kept);
  if (renewed.size > 0) kept.push(...[...before.keys()].filter((key) => !gone.has(key) && !changed.has(key)));
  return { gone, renewed, kept: kept.filter((key) => after.has(key)) };
}

/** Elements to delete that may be gone already, which nft would refuse: the set is declared anew. */
const mayHaveExpired = (old: Part, next: Part) =>
  "elements" in old &&
  "elements" in next &&
  old.spec.some((line) => line.startsWith("timeout ")) &&
  [...old.elements.keys()].some((element) => !next.elements.has(element));

const declared = (part: Part) => `${part.kind}\n${part.kind === "chain" ? part.hook : part.spec.join("\n")}`;

function chainChanged(before: Ruleset, after: Ruleset, key: string, renewed: ReadonlySet<string>): boolean {
  const old = before.get(key);
  const next = after.get(key);
  if (old?.kind !== "chain" || next?.kind !== "chain") return false;
  if (old !== next && old.rules.join("\n") !== next.rules.join("\n")) return true;
  return renewed.size > 0 && next.rules.some((rule) => namesIn(rule).some((name) => renewed.has(name)));
}

/** Sets, helpers and chains that a rule names. */
const namesIn = (rule: string) =>
  [...rule.matchAll(/@([\w.-]+)|(?:goto|jump) ([\w.-]+)|helper set "([\w.-]+)"/g)].map(
    ([, set, chain, helper]) => set ?? chain ?? helper ?? "",
  );

/** What is to be removed from a set, and what to be added: where data changes, both. */
export interface ElementChange {
  key: string;
  spec: readonly string[];
  remove: ReadonlyMap<string, string>;
  add: ReadonlyMap<string, string>;
}

/** Chains and elements that differ, where nothing comes or goes and nothing is declared anew; null: more than that. */
export function smallChange(before: Ruleset, after: Ruleset) {
  const { gone, kept } = compared(before, after);
  if (gone.size > 0 || after.size !== before.size) return null;
  const chains: { key: string; old: ChainPart; chain: ChainPart }[] = [];
  const elements: ElementChange[] = [];
  for (const key of kept) {
    const [old, next] = [before.get(key), after.get(key)];
    if (old?.kind === "chain" && next?.kind === "chain") chains.push({ key, old, chain: next });
    else elements.push(...elementChanges(old, next, key));
  }
  return { chains: chains.filter(({ old, chain }) => old.rules.join("\n") !== chain.rules.join("\n")), elements };
}

function elementChanges(old: Part | undefined, next: Part | undefined, key: string): ElementChange[] {
  if (old === next || !old || !next || !("elements" in old) || !("elements" in next)) return [];
  const differing = (from: SetPart, to: SetPart) =>
    new Map([...from.elements].filter(([element, data]) => to.elements.get(element) !== data));
  return [{ key, spec: next.spec, remove: differing(old, next), add: differing(next, old) }];
}

const removal = ({ key, remove }: ElementChange) =>
  remove.size === 0 ? [] : [`delete element ${key} {\n${[...remove.keys()].join(",\n")}\n}`];

const addition = ({ key, add }: ElementChange, after: Ruleset) => {
  const part = after.get(key) as SetPart;
  return add.size === 0 ? [] : [`add ${part.kind} ${key} {\n${specOf(part, add).join("\n")}\n}`];
};
