// SPDX-License-Identifier: Apache-2.0
// nftlb's grammar of farms, addresses and policies (README of nftlb 1.1.0): what a file or a request may say, and what it means.
import { isIP } from "node:net";
import { z } from "zod";

const KEYS = ["srcip", "dstip", "srcport", "dstport", "srcmac", "dstmac"] as const;
export type Key = (typeof KEYS)[number];
export interface Ports {
  from: number;
  to: number;
}
export interface Rate {
  count: number;
  unit: (typeof UNITS)[number];
}

const UNITS = ["second", "minute", "hour", "day", "week"] as const;
const LOGS = ["input", "forward", "output"] as const;
const VERDICTS = ["log", "drop", "accept"] as const;

/** A field as text; nftlb prints numbers as text, and takes both. `unset`: what stands for "not given". */
function field<T extends z.ZodType>(schema: T, unset: readonly string[] = [""]) {
  const read = (value: unknown) => {
    const text = typeof value === "number" || typeof value === "boolean" ? String(value) : value;
    return typeof text === "string" && unset.includes(text.trim()) ? undefined : text;
  };
  return z.preprocess(read, schema);
}
const word = <const W extends string>(words: readonly W[], normally: NoInfer<W>) =>
  field(z.enum(words as readonly [W, ...W[]]).default(normally));
const words = <const W extends string>(each: readonly W[], normally: readonly NoInfer<W>[] = []) =>
  field(
    z
      .string()
      .transform((text) => [...new Set(text.trim().split(/[\s,]+/))])
      .pipe(z.array(z.enum(each as readonly [W, ...W[]])))
      .default([...normally]),
    ["", "none"],
  );
const number = (min: number, max: number, normally: number) =>
  field(z.coerce.number().int().min(min).max(max).default(normally));
