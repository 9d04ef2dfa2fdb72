// SPDX-License-Identifier: Apache-2.0
// xcluster_LB_OPTIONS: words of nfqlb's command line, in its grammar (getopt_long_only): one or two dashes, a value behind
// "=" or as the next word, and any beginning that is unambiguous. Pure.
import { UsageError } from "../../harness/api/index.ts";

interface Known {
  /** Our option, and its value: a function of what was given; a switch has none. */
  takes: "value" | "nothing";
  options(value: string): Record<string, string>;
}

const value = (option: string): Known => ({ takes: "value", options: (text) => ({ [option]: text }) });

/** "0:3" are four queues, "2" is queue 2 alone: the number of the first one is the lab's. */
function queues(text: string): Record<string, string> {
  const [, first, last] = /^(\d+)(?::(\d+))?$/.exec(text) ?? [];
  if (first === undefined) throw wrong(`'--queue ${text}' is neither a number nor a range, as '0:3'`);
  return { queues: `${Number(last ?? first) - Number(first) + 1}` };
}

const KNOWN: Readonly<Record<string, Known>> = {
  p: { takes: "nothing", options: () => ({ ports: "true" }) },
  m: value("scheduler"),
  mode: value("scheduler"),
  M: value("M"),
  N: value("N"),
  queue: { takes: "value", options: queues },
  qlength: value("qlength"),
  ft_ttl: value("fragmentTtl"),
};

/** Options of the backend `nfqueue`; without -p only addresses are hashed, as there. Throws UsageError that names the word. */
export function lbOptions(text: string): Record<string, string> {
  const given: Record<string, string> = { ports: "false" };
  const words = text.split(/\s+/).filter((word) => word !== "");
  for (let i = 0; i < words.length; i++) {
    const [, typed, inline] = /^--?([^=-][^=]*)(?:=(.*))?$/s.exec(words[i] ?? "") ?? [];
    if (typed === undefined) throw wrong(`'${words[i]}' is no option`);
    const known = KNOWN[nameOf(typed)];
    if (!known) throw wrong(`'${words[i]}' is not understood`);
    if (known.takes === "nothing") {
      if (inline !== undefined) throw wrong(`'${words[i]}' takes no value`);
      Object.assign(given, known.options(""));
      continue;
    }
    const next = inline ?? words[++i];
    if (next === undefined || next === "") throw wrong(`'${words.at(-1)}' needs a value`);
    Object.assign(given, known.options(next));
  }
  return given;
}

/** The option that a word names in full, or the only one that begins with it. */
function nameOf(typed: string): string {
  if (Object.hasOwn(KNOWN, typed)) return typed;
  const fitting = Object.keys(KNOWN).filter((name) => name.startsWith(typed));
  if (fitting.length > 1) throw wrong(`'${typed}' may be ${fitting.map((name) => `'${name}'`).join(" or ")}`);
  return fitting[0] ?? typed;
}

const wrong = (what: string) =>
  new UsageError(
    `Invalid value in xcluster_LB_OPTIONS: ${what}. Known are ${Object.keys(KNOWN)
      .map((name) => (name.length > 1 ? `--${name}` : `-${name}`))
      .sort()
      .join(", ")}.`,
  );
