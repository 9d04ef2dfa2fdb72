// SPDX-License-Identifier: Apache-2.0
// Rules of one service, replaced as a whole.
import {
  FAMILIES,
  type Host,
  type IpFamily,
  iptablesRestore,
  otherVip,
  type RouterSide,
  vipPrefix,
} from "../../harness/api/index.ts";
import type { Rules, Variant } from "./iptables.ts";

interface Generation {
  number: number;
  rules: Rules;
}

export interface Generations {
  /** In force when it resolves. */
  replace(active: readonly number[]): Promise<void>;
  /** Removes the generation before, and does this too. */
  tidy(more?: () => Promise<unknown>): void;
  /** Removes the service's rules. */
  clear(): Promise<void>;
  /** Resolves when the last `tidy` has ended. */
  idle(): Promise<unknown>;
}

/**
 * The rules of one service on one router. A change puts the chain of a new generation in front of the old one with one commit, so
 * there is no moment without rules and no packet sees two generations. What is behind it is removed by `tidy`, which nobody waits for: a
 * program that deletes rules cannot end before the kernel's last reader of them has gone, 10 to 30 ms.
 */
export function generations(
  host: Host,
  given: Variant,
  rulesOf: (family: IpFamily, active: readonly number[], generation: number) => Rules,
  services = 0,
): Generations {
  let number = 0;
  const now = new Map<IpFamily, Generation>();
  const old = new Map<IpFamily, Generation>();
  let tidied: Promise<unknown> = Promise.resolve();
  const restored = (textOf: (family: IpFamily) => string) =>
    Promise.all(FAMILIES.map((family) => restore(host, family, textOf(family), given)));
  return {
    async replace(active) {
      await tidied;
      number++;
      await restored((family) => {
        const before = now.get(family) ?? null;
        const next = { number, rules: rulesOf(family, active, number) };
        if (before) old.set(family, before);
        now.set(family, next);
        return added(family, next, before, services);
      });
    },
    tidy(more) {
      const gone = restored((family) => {
        const [before, next] = [old.get(family), now.get(family)];
        return before && next ? removed(family, before, next) : "";
      });
      tidied = Promise.all([gone, more?.()]);
      // Told at the next change, if there is one; else the lab has gone.
      tidied.catch(() => {});
    },
    async clear() {
      await tidied;
      await restored((family) => {
        const last = now.get(family);
        return last ? removed(family, last, null) : "";
      });
      now.clear();
      old.clear();
    },
    idle: () => tidied,
  };
}

const chainOf = ({ number }: Generation) => `LB-SERVICE-${number}`;

export function added(family: IpFamily, next: Generation, before: Generation | null, services = 0): string {
  const chain = chainOf(next);
  const { table, hooks, rules, chains, beside } = next.rules;
  const fresh = [...(chains ?? [])].filter(([name]) => !before?.rules.chains?.has(name));
  return [
    `*${table}`,
    ...[chain, ...fresh.map(([name]) => name)].map((name) => `:${name} - [0:0]`),
    ...fresh.flatMap(([name, own]) => own.map((rule) => `-A ${name} ${rule}`)),
    ...rules.map((rule) => `-A ${chain} ${rule}`),
    ...(before ? [] : [...(beside ?? []), ...otherServices(family, rules, services)]),
    // Behind those of further services, as that of most services is.
    ...hooks.map(
      (hook) => `-I ${hook} ${hook === "PREROUTING" ? services + 1 : 1} -d ${vipPrefix(family)} -j ${chain}`,
    ),
    "COMMIT",
    "",
  ].join("\n");
}

/** A rule in PREROUTING for each further service, which leads to a chain with rules like those of the VIP's. */
function otherServices(family: IpFamily, rules: readonly string[], n: number): string[] {
  return Array.from({ length: n }, (_, i) => `LB-OTHER-${i + 1}`).flatMap((chain, i) => [
    `:${chain} - [0:0]`,
    `-A PREROUTING -d ${otherVip(i + 1, family)} -j ${chain}`,
    ...rules.map((rule) => `-A ${chain} ${rule}`),
  ]);
}

function removed(family: IpFamily, before: Generation, next: Generation | null): string {
  const chain = chainOf(before);
  const { table, hooks, chains } = before.rules;
  const unused = [chain, ...[...(chains?.keys() ?? [])].filter((name) => !next?.rules.chains?.has(name))];
  return [
    `*${table}`,
    ...hooks.map((hook) => `-D ${hook} -d ${vipPrefix(family)} -j ${chain}`),
    ...(next ? [] : (before.rules.beside ?? [])).map((rule) => rule.replace(/^-A /, "-D ")),
    ...["-F", "-X"].flatMap((verb) => unused.map((name) => `${verb} ${name}`)),
    "COMMIT",
    "",
  ].join("\n");
}

/** All of it or nothing; throws when the program refuses a line. */
export async function restore(host: Host, family: IpFamily, text: string, given?: Variant): Promise<void> {
  await host.exec(restoreWords(family, given), { input: text });
}

/** The older program has one lock for all families and routers. */
export const restoreWords = (family: IpFamily, given: Variant) => [
  iptablesRestore(family, given).name,
  "--noflush",
  "--wait",
];

/** Stop and crash take the service's rules away; a reload, and an upgrade, put a new generation in front of the old one. */
export function controlOf(service: Generations): NonNullable<RouterSide["control"]> {
  const renew = async (active: readonly number[]) => {
    await service.replace(active);
    service.tidy();
    await service.idle();
  };
  const stop = () => service.clear();
  return { stop, kill: stop, start: (active) => service.replace(active), reload: renew, upgrade: renew };
}
