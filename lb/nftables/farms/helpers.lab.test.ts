// SPDX-License-Identifier: Apache-2.0
// The helpers of conntrack that a farm may ask for: each follows its protocol through the farm, and without it the protocol breaks.
import { type Lab, startProgram } from "../../../harness/api/index.ts";
import { farmLab } from "./farm-lab.testing.ts";
import { backends, oneFarm } from "./farms.testing.ts";

const seen = farmLab();

interface Spoken {
  mode?: "snat";
  port: string;
  protocol: string;
  /** Python of the first target and of the tester; what the tester prints is looked at. */
  server: string;
  client: string;
  helped: RegExp;
  unhelped: RegExp;
}

const READY = `import socket, struct, sys
ready = lambda: print('{"event": "ready"}', flush=True)
udp = lambda address, port: (lambda s: (s.settimeout(1), s.bind((address, port)), s)[2])(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
`;
const FIRST = "192.168.1.1";
const VIP = "10.0.0.0";

/** Answers each datagram until it is ended. */
const answerAll = (port: number, reply: string) => `s = udp("${FIRST}", ${port}); s.settimeout(None); ready()
while True:
  request, peer = s.recvfrom(2048); ${reply}
`;

/** An answer to a request of SNMP with an address as value, in BER: the client's. */
const SNMP_ANSWER =
  "302a02010104067075626c6963a21d020101020100020100301230100608" + "2b06010201041401" + "400432000005";
/** One message of PPTP's control connection: its kind, and what follows. */
const PPTP = `def message(kind, body): return struct.pack("!HHIHH", 12 + len(body), 1, 0x1a2b3c4d, kind, 0) + body
def take(c):
  head = c.recv(2, socket.MSG_WAITALL); size = struct.unpack("!H", head)[0]
  return head + c.recv(size - 2, socket.MSG_WAITALL)
START = struct.pack("!HHIIHH64s64s", 0x100, 0, 1, 1, 0, 0, b"", b"")
STARTED = struct.pack("!HBBIIHH64s64s", 0x100, 1, 0, 1, 1, 0, 0, b"", b"")
CALL = struct.pack("!HHIIIIHHHH64s64s", 7, 1, 300, 100000, 3, 3, 64, 0, 0, 0, b"", b"")
CALLED = lambda call: struct.pack("!H2sBBHIHHI", 9, call, 1, 0, 0, 100000, 64, 0, 0)
gre = lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 47)
`;

