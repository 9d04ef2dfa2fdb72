// SPDX-License-Identifier: Apache-2.0
// What xcluster's users type in a running lab of nfqueue with 3 targets, in each runtime.
import type { ExecutionContext } from "ava";
import type { Outcome } from "./machine.ts";

type Type = (...words: string[]) => Promise<Outcome>;
/** A line, its exit code, and what is seen. */
type Line = readonly [line: string, status: number, seen: RegExp];

const VIP = "-address 10.0.0.0:5001";
const STREAM = "ctraffic -address 10.0.0.0:5003 -srccidr 50.0.0.0/16";
const FILE = "/tmp/load-balancer.json";

const MCONNECT: readonly Line[] = [
  [`mconnect ${VIP} -nconn 100`, 0, /^Failed connects; 0\n[\s\S]*vm-00\d \d+\n/],
  [`mconnect ${VIP} -nconn 100 -srccidr 50.0.0.0/16`, 0, /^(?=[\s\S]*vm-001 \d)(?=[\s\S]*vm-002 \d)[\s\S]*vm-003 \d/],
  [
    "mconnect -address [1000::]:5001 --nconn=9 -seed 3 -srccidr 2000::/112 -output json",
    0,
    /"connects":9,"failed_connects":0/,
  ],
  [`mconnect ${VIP} -udp -nconn 3 -timeout 4s -maxconcurrent 1`, 0, /reads; 0/],
  ["mconnect -address 10.0.0.0:4444 -timeout 300ms", 1, /connects; 1/],
  [`mconnect ${VIP} -colour red`, 2, /^'mconnect' has no option -colour\. See 'mconnect -help'\.$/m],
  [`mconnect ${VIP} -nconn ten`, 2, /^Invalid value 'ten' for -nconn: expected a whole number\.$/m],
  [`mconnect ${VIP} -nconn`, 2, /^Option -nconn of 'mconnect' needs a value: N\.$/m],
];

const CTRAFFIC: readonly Line[] = [
  [
    `${STREAM} -nconn 40 -rate 100 -monitor -stats all -timeout 3s >${FILE}`,
    0,
    /(^active \d+, connecting \d+, failed 0; sent \d+, received \d+\n){2}/m,
  ],
  [`cat ${FILE}`, 0, /"Rate":100,"Connections":40,"PacketSize":1024,.*"ConnStats":\[{.*"Samples":\[{/],
  [
    `ctraffic -analyze hosts -stat_file ${FILE}`,
    0,
    /^Lost connections: 0\nLasting connections: 40\n {2}vm-001 \d+\n {2}vm-002 /,
  ],
  [`ctraffic -analyze connections -stat_file ${FILE}`, 0, /^Time Active New Failed Connecting\n0\.5 40 40 0 0\n/],
  [`ctraffic -analyze throughput -stat_file ${FILE}; rm ${FILE}`, 0, /^Time Throughput\n1\.\d+ \d/],
  [`${STREAM} -timeout 1s -psize 2048`, 0, /^{(?!.*ConnStats).*"PacketSize":2048/],
  ["ctraffic -address 10.0.0.0:6003 -udp -stats none -timeout 1s", 0, /^$/],
  [`${STREAM} -retries 3 -timeout 1s`, 0, /^ctraffic: -retries has no effect here: /],
  [`${STREAM} -srcfile x`, 2, /has no option -srcfile here: give a network with -srccidr\./],
  ["ctraffic -timeout 20", 2, /'20' for -timeout: expected a time with its unit, such as 20s/],
  [
    "ctraffic -server & sleep 0.5; ctraffic -nconn 2 -timeout 1s; kill $!",
    0,
    /"streamPort":5003,"udpPort":0[\s\S]*"FailedConnections":0,"Sent":[1-9]/,
  ],
];

const NFQLB: readonly Line[] = [
  ["ip addr", 0, /inet 192\.168\.1\.201/],
  ["nfqlb show", 0, /^3 of 32 targets active/m],
  ["nfqlb deactivate 1001", 0, /"active":2/],
  ["nfqlb show", 0, /^2 of 32 targets active/m],
  ["nfqlb activate 1001", 0, /"active":3/],
  ["nfqlb activate --index=4 1", 0, /"active":4/],
  ["nfqlb deactivate --index 4", 0, /"active":3/],
  ["nfqlb fwmark --proto=tcp --src=50.0.0.1:7 --dst=10.0.0.0:5001", 0, /"fwmark":100[123]/],
  ["nfqlb stats", 0, /^{"/],
  ["nfqlb init --shm=by-hand --M=7 --N=4 && nfqlb show --shm by-hand && nfqlb delete --shm by-hand", 0, /M 7, N 4/],
  ["nfqlb primebelow 1000", 0, /^997$/m],
  ["nfqlb init --ownfw 3", 2, /'nfqlb init' has no option -ownfw here: it is --own of/],
  ["nfqlb lb --frobnicate", 2, /'nfqlb lb' has no option -frobnicate\. See 'nfqlb lb -help'/],
  ["nfqlb dance", 2, /'nfqlb' has no command 'dance'\. See 'nfqlb help'\./],
  ["maglev", 0, /^Permutations:\n 03 00 04 01 05 02 06\n/],
  ["maglev 20 5 1", 0, /^M 19, N 5, seed 1\n/],
  ["maglev 20 5 1 10", 0, /^(moved \d+, .*%\n){10}Mean: \d.* ideal 20\.0%$/m],
  ["maglev 10000 10 1 10", 0, /^Mean: 1\d\.\d%, ideal 10\.0%$/m],
  ["lb create --shm by-hand -i 5 100 10 && lb show --shm by-hand", 0, /M 97, N 10[\s\S]*^5 of 10 targets active/m],
  ["lb deactivate --shm by-hand 1 && lb show --shm by-hand", 0, /^4 of 10 targets active/m],
  ["lb activate --shm by-hand 6 7 8 && lb show --shm by-hand", 0, /^7 of 10 targets active/m],
  ["lb clean --shm by-hand; lb show --shm by-hand", 1, /by-hand.*does not exist/],
  ["lb show", 0, /^3 of 32 targets active/m],
  [
    "nfqlb trace-flow-set --name=x --srcs=50.0.0.0/16 && nfqlb trace-flow-list",
    0,
    /"name":"x",.*--srcs 50\.0\.0\.0\/16/,
  ],
  ["nfqlb trace-flow-delete --name x", 0, /"flows":0/],
  ["nfqlb loglevel 7 && nfqlb loglevel && nfqlb loglevel 5", 0, /^(loglevel=7\n){2}loglevel=5$/m],
];

export async function typesOldNames(t: ExecutionContext, lb: Type): Promise<void> {
  for (const [machine, lines] of [
    ["vm-221", [...MCONNECT, ...CTRAFFIC]],
    ["201", NFQLB],
  ] as const) {
    const script = lines.map(([line]) => `{ ${line}\n} 2>&1; echo "@@ $?"`).join("\n");
    const { stdout, stderr } = await lb("exec", machine, "sh", "-c", script);
    const parts = stdout.split(/^@@ /m);
    t.is(parts.length, lines.length + 1, stderr);
    for (const [i, [line, status, seen]] of lines.entries()) {
      const before = parts[i] ?? "";
      const text = i === 0 ? before : before.slice(before.indexOf("\n") + 1);
      t.regex(text, seen, line);
      t.is(Number.parseInt(parts[i + 1] ?? "", 10), status, `${line}\n${text}`);
    }
  }
}
