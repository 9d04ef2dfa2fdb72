// SPDX-License-Identifier: Apache-2.0
// Follows the packets of one connection through the routers' rules: nft's trace, of whatever put the rules there.
import { addressText } from "../analysis/flows.ts";
import { type Flow, PROTOCOL } from "../oracle/hash.ts";
import type { RecordWriter } from "../record/record.ts";
import { type Host, type Lab, LabError } from "../runtime/runtime.ts";

const TABLE = "load_balancer_trace";
const SIGTERM = 15;
/** Of each router: more is read by nobody. */
const MOST_LINES = 5000;
/** Sockets of netfilter (NETLINK_NETFILTER) in the group of traces (NFNLGRP_NFTRACE), in /proc/net/netlink: protocol and mask of groups. */
const LISTENS = /^\S+ +12 +\d+ +([0-9a-f]{8}) /gm;
const TRACE_GROUP = 0x100;
const READY_MS = 5000;

export interface RuleTrace {
  /** What was traced is in the record, and the routers are as they were. */
  end(record: RecordWriter): Promise<void>;
}

/** Before every other hook; undefined: of none. Throws LabError where a router's kernel cannot. */
export async function traceRules(lab: Lab, flow: Flow | undefined): Promise<RuleTrace> {
  if (!flow) return { end: async () => {} };
  const traces = await Promise.all(lab.topology.routers.map(({ name }) => traceOn(lab, lab.host(name), flow)));
  return {
    async end(record) {
      const src = addressText(flow.src);
      for (const { machine, end } of traces) {
        const lines = await end();
        record.add({ kind: "trace", t: record.clock.now(), machine, src, sport: flow.sport, lines });
      }
    },
  };
}

interface Line {
  t: number;
  text: string;
}

async function traceOn({ clock }: Lab, host: Host, flow: Flow) {
  await host.exec(["nft", "-f", "-"], { input: tableText(flow) });
  const lines: Line[] = [];
  let rest = "";
  const monitor = host.spawn(["nft", "monitor", "trace"], {
    onStdout(chunk) {
      const whole = `${rest}${chunk.toString()}`.split("\n");
      rest = whole.pop() ?? "";
      const t = clock.now();
      for (const text of whole) if (text !== "" && lines.length < MOST_LINES) lines.push({ t, text });
    },
  });
  const deadline = clock.now() + READY_MS * 1e6;
  while (!(await isListening(host))) {
    if (clock.now() > deadline) throw new LabError(`'nft monitor trace' does not listen on ${host.name}.`);
    await clock.sleep(10);
  }
  const end = async (): Promise<Line[]> => {
    monitor.signal(SIGTERM);
    await clock.during(monitor.exited);
    await host.exec(["nft", "delete", "table", "inet", TABLE]);
    return lines;
  };
  return { machine: host.name, end };
}

async function isListening(host: Host): Promise<boolean> {
  const { stdout } = await host.exec(["@read", "/proc/net/netlink"]);
  return [...stdout.matchAll(LISTENS)].some(([, groups = "0"]) => (Number.parseInt(groups, 16) & TRACE_GROUP) !== 0);
}

/** Both directions; what a proxy sends itself passes the output hook. */
function tableText({ src, sport, protocol }: Flow): string {
  const address = addressText(src);
  const [ip, l4] = [address.includes(":") ? "ip6" : "ip", protocol === PROTOCOL.udp ? "udp" : "tcp"];
  const chain = (hook: string) => `  chain ${hook} {
    type filter hook ${hook} priority -400;
    ${ip} saddr ${address} ${l4} sport ${sport} meta nftrace set 1
    ${ip} daddr ${address} ${l4} dport ${sport} meta nftrace set 1
  }`;
  return `table inet ${TABLE} {\n${chain("prerouting")}\n${chain("output")}\n}\n`;
}