const helpers: Record<string, Spoken> = {
  // The server's word of its own address becomes the VIP.
  ftp: {
    port: "21",
    protocol: "tcp",
    server: `l = socket.create_server(("${FIRST}", 21)); ready()
while True:
  c, _ = l.accept(); c.sendall(b"220 \\r\\n"); c.recv(99); c.sendall(b"227 Entering Passive Mode (192,168,1,1,40,7).\\r\\n"); c.recv(99); c.close()
`,
    client: `s = socket.create_connection(("${VIP}", 21), 2, ("50.0.0.5", 0)); s.recv(99); s.sendall(b"PASV\\r\\n"); print(s.recv(99).decode())
`,
    helped: /Passive Mode \(10,0,0,0,40,7\)/,
    unhelped: /Passive Mode \(192,168,1,1,40,7\)/,
  },
  // The transfer comes from another port of the server; to the client it is of the VIP.
  tftp: {
    port: "69",
    protocol: "udp",
    server: answerAll(69, `t = udp("${FIRST}", 0); t.sendto(b"\\0\\3\\0\\1data", peer)`),
    client: `s = udp("50.0.0.5", SOURCE); s.sendto(b"\\0\\1file\\0octet\\0", ("${VIP}", 69))
try: answer, sender = s.recvfrom(2048); print(sender[0])
except OSError: print("nothing")
`,
    helped: /^10\.0\.0\.0\n$/,
    unhelped: /^192\.168\.1\.1\n$/,
  },
  sip: {
    port: "5060",
    protocol: "udp",
    server: answerAll(
      5060,
      `head, _ = request.split(b"\\r\\n\\r\\n"); s.sendto(b"SIP/2.0 200 OK\\r\\n" + b"\\r\\n".join(head.split(b"\\r\\n")[1:-2]) + b"\\r\\nContact: <sip:${FIRST}:5060>\\r\\nContent-Length: 0\\r\\n\\r\\n", peer)`,
    ),
    client: `request = b"\\r\\n".join([b"REGISTER sip:${VIP} SIP/2.0", b"Via: SIP/2.0/UDP 50.0.0.5:SOURCE;branch=z9hG4bK1", b"From: <sip:a@${VIP}>;tag=1", b"To: <sip:a@${VIP}>", b"Call-ID: 1", b"CSeq: 1 REGISTER", b"Contact: <sip:a@50.0.0.5:SOURCE>", b"Content-Length: 0", b"", b""])
s = udp("50.0.0.5", SOURCE); s.sendto(request, ("${VIP}", 5060))
try: print(s.recv(2048).decode())
except OSError: print("nothing")
`,
    helped: /Contact: <sip:10\.0\.0\.0:5060>/,
    unhelped: /Contact: <sip:192\.168\.1\.1:5060>/,
  },
  // What the kernel's helper rewrites in values of answers is the client's address: it becomes the one that the server sees.
  snmp: {
    mode: "snat",
    port: "161",
    protocol: "udp",
    server: answerAll(161, `s.sendto(bytes.fromhex("${SNMP_ANSWER}"), peer)`),
    client: `s = udp("50.0.0.5", SOURCE); s.sendto(bytes.fromhex("${SNMP_ANSWER}".replace("a21d", "a01d")), ("${VIP}", 161))
try: print(s.recv(2048)[-4:].hex())
except OSError: print("nothing")
`,
    helped: /^c0a801c9\n$/,
    unhelped: /^32000005\n$/,
  },
  // The call's number is another one to the server. Data of a call that the control connection has made go to the same target.
  pptp: {
    port: "1723",
    protocol: "tcp",
    server: `${PPTP}g = gre(); g.bind(("${FIRST}", 0)); g.settimeout(1)
l = socket.create_server(("${FIRST}", 1723)); ready()
while True:
  c, _ = l.accept()
  take(c); c.sendall(message(2, STARTED)); call = take(c)[12:14]; c.sendall(message(8, CALLED(call)))
  try: c.sendall(g.recv(2048)[-4:])
  except OSError: c.sendall(b"none")
  c.recv(99); c.close()
`,
    client: `${PPTP}s = socket.create_connection(("${VIP}", 1723), 2, ("50.0.0.5", 0))
s.sendall(message(1, START)); take(s); s.sendall(message(7, CALL)); take(s)
g = gre(); g.bind(("50.0.0.5", 0)); g.sendto(struct.pack("!HHHHI", 0x3001, 0x880b, 4, 9, 1) + b"data", ("${VIP}", 0))
s.settimeout(3); print(s.recv(4, socket.MSG_WAITALL).decode())
`,
    helped: /^data\n$/,
    unhelped: /^none\n$/,
  },
};

let source = 30_000;
async function spoken(lab: Lab, { client }: Spoken): Promise<string> {
  const script = READY + client.replaceAll("SOURCE", `${++source}`);
  return (await lab.host(lab.topology.tester.name).exec(["python3", "-c", script])).stdout;
}

for (const [helper, one] of Object.entries(helpers))
  seen(`helper ${helper} follows it through the farm, and without it that breaks`, async (t, lab) => {
    const [first] = backends(lab);
    const farm = { mode: one.mode ?? "dnat", "virtual-ports": one.port, protocol: one.protocol, backends: [first] };
    await startProgram(lab.host("vm-001"), ["python3", "-c", READY + one.server], "ready");
    await oneFarm(lab, farm);
    t.regex(await spoken(lab, one), one.unhelped);
    await oneFarm(lab, { ...farm, helper });
    t.regex(await spoken(lab, one), one.helped);
  });
