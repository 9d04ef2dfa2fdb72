// SPDX-License-Identifier: Apache-2.0
// Runs the built program on loopback. The figures it prints are checked against each other, never against the clock.
// Over 300 lines: tests of one program share its servers.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";
import { eventually } from "../../harness/testing/machine.ts";

const PROGRAM = fileURLToPath(new URL("../../build/traffic", import.meta.url));
const ROW_BYTES = 48;
const PROCESSES = 2;
const NEVER_US = 0xffff_ffff;
const CAUSE = { none: 0, refused: 4, stalled: 6, wrongTarget: 5 } as const;

interface Line {
  event: string;
  t: number;
  [field: string]: unknown;
}

interface Output {
  code: number | null;
  stdout: string;
  stderr: string;
}

interface Server {
  pid: number;
  /** To all of its processes. */
  signal(name: NodeJS.Signals): void;
  ports: { connect: number; stream: number; udp: number; echo: number };
  stop(): Promise<Output>;
}

function collect(process: ChildProcessWithoutNullStreams): Promise<Output> {
  const output: Output = { code: null, stdout: "", stderr: "" };
  process.stdout.on("data", (chunk: Buffer) => {
    output.stdout += chunk.toString();
  });
  process.stderr.on("data", (chunk: Buffer) => {
    output.stderr += chunk.toString();
  });
  return new Promise((resolve) => process.on("close", (code) => resolve({ ...output, code })));
}

const run = (...argv: string[]) => collect(spawn(PROGRAM, argv));

/** Runs a generator and does something as soon as all its connections are settled. */
function runAndThen(argv: string[], action: (generator: ChildProcessWithoutNullStreams) => void): Promise<Output> {
  const generator = spawn(PROGRAM, argv);
  const done = collect(generator);
  let said = "";
  let acted = false;
  generator.stdout.on("data", (chunk: Buffer) => {
    said += chunk.toString();
    if (acted || !said.includes("all_established")) return;
    acted = true;
    action(generator);
  });
  return done;
}

/** Ports that were free a moment ago. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "::", resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** A server that listens; it ends with the test at the latest. Another test may have taken a port that was free: then on others. */
function serve(t: ExecutionContext, name: string, ports?: Server["ports"], more: string[] = []): Promise<Server> {
  return startServer(t, name, ports, more).catch((error: Error) => {
    if (ports || !error.message.includes("in use")) throw error;
    return serve(t, name, undefined, more);
  });
}

async function startServer(
  t: ExecutionContext,
  name: string,
  ports: Server["ports"] | undefined,
  more: string[],
): Promise<Server> {
  const [connect = 0, stream = 0, udp = 0, echo = 0] = ports ? Object.values(ports) : await freePorts(4);
  const argv = ["--connect-port", connect, "--stream-port", stream, "--udp-port", udp, "--echo-port", echo].map(String);
  const words = ["serve", "--name", name, "--processes", `${PROCESSES}`, ...argv, ...more];
  // A group of its own, as in a lab: signals go to all of its processes.
  const process = spawn(PROGRAM, words, { detached: true });
  const signal = (name: NodeJS.Signals) => globalThis.process.kill(-(process.pid ?? Number.NaN), name);
  const done = collect(process);
  t.teardown(() => process.exitCode === null && signal("SIGKILL"));
  await new Promise<void>((resolve, reject) => {
    process.stdout.once("data", () => resolve());
    void done.then((output) => reject(new Error(output.stderr)));
  });
  const stop = () => {
    signal("SIGTERM");
    return done;
  };
  return { signal, pid: process.pid ?? Number.NaN, ports: { connect, stream, udp, echo }, stop };
}

/** null: there is no such process any more. */
function parentOf(pid: string): number | null {
  try {
    return Number(
      readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ")[1],
    );
  } catch {
    return null;
  }
}

const lines = (stdout: string) =>
  stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);

function rows(events: Line[]) {
  const bytes = Buffer.concat(
    events.filter((e) => e.event === "rows").map((e) => Buffer.from(e.rows as string, "base64")),
  );
  return Array.from({ length: bytes.length / ROW_BYTES }, (_, i) => {
    const row = bytes.subarray(i * ROW_BYTES, (i + 1) * ROW_BYTES);
    return {
      id: row.readUInt32LE(0),
      generation: row.readUInt16LE(4),
      cause: row.readUInt8(6),
      sport: row.readUInt16LE(8),
      host: row.readUInt16LE(10),
      startUs: row.readUInt32LE(16),
      establishedUs: row.readUInt32LE(20),
      endUs: row.readUInt32LE(24),
      sent: row.readUInt32LE(32),
      received: row.readUInt32LE(36),
      movedTo: row.readUInt16LE(40),
    };
  });
}