const text = field(z.string().optional());
const address = field(
  z
    .string()
    .refine((value) => isIP(value) !== 0, { error: ({ input }) => `'${String(input)}' is no IP address` })
    .optional(),
);
const name = z.string().regex(/^[\w.-]{1,100}$/, "a name has letters, digits, '_', '.' and '-', at most 100");
const flag = field(
  z
    .enum(["on", "off", "1", "0", "true", "false"])
    .default("off")
    .transform((value) => ["on", "1", "true"].includes(value)),
);
const mark = field(
  z
    .string()
    .regex(/^(0x)?[0-9a-f]{1,8}$/i, "a mark is a hexadecimal number, as in '0x200'")
    .default("0x0")
    .transform((value) => Number.parseInt(value, 16)),
);
const rate = field(
  z
    .string()
    .regex(new RegExp(`^\\d+(/(${UNITS.join("|")}))?$`), `as in '10', or '10/minute': ${UNITS.join(", ")}`)
    .default("0")
    .transform((value): Rate => {
      const [count, unit] = value.split("/");
      return { count: Number(count), unit: (unit as Rate["unit"] | undefined) ?? "second" };
    }),
);
const macAddress = field(
  z
    .string()
    .regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i, "as in '02:00:00:00:00:01'")
    .optional(),
);
const prefix = field(
  z
    .string()
    .max(100)
    .regex(/^[^"\\\n]*$/, 'a prefix has no quotation mark, "\\" and end of line')
    .optional(),
);
const device = field(
  z
    .string()
    .regex(/^[^\s/"{}]{1,15}$/, "a name of an interface")
    .optional(),
);

/** "5001,6000-6003"; "", "0" and absence mean all ports. Ranges that touch become one. */
const ports = field(
  z
    .string()
    .regex(/^\d+(-\d+)?([\s,]+\d+(-\d+)?)*$/, "ports and ranges, as in '5001,6000-6003'")
    .transform((value) =>
      value.split(/[\s,]+/).map((one): Ports => {
        const [from = 0, to = from] = one.split("-").map(Number);
        return { from, to };
      }),
    )
    .refine((ranges) => ranges.every(({ from, to }) => from >= 1 && from <= to && to <= 65_535), "ports are 1 to 65535")
    .transform(joined)
    .default([]),
  ["", "0"],
);

function joined(ranges: readonly Ports[]): Ports[] {
  const out: Ports[] = [];
  for (const { from, to } of [...ranges].sort((a, b) => a.from - b.from)) {
    const last = out.at(-1);
    if (last && from <= last.to + 1) last.to = Math.max(last.to, to);
    else out.push({ from, to });
  }
  return out;
}

/** A list of which an item that did not change is not read again: a farm of 1000 backends is sent one of them at a time. */
function remembered<T extends z.ZodType>(schema: T) {
  const known = new WeakMap<object, z.output<T>>();
  const read = z.unknown().transform((list, context): z.output<T>[] => {
    const wrong = (path: PropertyKey[], message: string) => {
      context.addIssue({ code: "custom", path, message });
      return z.NEVER;
    };
    if (!Array.isArray(list)) return wrong([], "expected a list");
    return list.map((raw: unknown, i) => {
      const isObject = typeof raw === "object" && raw !== null;
      const before = isObject ? known.get(raw) : undefined;
      if (before !== undefined) return before;
      const result = schema.safeParse(raw);
      if (!result.success) {
        for (const issue of result.error.issues)
          wrong(
            [i, ...issue.path, ...(issue.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [])],
            issue.message,
          );
        return z.NEVER;
      }
      if (isObject) known.set(raw, result.data);
      return result.data;
    });
  });
  return read.default([]);
}

const PROTOCOLS = ["tcp", "udp", "sctp", "all"] as const;
/** What the lab or the kernel finds out by itself where it is not given. */
const wiring = {
  iface: device,
  oface: device,
  "ether-addr": macAddress,
  "iether-addr": macAddress,
  "oether-addr": macAddress,
};

export const addressSchema = z.strictObject({
  name,
  family: word(["ipv4", "ipv6", "inet", "dual"], "ipv4"),
  "ip-addr": address,
  ports,
  protocol: word(PROTOCOLS, "tcp"),
  verdict: words(VERDICTS, VERDICTS),
  "log-prefix": prefix,
  "log-rtlimit": rate,
  used: text,
  policies: z.array(z.looseObject({ name })).optional(),
  ...wiring,
});

const backendSchema = z.strictObject({
  name,
  "ip-addr": address,
  port: ports,
  "source-addr": address,
  weight: number(1, 65_535, 1),
  priority: number(1, 65_535, 1),
  mark,
  "est-connlimit": number(0, 0xffff_ffff, 0),
  "est-connlimit-log-prefix": prefix,
  state: word(["up", "down", "off", "available", "config_error"], "up"),
  ...wiring,
});

const sessionSchema = z.strictObject({
  client: z.string().regex(/^[\da-fA-F:.]+( \. [\da-fA-F:.]+)*$/, "as in '192.0.2.1', or '192.0.2.1 . 4000'"),
  backend: name,
  expiration: text,
});

const element = z.looseObject({
  data: z.string().regex(/^[\da-fA-F:.]+([/-][\da-fA-F:.]+)?$/, "an address, a network or a range of addresses"),
});
export const policySchema = z.strictObject({
  name,
  type: word(["blacklist", "whitelist"], "blacklist"),
  family: word(["ipv4", "ipv6"], "ipv4"),
  timeout: number(0, 0xffff_ffff, 0),
  priority: number(0, 65_535, 1),
  route: text,
  used: text,
  "log-prefix": prefix,
  elements: z.array(element).default([]),
});

export const farmSchema = z.strictObject({
  name,
  family: word(["ipv4", "ipv6", "inet", "dual"], "ipv4"),
  "virtual-addr": address,
  "virtual-ports": ports,
  "source-addr": address,
  mode: word(["snat", "dnat", "dsr", "stlsdnat", "local"], "snat"),
  protocol: word(PROTOCOLS, "tcp"),
  scheduler: word(["weight", "rr", "hash", "symhash"], "rr"),
  "sched-param": words(KEYS),
  persistence: words(KEYS),
  "persist-ttl": number(1, 0xffff_ffff, 60),
  helper: word(["none", "ftp", "pptp", "sip", "snmp", "tftp"], "none"),
  log: words(LOGS),
  "log-prefix": prefix,
  "log-rtlimit": rate,
  mark,
  priority: text,
  responsettl: text,
  state: word(["up", "down", "off", "config_error"], "up"),
  "limits-ttl": number(1, 0xffff_ffff, 120),
  "new-rtlimit": rate,
  "new-rtlimit-burst": number(0, 0xffff_ffff, 0),
  "new-rtlimit-log-prefix": prefix,
  "rst-rtlimit": rate,
  "rst-rtlimit-burst": number(0, 0xffff_ffff, 0),
  "rst-rtlimit-log-prefix": prefix,
  "est-connlimit": number(0, 0xffff_ffff, 0),
  "est-connlimit-log-prefix": prefix,
  "tcp-strict": flag,
  "tcp-strict-log-prefix": prefix,
  verdict: words(VERDICTS, VERDICTS),
  queue: number(-1, 65_535, -1),
  "flow-offload": flag,
  "intra-connect": flag,
  ...wiring,
  addresses: z.array(addressSchema).default([]),
  backends: remembered(backendSchema),
  sessions: z.array(sessionSchema).default([]),
  policies: z.array(z.looseObject({ name })).default([]),
});

export type Farm = z.infer<typeof farmSchema>;
export type Backend = z.infer<typeof backendSchema>;
export type Address = z.infer<typeof addressSchema>;
export type Policy = z.infer<typeof policySchema>;
export interface FarmFile {
  farms: Farm[];
  addresses: Address[];
  policies: Policy[];
}
