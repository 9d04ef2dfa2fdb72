// SPDX-License-Identifier: Apache-2.0
// nft-lb: nftlb's farm files as rules of nft, once (`ruleset`) or kept by nftlb's REST service (`serve`).
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Control } from "./farms/control.ts";
import { FarmError } from "./farms/errors.ts";
import { Nft } from "./farms/nft.ts";
import { whole } from "./farms/parts.ts";
import { RENDER_DEFAULTS, rulesetOf } from "./farms/render.ts";
import { serve } from "./farms/serve.ts";
import { servicesOf } from "./farms/services.ts";
import { EMPTY, fileOf, merged } from "./farms/store.ts";
import { Wire } from "./farms/wire.ts";

const HELP = `nft-lb ruleset FILE [options]      print the rules of a farm file, as nft -f takes them
nft-lb serve [--config FILE]       keep the rules, and change them by nftlb's REST service

  --host ADDRESS     where it listens (127.0.0.1)
  --port N           (5555)
  --key KEY          of the header 'Key'; else NFTLB_SERVER_KEY; else drawn, and printed
  --hash-seed N      of the scheduler hash; the same on all balancers (1)
  --log-group N      log lines go to this nfnetlink group instead of the kernel's log
  --unsafe           without state draw a target for each packet, as nftlb does

  nft-lb ruleset farms.json | nft -f -
  nft-lb serve --config farms.json --key secret
  curl -H 'Key: secret' http://127.0.0.1:5555/farms
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    config: { type: "string", short: "c" },
    host: { type: "string", short: "H", default: "127.0.0.1" },
    port: { type: "string", short: "P", default: "5555" },
    key: { type: "string", short: "k" },
    "hash-seed": { type: "string", default: "1" },
    "log-group": { type: "string" },
    unsafe: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

function numberOf(name: "port" | "hash-seed" | "log-group", max: number): number {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < 0 || value > max)
    throw new FarmError(`Invalid value '${values[name]}' for --${name}: expected a number up to ${max}.`);
  return value;
}

const options = () => ({
  ...RENDER_DEFAULTS,
  hashSeed: numberOf("hash-seed", 0xffff_ffff),
  logGroup: values["log-group"] === undefined ? null : numberOf("log-group", 65_535),
  unsafe: values.unsafe,
});

/** Throws FarmError that names the file. */
function read(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new FarmError(`Cannot read farm file '${path}': ${(error as Error).message}.`);
  }
}

async function keep(): Promise<void> {
  const nft = new Nft();
  const fd = Number(process.env.NETLINK_FD ?? Number.NaN);
  const control = new Control(nft, options(), Number.isInteger(fd) ? new Wire(fd) : null);
  await control.load(values.config === undefined ? {} : read(values.config));
  const key = values.key ?? (process.env.NFTLB_SERVER_KEY || randomBytes(16).toString("hex"));
  const server = await serve(control, { host: values.host, port: numberOf("port", 65_535), key });
  const shown = values.key === undefined && !process.env.NFTLB_SERVER_KEY ? { key } : {};
  process.stdout.write(`${JSON.stringify({ event: "ready", address: server.address(), ...shown })}\n`);
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      // The rules stay, as connections need them.
      nft[Symbol.dispose]();
      process.exit(0);
    });
}

const [command, file] = positionals;
try {
  if (values.help) process.stdout.write(HELP);
  else if (command === "serve") await keep();
  else if (command === "ruleset" && file !== undefined)
    process.stdout.write(whole(rulesetOf(servicesOf(fileOf(merged(EMPTY, read(file), true))), options())));
  else throw new FarmError(`Try:\n${HELP}`);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = error instanceof FarmError ? 2 : 1;
}