const integrityOf = (line: Line | undefined) => line?.integrity as Record<string, number>;
/** `integrity`, when all that was received is as it was sent. */
const wholeOf = (sample: Line | undefined) => ({ checked: sample?.received, corrupt: 0, duplicates: 0, reordered: 0 });
const sorted = (numbers: number[]) => [...numbers].sort((a, b) => a - b);
const last = (events: Line[], event: string) => events.filter((e) => e.event === event).at(-1);

test.before("the program has been built", (t) => {
  if (!existsSync(PROGRAM)) t.fail(`Cannot find '${PROGRAM}'. Run 'make' first.`);
});

for (const [host, family] of [
  ["127.0.0.1", 4],
  ["[::1]", 6],
] as const) {
  for (const udp of [false, true]) {
    const protocol = udp ? "UDP" : "TCP";
    const flag = udp ? ["--udp"] : [];

    test(`stream over ${protocol} and IPv${family} accounts for every message and connection`, async (t) => {
      const server = await serve(t, "vm-001");
      const address = `${host}:${udp ? server.ports.udp : server.ports.stream}`;
      const argv = ["--connections", "50", "--rate", "1000", "--duration", "1s", "--ramp", "200ms", "--rows"];
      const output = await run("stream", "--address", address, ...argv, ...flag);
      const events = lines(output.stdout);
      const served = lines((await server.stop()).stdout).at(-1);
      t.is(output.code, 0);
      t.deepEqual([events.at(0)?.event, events.at(-1)?.event], ["stream_start", "stream_end"]);
      t.is(events.at(0)?.family, family);
      t.deepEqual(last(events, "hosts")?.names, ["vm-001"]);
      t.is(last(events, "all_established")?.established, 50);
      const sample = last(events, "sample");
      t.deepEqual(sample?.perTarget, { "vm-001": 50 });
      t.is(sample?.sent, sample?.received);
      // Two messages that come in together are one read: bytes are what can be held against each other.
      t.is(served?.bytes, 1024 * (sample?.received as number));
      for (const line of [sample, last(events, "stream_end"), served]) t.like(integrityOf(line), wholeOf(sample));
      const all = rows(events);
      t.deepEqual(
        sorted(all.map((row) => row.id)),
        Array.from({ length: 50 }, (_, i) => i),
      );
      t.true(all.every((row) => row.cause === CAUSE.none && row.host === 0 && row.establishedUs !== NEVER_US));
      t.is(
        all.reduce((sum, row) => sum + row.received, 0),
        sample?.received as number,
      );
      const counted = events
        .filter((e) => e.event === "sample")
        .flatMap((e) => e.hist as [number, number][])
        .reduce((sum, [, count]) => sum + count, 0);
      t.is(counted, sample?.received as number);
    });

    test(`a plan opens and closes each connection over ${protocol} and IPv${family} at its times`, async (t) => {
      const server = await serve(t, "vm-001");
      const address = `${host}:${udp ? server.ports.udp : server.ports.stream}`;
      // The last one outlives the traffic.
      const plan = Array.from({ length: 40 }, (_, i) => [i * 10_000, i * 10_000 + (i < 39 ? 5_000 * i : 9e6)] as const);
      const file = path.join(mkdtempSync(path.join(tmpdir(), "traffic-plan-")), "plan");
      t.teardown(() => rmSync(path.dirname(file), { recursive: true }));
      writeFileSync(file, BigUint64Array.from(plan.flat(), BigInt));
      const argv = ["--connections", "40", "--interval", "50ms", "--plan", file, "--duration", "1s", "--rows"];
      const output = await run("stream", "--address", address, ...argv, ...flag);
      await server.stop();
      t.is(output.code, 0, output.stderr);
      const events = lines(output.stdout);
      t.is(events.at(0)?.intervalUs, 50_000);
      const all = rows(events).sort((a, b) => a.id - b.id);
      t.is(all.length, 40);
      for (const [i, { cause, startUs, endUs, sent, received }] of all.entries()) {
        const [start = 0, end = 0] = plan[i] ?? [];
        t.is(cause, CAUSE.none);
        t.true(startUs >= start);
        // Of one that ended as planned the row says when its last message was due.
        if (i < 39) t.is(endUs, end);
        t.is(sent, received);
        if (i < 39) t.is(sent, Math.ceil((end - start) / 50_000) + 1);
        else t.true(sent > 9 && endUs >= 1e6, `${sent} ${endUs}`);
      }
    });

    test(`connect over ${protocol} and IPv${family} names the target each connection reached`, async (t) => {
      const server = await serve(t, "vm-007");
      const address = `${host}:${server.ports.connect}`;
      const output = await run("connect", "--address", address, "--connections", "200", "--output", "json", ...flag);
      await server.stop();
      const result = JSON.parse(output.stdout) as Record<string, unknown>;
      t.is(output.code, 0);
      t.deepEqual(result.hosts, { "vm-007": 200 });
      t.deepEqual([result.connects, result.failed_connects, result.failed_reads], [200, 0, 0]);
    });
  }
}

