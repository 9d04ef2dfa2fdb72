// SPDX-License-Identifier: Apache-2.0
// A lab with nft-lb in its router, and what tests of farms ask there.
import path from "node:path";
import { type Lab, linkOn, startProgram } from "../../../harness/api/index.ts";

const KEY = "lab";
const SIGTERM = 15;

/** Starts nft-lb without farms, until the lab ends; log lines go to a group, as the kernel's log is not the namespace's. */
export async function startService(lab: Lab): Promise<void> {
  const program = path.join(import.meta.dirname, "..", "nft-lb");
  await startProgram(lab.host("vm-201"), [program, "serve", "--key", KEY, "--log-group", "7"], "ready");
}

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** One request from the router itself. */
export async function rest(
  lab: Lab,
  method: string,
  url: string,
  { body, key = KEY }: { body?: unknown; key?: string } = {},
): Promise<Answer> {
  const text = body === undefined ? "" : JSON.stringify(body);
  const head = [
    `${method} ${url} HTTP/1.1`,
    "Host: localhost",
    `Key: ${key}`,
    `Content-Length: ${Buffer.byteLength(text)}`,
  ];
  const input = `${[...head, "Connection: close"].join("\r\n")}\r\n\r\n${text}`;
  const { stdout } = await lab.host("vm-201").exec(["@tcp", "5555"], { input });
  const [start = "", answer = ""] = stdout.split("\r\n\r\n");
  return { status: Number(start.split(" ")[1]), body: JSON.parse(answer) as Answer["body"] };
}

/** One farm, in place of all there were. Throws what the service says against it. */
export async function oneFarm(lab: Lab, farm: Record<string, unknown>, policies: unknown[] = []): Promise<void> {
  await rest(lab, "DELETE", "/farms");
  await rest(lab, "DELETE", "/policies");
  const farms = [{ name: "web", "virtual-addr": "10.0.0.0", "virtual-ports": "5001", mode: "dnat", ...farm }];
  const { status, body } = await rest(lab, "POST", "/farms", { body: { policies, farms } });
  if (status !== 200) throw new Error(JSON.stringify(body));
}

/** The lab's targets as backends; `more`: fields of each. */
export function backends(
  lab: Lab,
  more: (i: number) => Record<string, unknown> = () => ({}),
): Record<string, unknown>[] {
  return lab.topology.targets.map((target, i) => {
    const { ipv4, mac } = linkOn(target, "net1");
    return { name: target.name, "ip-addr": ipv4, "ether-addr": mac, ...more(i) };
  });
}

/** What a direct return needs to know of the router. */
export function wires(lab: Lab): Record<string, string> {
  const [router] = lab.topology.routers;
  if (!router) throw new Error("There is no router.");
  return { iface: "eth2", oface: "eth1", "ether-addr": linkOn(router, "net1").mac };
}

interface Asked {
  address?: string;
  connections?: number;
  src?: string;
  words?: readonly string[];
}
let seed = 0;

/** Who answered how many connections; they have 5-tuples that nobody had before. */
export async function answers(lab: Lab, asked: Asked = {}): Promise<{ hosts: Record<string, number>; failed: number }> {
  const { address = "10.0.0.0:5001", connections = 30, src = "50.0.0.0/16", words = [] } = asked;
  const argv = ["connect", "--address", address, "--connections", `${connections}`, "--src", src];
  const more = ["--seed", `${++seed}`, "--timeout", "300ms", "--output", "json", ...words];
  const { stdout } = await lab
    .host(lab.topology.tester.name)
    .exec([lab.program("traffic"), ...argv, ...more], { check: false });
  const { hosts } = JSON.parse(stdout) as { hosts: Record<string, number> | null };
  const served = Object.values(hosts ?? {}).reduce((sum, n) => sum + n, 0);
  return { hosts: hosts ?? {}, failed: connections - served };
}

/** Reads packets of group 7 until it is told to end: prefixes of log lines. */
const LISTEN = `import signal, socket, struct
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(True))
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
s.bind((0, 0))
def config(body):
  s.send(struct.pack("=IHHIIBBH", 20 + len(body), 4 << 8 | 1, 5, 0, 0, 0, 0, socket.htons(7)) + body)
  s.recv(65536)
config(struct.pack("=HHI", 8, 1, 1))
config(struct.pack("=HH", 8, 5) + struct.pack("!I", 1))
print("ready", flush=True)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
s.settimeout(0.05)
seen = set()
while True:
  try:
    data = s.recv(65536)
  except OSError as error:
    # Messages that found no room any more are an error too: what came before them tells enough.
    if told and isinstance(error, TimeoutError): break
    continue
  at = 0
  while at + 20 <= len(data):
    size = struct.unpack_from("=I", data, at)[0]
    a = at + 20
    while a + 4 <= at + size:
      n, kind = struct.unpack_from("=HH", data, a)
      if n < 4: break
      if kind & 0x7fff == 10: seen.add(data[a + 4:a + n].rstrip(b"\\0").decode())
      a += n + 3 & ~3
    at += size + 3 & ~3
print("\\n".join(sorted(seen)))
`;

/** Prefixes of the log lines that the action causes. */
export async function logged(lab: Lab, action: () => Promise<unknown>): Promise<string[]> {
  let text = "";
  let begun: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const onStdout = (chunk: Buffer) => {
    text += chunk.toString();
    if (text.startsWith("ready\n")) begun();
  };
  const listener = lab.host("vm-201").spawn(["python3", "-c", LISTEN], { onStdout });
  await Promise.race([ready, listener.exited]);
  await action();
  listener.signal(SIGTERM);
  await listener.exited;
  return text
    .split("\n")
    .slice(1)
    .filter((line) => line !== "");
}

/** A raw IPv4 packet from the tester, with this protocol and payload in hexadecimal. */
export async function raw(lab: Lab, protocol: number, payload: string, times = 1): Promise<void> {
  const script = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, ${protocol})
s.bind(("50.0.0.77", 0))
for _ in range(${times}): s.sendto(bytes.fromhex("${payload}"), ("10.0.0.0", 0))
`;
  await lab.host(lab.topology.tester.name).exec(["python3", "-c", script]);
}

/** Connections from one source that are held together: how many of them the targets answered. */
export async function held(lab: Lab, connections: number): Promise<number> {
  const script = `import socket
open, served = [], 0
for _ in range(${connections}):
  s = socket.socket(); s.settimeout(0.15); s.bind(("50.0.0.88", 0))
  try:
    s.connect(("10.0.0.0", 5001)); served += len(s.recv(64)) > 0
  except OSError: pass
  open.append(s)
print(served)
`;
  const { stdout } = await lab.host(lab.topology.tester.name).exec(["python3", "-c", script]);
  return Number(stdout);
}

export async function conntrack(lab: Lab, ...words: string[]): Promise<string> {
  return (await lab.host("vm-201").exec(["conntrack", "-L", ...words], { check: false })).stdout;
}

/** Of the router itself; it says who it is, as the lab's servers do. */
export const OWN_SERVER = `import socket
s = socket.create_server(("10.0.0.5", 22)); print('{"event": "ready"}', flush=True)
while True:
  c, _ = s.accept(); c.sendall(b"router"); c.close()
`;
