// SPDX-License-Identifier: Apache-2.0
// Files of people's own: what is taken, what is mapped, and each refusal with its line.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { type Backend, planTopology } from "../../harness/api/index.ts";
import { parseBackendOptions } from "../../harness/testing/lab.ts";
import { keepalived } from "../keepalived/keepalived.ts";
import { keepalivedText, readKeepalived } from "../keepalived/own-file.ts";
import { haproxy } from "../proxies/haproxy.ts";
import { haproxyText, readHaproxy } from "../proxies/haproxy-file.ts";
import { nginx } from "../proxies/nginx.ts";
import { nginxText, readNginx } from "../proxies/nginx-file.ts";
import { asFound } from "./as-found.ts";
import { parseBlocks, printBlocks } from "./blocks.ts";
import { readDump } from "./dump.ts";

const CASES = path.join(import.meta.dirname, "../../harness/testing/cases/found");
const scratch = mkdtempSync(path.join(tmpdir(), "found-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

const topology = planTopology({ targets: 3, routers: 1 });
const [router] = topology.routers;
if (!router) throw new Error("no router");
const at = { topology, router };
const caseFile = (name: string) => path.join(CASES, name);
const contentOf = (name: string) => readFileSync(caseFile(name), "utf8");

let number = 0;
function written(text: string): string {
  const file = path.join(scratch, `${++number}`);
  writeFileSync(file, text);
  return file;
}

/** As `test` does before anything is started. */
function look(backend: Backend, file: string, words: readonly string[] = [], targets = 3) {
  const options = parseBackendOptions(backend, [`config=${file}`, ...words]);
  const facts = backend.effectiveOptions(options, targets);
  return { facts, served: backend.serves?.(options, targets), oracle: backend.oracle(options, targets, "tcp") };
}

const RULES = ["vip=203.0.113.10", "targets=10.20.0.11,10.20.0.12,10.20.0.13"];
const IPTABLES = [...RULES, "map=eth0:clients"];
const KEPT = ["2001:db8::10", "2001:db8:1::11", "2001:db8:1::12", "2001:db8:1::13", "10.20.0.0/24"];
const NFT = [...RULES, `map=eth0:clients,${KEPT.map((one) => `${one}:keep`).join(",")}`];

test("haproxy's file: binds, servers and weights are read, and what the lab owns is left to it", (t) => {
  const { facts, served, oracle } = look(haproxy, caseFile("haproxy.cfg"));
  t.like(served, { families: [4, 6], protocols: ["tcp"], ports: { tcp: { vip: 443, targets: [8443, 8443, 8443] } } });
  t.like(oracle, { strategy: "stateful", flush: true, later: "shares", weights: [2, 1, 1] });
  t.regex(String(facts["left to the lab"]), /log \(line 3\).*chroot \(line 4\).*stats \(line 5\).*listen \(line 19\)/);
  const lines = haproxyText(readHaproxy({ config: caseFile("haproxy.cfg") }, 3), { ...at, socket: "/run/s" }).split(
    "\n",
  );
  const own = contentOf("haproxy.cfg").split("\n");
  const line = (text: string) => lines[own.findIndex((one) => one.includes(text))];
  t.is(line("bind 203"), "bind 10.0.0.0:443,[1000::]:443");
  t.is(line("server web2"), "server web2 192.168.1.2:8443 check inter 10s");
  t.is(line("chroot"), "");
  t.true(lines.includes("  stats socket /run/s mode 600 level admin"));
});

test("nginx' file: the same lines with the lab's addresses; a target that is out goes, the last ones are down", (t) => {
  const { served, oracle } = look(nginx, caseFile("nginx.conf"));
  t.like(served, { ports: { tcp: { vip: 443, targets: [8443, 8443, 8443], others: [53] }, udp: { vip: 53 } } });
  t.like(oracle, { later: "fewest_since_change" });
  const options = parseBackendOptions(nginx, [`config=${caseFile("nginx.conf")}`]);
  t.like(nginx.oracle(options, 3, "udp"), { strategy: "remainder", weights: [2, 1, 1] });
  const file = readNginx({ config: caseFile("nginx.conf") }, 3);
  const text = (without: number[]) => nginxText(file, { ...at, head: ["daemon off;"] }, without);
  const own = contentOf("nginx.conf").split("\n");
  t.regex(
    text([1]).split("\n")[own.findIndex((line) => line.includes("listen [2001"))] ?? "",
    /listen \[1000::\]:443;/,
  );
  t.notRegex(text([1]), /192\.168\.1\.2/);
  t.is(text([0, 1, 2]).match(/ down;/g)?.length, 6);
  t.notRegex(text([]), /www-data|access\.log|203\.0\.113|10\.20\./);
});

test("keepalived's file: a target leaves its blocks or gets weight 0, and VRRP is the lab's", (t) => {
  const { facts, served, oracle } = look(keepalived, caseFile("keepalived.conf"));
  t.like(facts, { forward: "dsr", scheduler: "wrr,mh" });
  t.regex(String(facts["left to the lab"]), /global_defs \(line 2\), vrrp_instance \(line 9\)/);
  t.like(served, { families: [4], ports: { tcp: { vip: 443, others: [53] } } });
  t.like(oracle, { strategy: "stateful", flush: true, later: "shares", weights: [3, 1, 1] });
  const file = readKeepalived({ config: caseFile("keepalived.conf") }, 3);
  t.deepEqual(
    [0, 1, 2].map((target) => [file.destinations(target, 4), file.destinations(target, 6)]),
    [
      [2, 0],
      [2, 0],
      [2, 0],
    ],
  );
  t.is(file.longestS, 6 + 2 * 3 + 1);
  const gone = keepalivedText(file, at, { out: [0], drained: [] });
  t.notRegex(gone, /192\.168\.1\.1 /);
  const drained = keepalivedText(file, at, { out: [0], drained: [0] });
  t.regex(drained, /real_server 192\.168\.1\.1 443 \{\n\s*weight 0/);
  const lines = keepalivedText(file, at, { out: [], drained: [] }).split("\n");
  t.is(
    lines[contentOf("keepalived.conf").split("\n").indexOf("virtual_server 203.0.113.10 53 {")],
    "virtual_server 10.0.0.0 53 {",
  );
});

test("an ipvsadm dump is IPVS' table, and what it must do is known", (t) => {
  const { facts, served, oracle } = look(asFound, caseFile("ipvsadm-save.txt"));
  t.like(facts, { format: "ipvsadm", forward: "dsr", scheduler: "wrr,mh" });
  t.like(served, { families: [4], protocols: ["tcp", "udp"] });
  t.like(oracle, { strategy: "stateful", weights: [2, 1, 1] });
});

const dump = (name: string, words: string[]) => {
  const given = Object.fromEntries(
    words.map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]),
  );
  const found = readDump({ config: caseFile(name), ...given }, 3);
  if (found.format === "ipvsadm") throw new Error("rules were expected");
  return found;
};

test("iptables' rules: ports follow the chains, and the targets that are left share what one had", (t) => {
  const found = dump("iptables-save.txt", IPTABLES);
  t.like(found.served.ports, {
    tcp: { vip: 443, targets: [8443, 8443, 8443] },
    udp: { vip: 53, targets: [5353, 5353, 5353] },
  });
  t.is(found.served.fixed, undefined);
  const rules = (out: number[]) =>
    found
      .text(at, out)
      .split("\n")
      .filter((line) => / -j (?:ONE|TWO|THREE)$|udp/.test(line));
  const first = rules([0]);
  t.deepEqual(
    first.filter((line) => line.startsWith("-A WEB")),
    [
      '-A WEB-SERVERS -m comment --comment "to 10.20.0.12" -m statistic --mode random --probability 0.50000000000 -j TWO',
      '-A WEB-SERVERS -m comment --comment "to 10.20.0.13" -j THREE',
    ],
  );
  t.deepEqual(
    first.filter((line) => line.includes("udp")),
    [
      "-A PREROUTING -d 10.0.0.0/32 -p udp -m udp --dport 53 -m statistic --mode nth --every 2 --packet 0 -j DNAT --to-destination 192.168.1.2:5353",
      "-A PREROUTING -d 10.0.0.0/32 -p udp -m udp --dport 53 -j DNAT --to-destination 192.168.1.3:5353",
    ],
  );
  t.regex(
    rules([2]).find((line) => line.endsWith("TWO")) ?? "",
    /"to 10\.20\.0\.12" -j TWO$/,
    "the last one takes the rest",
  );
  t.is(rules([0, 1, 2]).length, 0);
  t.regex(found.text(at, []), /-d 10\.0\.0\.0\/32 -i eth2 -p tcp -m comment --comment "web: 203\.0\.113\.10"/);
});

test("nft's rules: maps lose the target's elements, and the modulus goes with them", (t) => {
  const found = dump("nft-ruleset.txt", NFT);
  t.is(found.served.fixed, undefined);
  const lines = (out: number[]) =>
    found
      .text(at, out)
      .split("\n")
      .filter((line) => line.includes("mod "));
  t.regex(lines([0])[0] ?? "", /numgen random mod 2 vmap \{ 0 : goto two, 1 : goto three \}/);
  t.regex(lines([1])[0] ?? "", /mod 3 vmap \{ 0-1 : goto one, 2 : goto three \}/);
  t.regex(lines([1])[1] ?? "", /mod 2 map \{ 0 : 192\.168\.1\.1, 1 : 192\.168\.1\.3 \}/);
  t.is(lines([0, 1, 2]).length, 1, "IPv6 is not balanced here");
  t.is(found.text(at, [0, 1, 2]).split("\n").length, contentOf("nft-ruleset.txt").split("\n").length);
});

const VIRTUAL = `virtual_server 192.0.2.1 80 {\n${[7, 8, 9].map((n) => `  real_server 192.0.2.${n} 80 {\n  }\n`).join("")}`;
const BAD: [backend: Backend, text: string, words: string[], sentence: RegExp][] = [
  [
    haproxy,
    "listen a\n  mode http\n  bind :80\n  server a 192.0.2.7:80\n",
    [],
    /line 2: 'mode http' is not what the lab's clients speak/,
  ],
  [haproxy, "listen a\n  bind :443 ssl crt x\n  server a 192.0.2.7:80\n", [], /line 2: 'ssl' in 'bind': /],
  [haproxy, "listen a\n  bind :80\n  server a 192.0.2.7:80 send-proxy\n", [], /line 3: 'send-proxy' in 'server': /],
  [haproxy, "peers p\n", [], /line 1: section 'peers': /],
  [haproxy, "frontend a\n  bind :80\n  default_backend b\n", [], /line 3: there is no backend 'b'/],
  [haproxy, "global\n  lua-load /x.lua\n", [], /line 2: 'lua-load': other programs are not run/],
  [haproxy, "bind :80\n", [], /line 1: 'bind' stands before any section/],
  [haproxy, "global\n", [], /has no service of a VIP with servers/],
  [
    haproxy,
    "listen a\n  bind :80\n  server a 192.0.2.7:80\n",
    [],
    /names 1 servers \(192\.0\.2\.7\), and the lab has 3 targets\. Try --targets 1\./,
  ],
  [nginx, "http { }\n", [], /line 1: 'http': the lab's clients do not speak HTTP/],
  [nginx, "events { }\nstream { server { listen 80; proxy_pass u; }\n", [], /line 2: 'stream \{' does not end/],
  [nginx, "stream { upstream u { server a:1 } }\n", [], /line 1: 'server' |'server a:1'|has no/],
  [
    nginx,
    "stream {\n server { listen 80; proxy_pass 192.0.2.1:80; } }\n",
    [],
    /line 2: 'proxy_pass 192\.0\.2\.1:80': there is no upstream/,
  ],
  [nginx, "stream {\n include /etc/nginx/streams/*;\n}\n", [], /line 2: 'include': other files are not read/],
  [nginx, "stream {\n ssl_preread on;\n}\n", [], /line 2: 'ssl_preread': /],
  [nginx, "stream {\n nonsense on;\n}\n", [], /line 2: 'nonsense' is nothing that the lab knows/],
  [nginx, "events { }\n", [], /has no stream block/],
  [keepalived, `${VIRTUAL}  sorry_server 192.0.2.9 80\n}\n`, [], /line 8: 'sorry_server': the lab has targets only/],
  [keepalived, "virtual_server group web {\n}\n", [], /line 1: 'virtual_server group': /],
  [keepalived, `${VIRTUAL}  lb_algo best\n}\n`, [], /line 8: the lab knows no scheduler 'best'/],
  [
    keepalived,
    "virtual_server 192.0.2.1 80 {\n  real_server 192.0.2.7 80 {\n    HTTP_GET {\n    }\n  }\n}\n",
    [],
    /line 3: 'HTTP_GET': .*try TCP_CHECK/,
  ],
  [keepalived, "virtual_server 192.0.2.1 80 {\n", [], /line 1: 'virtual_server \{' does not end/],
  [keepalived, "include /etc/other\n", [], /line 1: 'include': other files are not read/],
  [keepalived, `${VIRTUAL}  lb_kind FULLNAT\n}\n`, [], /line 8: 'lb_kind FULLNAT': the lab knows DR, NAT and TUN/],
  [asFound, "-A -f 1 -s rr\n", [], /line 1: '-f': the rules that set marks are not in this file/],
  [
    asFound,
    "-A -t www:https -s rr\n-a -t www:https -r a:https -g -w 1\n",
    [],
    /line 1: 'www:https' is no address and port in numbers/,
  ],
  [asFound, "-a -t 192.0.2.1:80 -r 192.0.2.7:80 -g -w 1\n", [], /line 1: there is no service '-t 192\.0\.2\.1:80'/],
  [asFound, "hello\n", [], /is no output of ipvsadm-save/],
  [asFound, "*nat\n-A X -j NFQUEUE\nCOMMIT\n", RULES, /line 2: '-j NFQUEUE': no program takes packets/],
  [asFound, "*nat\nhello\n", RULES, /line 2: 'hello' is no line of iptables-save/],
  [asFound, "*nat\nCOMMIT\n", [], /Rules do not say what their VIP is/],
  [asFound, "*nat\nCOMMIT\n", RULES, /No rule of '.*' takes connections to 203\.0\.113\.10/],
  [asFound, "table ip x {\nchain y {\nqueue num 1\n}\n}\n", RULES, /line 3: 'queue': no program takes packets/],
];
for (const [i, [backend, text, words, sentence]] of BAD.entries())
  test(`${backend.name}: a bad file is refused by name and line (${i + 1}: ${sentence.source.slice(0, 50)})`, (t) => {
    t.throws(() => look(backend, written(text), words), { name: "UsageError", message: sentence });
  });

test("an address or a device that nobody has named is refused with what can be said", (t) => {
  t.throws(() => look(asFound, caseFile("iptables-save.txt"), RULES), {
    message: /line 11: device 'eth0': say which of the lab's/,
  });
  t.throws(() => look(asFound, caseFile("nft-ruleset.txt"), [...RULES, "map=eth0:clients"]), {
    message: /line 22: '2001:db8::10' is neither the VIP nor a target: .*map=2001:db8::10:keep/,
  });
  t.throws(() => look(asFound, caseFile("iptables-save.txt"), [...RULES, "map=eth0:clients,eth7:keep"]), {
    message: /names 'eth7', which does not stand in/,
  });
  t.throws(() => look(haproxy, caseFile("haproxy.cfg"), ["map=203.0.113.10:elsewhere"]), {
    message: /Invalid value '203\.0\.113\.10:elsewhere' in --set map: expected OLD:NEW/,
  });
});

test("--set map and --set servicePort say what is where", (t) => {
  const swapped = look(haproxy, caseFile("haproxy.cfg"), ["map=10.20.0.11:vm-003"]);
  t.like(swapped.oracle, { weights: [1, 1, 2] });
  t.throws(() => look(haproxy, caseFile("haproxy.cfg"), ["servicePort=80"]), {
    message: /no service at port 80\. It has 443\/tcp/,
  });
  t.throws(() => look(haproxy, caseFile("haproxy.cfg"), ["scheduler=random"]), {
    message: /says what scheduler would/,
  });
  t.throws(() => haproxy.effectiveOptions(parseBackendOptions(haproxy, ["servicePort=80"]), 3), {
    message: /servicePort goes with config=FILE/,
  });
  t.throws(() => look(haproxy, "/nowhere/x.cfg"), { message: /Cannot read configuration '\/nowhere\/x\.cfg'/ });
});

test("turns that cannot be shared out anew make the targets fixed, and say why", (t) => {
  const text = contentOf("iptables-save.txt").replace("--every 3 --packet 0", "--every 3 --packet 1");
  const file = written(text);
  const found = readDump(
    { config: file, vip: "203.0.113.10", targets: "10.20.0.11,10.20.0.12,10.20.0.13", map: "eth0:clients" },
    3,
  );
  t.regex(found.served.fixed ?? "", /line 12: turns with '--packet' other than 0 cannot be shared out anew/);
});

test("blocks are written in the lines that they came from", (t) => {
  const text = "a b;\n\n# c\nd {\n  e 'f;{' ;\n}\n";
  const parsed = parseBlocks("x", text, "semicolons");
  t.deepEqual(
    parsed.map(({ line, words }) => [line, words]),
    [
      [1, ["a", "b"]],
      [4, ["d"]],
    ],
  );
  t.is(printBlocks(parsed, "semicolons").split("\n")[4], "e 'f;{'; }");
});