const MARK_AT = 64;

/** A path that treats the answers of an echo server as `treat` says; its port. */
async function udpPath(
  t: ExecutionContext,
  port: number,
  treat: (answer: Buffer, send: (answer: Buffer) => void) => void,
) {
  const front = createSocket("udp4");
  const clients = new Map<number, ReturnType<typeof createSocket>>();
  let isOpen = true;
  t.teardown(() => {
    isOpen = false;
    for (const socket of [front, ...clients.values()]) socket.close();
  });
  front.on("message", (message, { port: client }) => {
    const back = clients.get(client) ?? createSocket("udp4");
    if (!clients.has(client))
      back.on("message", (answer) => treat(answer, (bytes) => isOpen && front.send(bytes, client, "127.0.0.1")));
    clients.set(client, back);
    back.send(message, port, "127.0.0.1");
  });
  await new Promise<void>((resolve) => front.bind(0, "127.0.0.1", resolve));
  return front.address().port;
}

test("datagrams that are damaged, doubled, reordered or late on their way are counted", async (t) => {
  const server = await serve(t, "vm-001");
  const expected = { corrupt: 0, duplicates: 0, reordered: 0, late: 0 };
  let held: Buffer | undefined;
  const port = await udpPath(t, server.ports.udp, (answer, send) => {
    const sequence = Number(answer.readBigUInt64LE(MARK_AT + 8));
    if (sequence % 10 === 1) {
      expected.corrupt++;
      answer.writeUInt8(answer.readUInt8(sequence + 500) ^ 1, sequence + 500);
    } else if (sequence % 10 === 2) {
      expected.duplicates++;
      send(answer);
    } else if (sequence % 10 === 4) {
      expected.late++;
      setTimeout(send, 250, answer);
      return;
    } else if (sequence % 10 === 8) {
      held = answer;
      return;
    }
    send(answer);
    if (!held) return;
    expected.reordered++;
    send(held);
    held = undefined;
  });
  const load = ["--connections", "1", "--rate", "20", "--duration", "2s", "--ramp", "10ms", "--late", "150ms"];
  const sample = last(
    lines((await run("stream", "--udp", "--address", `127.0.0.1:${port}`, ...load)).stdout),
    "sample",
  );
  const { integrity } = sample as unknown as { integrity: typeof expected };
  const served = lines((await server.stop()).stdout).at(-1);
  t.is(expected.corrupt, 4);
  t.is(expected.duplicates, 4);
  t.true(expected.reordered >= 3 && expected.late >= 3);
  t.is(integrity.corrupt, expected.corrupt);
  t.is(integrity.duplicates, expected.duplicates);
  // What was late came behind its successors too, where this machine had sent those by then.
  t.true(integrity.reordered >= expected.reordered);
  t.true(integrity.reordered <= expected.reordered + expected.late);
  // The last ones come when nobody reads any more.
  t.true(integrity.late >= 3);
  t.like(served?.integrity, { corrupt: 0, duplicates: 0 });
});

/** Passes everything on, but for one bit of the byte that is the `at`-th of its direction. */
function flipping(from: Socket, to: Socket, at: number): void {
  let seen = 0;
  from.on("data", (chunk: Buffer) => {
    const place = at - seen;
    seen += chunk.length;
    if (place >= 0 && place < chunk.length) chunk.writeUInt8(chunk.readUInt8(place) ^ 4, place);
    to.write(chunk);
  });
  from.on("error", () => to.destroy());
  from.on("close", () => to.destroy());
}

