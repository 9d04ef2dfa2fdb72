// SPDX-License-Identifier: Apache-2.0
// A lab that stays up: start it, look at it, use it, stop it.
import { z } from "zod";
import { defineCommand, type Values } from "../cli/command.ts";
import { choice, endpoint, list, option, seconds, targetNumber, text } from "../plan/option.ts";
import { jsonShape, labShape, runShape } from "../plan/options.ts";
import { MAX_TARGETS } from "../topology/topology.ts";

const actions = () => import("../actions/session.ts");
/** 1 is vm-001. */
const machineName = (word: string) =>
  word.replace(/^(?:vm-)?(\d{1,4})$/, (_, digits) => `vm-${digits.padStart(3, "0")}`);
const machine = () =>
  option(text().transform(machineName), {
    about: "machine of the running lab, by number or by name: 201 or vm-201",
    expects: "a machine",
  });

const positionals = { name: option(text(), { about: "a backend", names: "backend", expects: "a backend" }) };
export type StartArgs = Values<typeof positionals> & Values<typeof labShape>;

export const startCommand = defineCommand({
  name: "start",
  summary: "start a lab and leave it running",
  positionals,
  options: labShape,
  examples: [["start nfqueue --targets 4", "then: status, exec, shell, scale, stop"]],
  run: async (args, context) => (await actions()).start(args, context),
});

export const stopCommand = defineCommand({
  name: "stop",
  summary: "stop the running lab",
  positionals: {},
  options: {},
  examples: [["stop", ""]],
  run: async () => (await actions()).stop(),
});

export const statusCommand = defineCommand({
  name: "status",
  summary: "show the running lab",
  positionals: {},
  options: jsonShape,
  examples: [["status --json", ""]],
  run: async (args) => (await actions()).status(args),
});

const machines = () =>
  option(text().transform(machineName), {
    about: "machine of the running lab, by number or by name (201 or vm-201); or targets, routers, all",
    expects: "a machine, targets, routers or all",
  });

export const execCommand = defineCommand({
  name: "exec",
  summary: "run a program in a machine of the running lab, or in several at once",
  positionals: { machine: machines() },
  options: {},
  rest: "[--] <program> [arguments..]",
  examples: [
    ["exec vm-201 nfqueue-lb stats", ""],
    ["exec targets -- ss -tn", "in all targets; each line begins with its machine's name"],
    ["exec vm-221 mconnect -address 10.0.0.0:5001 -nconn 100", "the names that xcluster's users know"],
    ["exec vm-221 traffic connect --address 10.0.0.0:5001 --connections 100 --src 50.0.0.0/16 --output txt", ""],
  ],
  run: async (args, context) => (await actions()).exec(args.machine, context),
});

export const shellCommand = defineCommand({
  name: "shell",
  summary: "open a shell in a machine of the running lab",
  positionals: { machine: machine() },
  options: {},
  examples: [["shell vm-201", ""]],
  run: async (args, { signal }) => (await actions()).shell(args.machine, signal),
});

export const scaleCommand = defineCommand({
  name: "scale",
  summary: "remove targets of the running lab, or add them again",
  positionals: {
    direction: option(choice(["in", "out"]), { about: "in: they leave; out: they return" }),
    numbers: option(z.array(targetNumber(MAX_TARGETS)), {
      about: "targets by number or by name: 1 or vm-001",
      unit: "targets",
    }),
  },
  options: {},
  examples: [
    ["scale in 1 2", ""],
    ["scale out vm-001", ""],
  ],
  run: async (args) => (await actions()).scale(args),
});

const lookupPositionals = {
  source: option(endpoint(), {
    about: "the client: '50.0.3.7:4711', '[2000::7]:4711'",
    expects: "an address and a port",
  }),
  destination: option(endpoint().optional(), {
    about: "where it sends to; else the VIP's stream port",
    expects: "an address and a port",
  }),
};
const lookupOptions = {
  protocol: runShape.protocol,
  without: option(list(targetNumber(MAX_TARGETS)).default([]), {
    group: "Events",
    about: "and where it would go when these targets leave, by number or by name",
    expects: "targets",
  }),
  ...jsonShape,
};
export type LookupArgs = Values<typeof lookupPositionals> & Values<typeof lookupOptions>;

export const lookupCommand = defineCommand({
  name: "lookup",
  summary: "say which target of the running lab gets a connection, and what a change would make of it",
  positionals: lookupPositionals,
  options: lookupOptions,
  examples: [
    ["lookup 50.0.3.7:4711", ""],
    ["lookup 50.0.3.7:4711 10.0.0.0:5001 --without 2,vm-003", ""],
  ],
  run: async (args) => (await actions()).lookup(args),
});

const watchOptions = {
  duration: option(seconds().optional(), {
    group: "Load",
    about: "seconds to look on; else until Ctrl-C",
    unit: "seconds",
  }),
};
export type WatchArgs = Values<typeof watchOptions>;

export const watchCommand = defineCommand({
  name: "watch",
  summary:
    "print which target each new TCP connection of the running lab gets, who resets one, and why packets are dropped",
  positionals: {},
  options: watchOptions,
  examples: [["watch", "meanwhile, elsewhere: exec vm-221 mconnect -address 10.0.0.0:5001 -nconn 10"]],
  run: async (args, { signal }) => (await import("../actions/watch.ts")).watch(args, signal),
});

export const keepCommand = defineCommand({
  name: "keep",
  summary: "keep a lab: what 'start' runs in the background",
  hidden: true,
  positionals,
  options: labShape,
  examples: [],
  run: async (args, context) => (await actions()).keep(args, context),
});