for (const [way, there, back, onClient, onServer] of [
  ["to the server", 5_000, -1, 1, 1],
  ["from the server", -1, 5_000, 1, 0],
  ["nowhere", -1, -1, 0, 0],
] as const)
  test(`a bit that changes in a TCP stream (${way}) is counted where it is seen`, async (t) => {
    const server = await serve(t, "vm-001");
    const path = createServer((client) => {
      const behind = connect(server.ports.stream, "127.0.0.1");
      flipping(client, behind, there);
      flipping(behind, client, back);
    });
    await new Promise<void>((resolve) => path.listen(0, "127.0.0.1", resolve));
    t.teardown(() => path.close());
    const { port } = path.address() as { port: number };
    const load = ["--connections", "1", "--rate", "50", "--duration", "1s", "--ramp", "10ms"];
    const sample = last(lines((await run("stream", "--address", `127.0.0.1:${port}`, ...load)).stdout), "sample");
    const served = lines((await server.stop()).stdout).at(-1);
    t.true((sample?.received as number) > 40);
    t.like(sample?.integrity, { ...wholeOf(sample), corrupt: onClient });
    t.like(served?.integrity, { corrupt: onServer, duplicates: 0, reordered: 0 });
  });

test("every process of a server tells that it lives, and a halt shows between the times", async (t) => {
  const server = await serve(t, "vm-001", undefined, ["--heartbeat", "50ms"]);
  await new Promise((resolve) => setTimeout(resolve, 400));
  server.signal("SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, 600));
  server.signal("SIGCONT");
  await new Promise((resolve) => setTimeout(resolve, 300));
  const beats = lines((await server.stop()).stdout).filter(({ event }) => event === "heartbeat");
  for (let process = 0; process < PROCESSES; process++) {
    const times = beats.filter((beat) => beat.process === process).map(({ t: ns }) => ns);
    const gaps = times.slice(1).map((ns, i) => ns - (times[i] ?? 0));
    t.true(times.length >= 6, `${times.length} of process ${process}`);
    t.true(Math.max(...gaps) > 500e6, "the halt");
  }
});

test("the processes of a server share its connections, and together they account for each one", async (t) => {
  const server = await serve(t, "vm-001");
  const address = ["--address", `127.0.0.1:${server.ports.stream}`];
  const load = ["--connections", "400", "--rate", "800", "--duration", "1s", "--ramp", "300ms", "--rows"];
  const events = lines((await run("stream", ...address, ...load)).stdout);
  const served = lines((await server.stop()).stdout).at(-1);
  const acceptedBy = served?.acceptedBy as number[];
  t.is(acceptedBy.length, PROCESSES);
  t.true(acceptedBy.every((accepted) => accepted > 0));
  t.deepEqual([served?.accepted, acceptedBy.reduce((sum, accepted) => sum + accepted)], [400, 400]);
  t.is(served?.bytes, 1024 * (last(events, "sample")?.received as number));
  t.deepEqual(last(events, "sample")?.perTarget, { "vm-001": 400 });
  t.true(rows(events).every((row) => row.cause === CAUSE.none));
});

test("a server ends with all of its processes, and says so when one of them broke", async (t) => {
  const server = await serve(t, "vm-001");
  const broken = readdirSync("/proc").find((pid) => parentOf(pid) === server.pid);
  process.kill(Number(broken), "SIGKILL");
  const output = await server.stop();
  t.is(output.code, 3);
  t.is(output.stderr, `Process 2 of ${PROCESSES} broke: its connections are not counted.\n`);
});

// A port that another test holds would be left out: this one has the loopback to itself.
test.serial("the same seed gives the same 5-tuples, another seed others, and parts share one set", async (t) => {
  const server = await serve(t, "vm-001");
  const ports = async (...argv: string[]) => {
    const address = `127.0.0.1:${server.ports.connect}`;
    const output = await run("connect", "--udp", "--address", address, "--connections", "60", ...argv);
    return rows(lines(output.stdout))
      .sort((a, b) => a.id - b.id)
      .map((row) => row.sport);
  };
  const whole = await ports("--seed", "5");
  t.is(new Set(whole).size, 60);
  t.deepEqual(await ports("--seed", "5"), whole);
  t.notDeepEqual(await ports("--seed", "6"), whole);
  t.deepEqual(
    sorted([...(await ports("--seed", "5", "--part", "1/2")), ...(await ports("--seed", "5", "--part", "2/2"))]),
    sorted(whole),
  );
  await server.stop();
});

test("a refused connection is tried again and never counts as lost", async (t) => {
  const [port = 0] = await freePorts(1);
  const argv = ["--connections", "3", "--duration", "300ms", "--ramp", "10ms", "--reconnect", "--rows"];
  const events = lines((await run("stream", "--address", `127.0.0.1:${port}`, ...argv)).stdout);
  const all = rows(events);
  t.true(all.length > 3 && all.every((row) => row.cause === CAUSE.refused && row.establishedUs === NEVER_US));
  t.is(last(events, "sample")?.failedConnects, all.length);
  t.deepEqual(last(events, "sample")?.lost, {});
  t.is(last(events, "all_established")?.failed, 3);
});

test("a server that stops answering makes its connections stall", async (t) => {
  const server = await serve(t, "vm-001");
  const argv = [
    "--connections",
    "10",
    "--rate",
    "500",
    "--duration",
    "2s",
    "--ramp",
    "50ms",
    "--stall",
    "500ms",
    "--rows",
  ];
  const address = `127.0.0.1:${server.ports.stream}`;
  const { stdout } = await runAndThen(["stream", "--address", address, ...argv], () => server.signal("SIGSTOP"));
  server.signal("SIGCONT");
  await server.stop();
  const events = lines(stdout);
  t.deepEqual(last(events, "sample")?.lost, { stalled: 10 });
  t.true(rows(events).every((row) => row.cause === CAUSE.stalled && row.sent > row.received));
});

test("a UDP flow that another target answers is lost to it", async (t) => {
  const first = await serve(t, "vm-001");
  // The second message of each flow is due long after the servers have changed.
  const argv = ["--connections", "10", "--rate", "5", "--duration", "3s", "--ramp", "10ms", "--rows", "--udp"];
  let second: Promise<Server> | undefined;
  const { stdout } = await runAndThen(["stream", "--address", `127.0.0.1:${first.ports.udp}`, ...argv], () => {
    second = first.stop().then(() => serve(t, "vm-002", first.ports));
  });
  await (await second)?.stop();
  const events = lines(stdout);
  t.deepEqual(last(events, "sample")?.lost, { wrong_target: 10 });
  t.true(rows(events).every((row) => row.cause === CAUSE.wrongTarget && row.host === 0 && row.movedTo === 1));
});

test("SIGTERM ends a stream in order", async (t) => {
  const server = await serve(t, "vm-001");
  const address = `127.0.0.1:${server.ports.stream}`;
  const argv = ["stream", "--address", address, "--connections", "20", "--duration", "60s", "--ramp", "10ms", "--rows"];
  const output = await runAndThen(argv, (generator) => generator.kill("SIGTERM"));
  await server.stop();
  const events = lines(output.stdout);
  t.is(output.code, 0);
  t.like(events.at(-1), { event: "stream_end", signal: "SIGTERM" });
  t.is(events.at(0)?.durationUs, 60e6);
  t.is(rows(events).length, 20);
});

test("a stream whose reader has gone ends at once", async (t) => {
  const server = await serve(t, "vm-001");
  const address = `127.0.0.1:${server.ports.stream}`;
  const process = spawn(PROGRAM, ["stream", "--address", address, "--duration", "60s"]);
  process.stdout.once("data", () => process.stdout.destroy());
  const code = await new Promise<number | null>((resolve) => process.on("exit", resolve));
  t.is(code, 1);
  await server.stop();
});

test("ctraffic's JSON has its fields", async (t) => {
  const server = await serve(t, "vm-001");
  const argv = ["--connections", "2", "--rate", "20", "--duration", "1200ms", "--ramp", "10ms", "--output", "ctraffic"];
  const output = await run("stream", "--address", `127.0.0.1:${server.ports.stream}`, ...argv);
  await server.stop();
  const stats = JSON.parse(output.stdout) as {
    ConnStats: Record<string, unknown>[];
    Samples: unknown[];
    [field: string]: unknown;
  };
  t.is(stats.Connections, 2);
  t.is(stats.Sent, stats.Received);
  t.deepEqual(
    stats.ConnStats.map((c) => [c.Host, c.Err, c.Remote]),
    Array(2).fill(["vm-001", "", `127.0.0.1:${server.ports.stream}`]),
  );
  t.true(stats.Samples.length > 0);
});

test("a port in use is told in a sentence, with exit code 3", async (t) => {
  const server = await serve(t, "vm-001");
  const output = await run("serve", "--connect-port", `${server.ports.connect}`);
  await server.stop();
  t.is(output.code, 3);
  t.regex(output.stderr, /^Cannot listen on (TCP|UDP) port \d+ of ::: Address already in use\. .*\n$/);
});

for (const [family, address] of [
  ["4", "127.0.0.1"],
  ["6", "::1"],
] as const)
  test(`a flood over IPv${family} arrives, from as many flows as asked, at the rate and size asked`, async (t) => {
    const socket = createSocket(`udp${family}`);
    await new Promise<void>((resolve) => socket.bind(0, address, resolve));
    // Its buffer must hold all of them: this process may be late to read.
    socket.setRecvBufferSize(1 << 22);
    const flows = new Set<string>();
    let [count, bytes] = [0, 0];
    socket.on("message", (message, from) => {
      flows.add(`${from.address} ${from.port}`);
      count++;
      bytes += message.length;
    });
    const to = `${family === "4" ? address : `[${address}]`}:${socket.address().port}`;
    const argv = ["--rate", "400", "--duration", "500ms", "--flows", "8", "--size", "200"];
    const output = await run("flood", "--address", to, ...argv);
    const end = JSON.parse(output.stdout) as Line & { sent: number; refused: number };
    await eventually(() => count >= end.sent, 10_000);
    socket.close();
    t.is(output.code, 0, output.stderr);
    t.is(count, end.sent);
    t.is(bytes, 200 * count);
    t.is(end.refused, 0);
    t.is(flows.size, Math.min(8, Math.ceil(count / 32)));
    t.true(end.sent <= 224 && end.sent >= 64, `${end.sent}`);
  });

test("a flood ends when it is told to, and says what it sent", async (t) => {
  const process = spawn(PROGRAM, ["flood", "--address", "127.0.0.1:9", "--duration", "60s"]);
  const done = collect(process);
  await new Promise((resolve) => setTimeout(resolve, 300));
  process.kill("SIGTERM");
  const output = await done;
  t.is(output.code, 0);
  t.is((JSON.parse(output.stdout) as Line).event, "flood_end");
});

test("wrong usage is told in one sentence, with exit code 2", async (t) => {
  const address = ["--address", "127.0.0.1:1"];
  const wrong = [
    ["stream", "--bogus"],
    ["stream", ...address, "--rate", "x"],
    ["stream", ...address, "--rate"],
    ["stream", "--address", "::1:5003"],
    ["stream"],
    ["stream", ...address, "--size", "63"],
    ["stream", ...address, "--udp", "--size", "79"],
    ["stream", ...address, "--duration", "2h"],
    ["stream", ...address, "--src", "2000::/112"],
    ["stream", ...address, "--connections", "70000"],
    ["connect", ...address, "--concurrent", "0"],
    ["connect", ...address, "--part", "3/2"],
    ["connect", ...address, "--visit", "1"],
    ["connect", ...address, "--visit", "1", "--src", "127.0.0.0/30", "--connections", "3"],
    ["connect", ...address, "--udp", "--sctp"],
    ["stream", ...address, "--second-src", "127.0.1.0/24"],
    ["stream", ...address, "--sctp", "--size", "70000"],
    ["flood"],
    ["flood", ...address, "--size", "1401"],
    ["flood", ...address, "--flows", "0"],
    ["flood", ...address, "--duration", "11m"],
    ["flood", ...address, "--src", "2000::/112"],
    ["hear"],
    ["hear", "--device", "nothing"],
    ["spoof"],
    ["spoof", ...address],
    ["spoof", ...address, "--src", "50.1.0.0/16"],
    ["spoof", ...address, "--src", "50.1.0.0/16", "--device", "lo", "--via", "1:2"],
    ["spoof", ...address, "--src", "50.1.0.0/16", "--device", "lo", "--via", "00:00:00:00:00:01", "--rate", "0"],
    ["connect", ...address, "--only", "/dev/null"],
    ["serve", "--processes", "0"],
    ["serve", "--sctp", "127.0.0.1,::1"],
    ["serve", "--sctp", "127.0.0.1,127.0.0.2,127.0.0.3"],
    ["nothing"],
  ];
  for (const argv of wrong) {
    const output = await run(...argv);
    t.is(output.code, 2, argv.join(" "));
    t.regex(output.stderr, /^[A-Z-].*\.\n$/, argv.join(" "));
    t.is(output.stdout, "");
  }
});

test("each command has help with an example", async (t) => {
  for (const command of ["serve", "connect", "flood", "spoof", "stream"]) {
    const output = await run(command, "--help");
    t.is(output.code, 0);
    t.regex(output.stdout, new RegExp(`Example: traffic ${command} `));
  }
});
