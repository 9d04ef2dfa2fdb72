// SPDX-License-Identifier: Apache-2.0
// What may befall a run, and what must come of it. To add a fault: an entry here.
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import net from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { launchProgram, runProgram } from "../../host/program.ts";
import { client } from "../containers.ts";
import { hostileBytes, randomNumbers } from "../hostile.ts";
import { eventually, program, runMain } from "../machine.ts";
import { type Attacked, startRun, verdictIn, withRun } from "./attacked.ts";
import type { Row } from "./table.ts";

type Kind = "killed" | "stopped" | "slowed" | "full" | "cut" | "corrupted" | "hostile";

interface Fault {
  kind: Kind;
  fault: string;
  /** In words, as `got` returns it. */
  wanted: string;
  got: () => Promise<string>;
  /** Needs a Docker engine. */
  engine?: true;
}

/** The outcome of a run that something is done to, once its traffic has gone on for a second. */
function during(more: readonly string[], attack: (run: Attacked) => unknown): () => Promise<string> {
  return () =>
    withRun(more.includes("--reporter") ? more : [...more, "--reporter", "json"], async (run) => {
      if (!(await run.reaches("traffic"))) return `no traffic: ${run.said()}`;
      await sleep(1000);
      await attack(run);
      const { code } = await run.ended;
      const left = await run.leftovers();
      return `${verdictIn(run.out).verdict}, exit code ${code}${left.length > 0 ? `, left: ${left.join(", ")}` : ""}`;
    });
}

const signal = (words: string, name: NodeJS.Signals, resumeAfterMs?: number) =>
  during([], async (run) => {
    const pid = run.find(words);
    process.kill(pid, name);
    if (resumeAfterMs === undefined) return;
    await sleep(resumeAfterMs);
    process.kill(pid, "SIGCONT");
  });

/** The exit codes of `report` and `gate` for a run whose record was damaged. */
function damaged(damage: (run: string) => void): () => Promise<string> {
  return () =>
    withRun(["--reporter", "json"], async ({ out, ended }) => {
      await ended;
      const name = readdirSync(out).find((entry) => existsSync(path.join(out, entry, "events.ndjson"))) ?? "";
      damage(path.join(out, name));
      const codes = [];
      for (const words of [
        ["report", path.join(out, name)],
        ["gate", path.join(out, name)],
      ])
        codes.push(`${words[0]} ${(await runMain(words)).status}`);
      return codes.join(", ");
    });
}

function edit(file: string, change: (text: string) => string): (run: string) => void {
  return (run) => writeFileSync(path.join(run, file), change(readFileSync(path.join(run, file), "utf8")));
}

const NO_DATA = "report 4, gate 4";

const faults: readonly Fault[] = [
  {
    kind: "killed",
    fault: "a generator, SIGKILL",
    wanted: "error, exit code 3",
    got: signal("traffic stream", "SIGKILL"),
  },
  {
    kind: "killed",
    fault: "a generator, SIGTERM",
    wanted: "error, exit code 3",
    got: signal("traffic stream", "SIGTERM"),
  },
  {
    kind: "killed",
    fault: "a target's server, SIGKILL",
    wanted: "error, exit code 3",
    got: signal("--name vm-003", "SIGKILL"),
  },
  {
    kind: "killed",
    fault: "the balancer, SIGKILL",
    wanted: "fail, exit code 1",
    got: signal("nfqueue-lb run", "SIGKILL"),
  },
  {
    kind: "killed",
    fault: "the lab's agent, SIGKILL",
    wanted: "error, exit code 3",
    got: signal("agent sandbox", "SIGKILL"),
  },
  {
    kind: "stopped",
    fault: "a generator for 4 s",
    wanted: "error, exit code 3",
    got: signal("traffic stream", "SIGSTOP", 4000),
  },
  {
    kind: "slowed",
    fault: "a generator, which stands still for 1 s",
    wanted: "insufficient, exit code 4",
    got: signal("traffic stream", "SIGSTOP", 1000),
  },
  {
    kind: "stopped",
    fault: "a target's server for 2 s",
    wanted: "error, exit code 3",
    got: signal("--name vm-003", "SIGSTOP", 2000),
  },
  {
    kind: "stopped",
    fault: "the balancer for 2.5 s",
    wanted: "fail, exit code 1",
    got: signal("nfqueue-lb run", "SIGSTOP", 2500),
  },
  {
    kind: "full",
    fault: "the disk of --out, 48 kB",
    wanted: "exit code 3, told: true",
    got: () =>
      withRun(["--connections", "1"], async ({ out, ended }) => {
        await ended;
        const small = path.join(out, "small");
        mkdirSync(small);
        await runProgram(["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", small]);
        try {
          const run = startRun(small, []);
          const { code } = await run.ended;
          return `exit code ${code}, told: ${run.said().includes("the disk is full")}`;
        } finally {
          await runProgram(["umount", small]);
        }
      }),
  },
  {
    kind: "full",
    fault: "the disk that takes 'list --json'",
    wanted: "exit code 3: Cannot write the output: the disk is full.",
    async got() {
      const { code, stderr } = await runProgram(["sh", "-c", `exec '${program}' list --json >/dev/full`], {
        check: false,
      });
      return `exit code ${code}: ${stderr.trim()}`;
    },
  },
  {
    kind: "full",
    fault: "a JUnit report whose name a folder has",
    wanted: "pass, exit code 3",
    got: during(["--reporter", "junit"], ({ out }) => mkdirSync(path.join(out, "junit.xml"))),
  },
  {
    kind: "cut",
    fault: "the last 5 lines of the events",
    wanted: NO_DATA,
    got: damaged(edit("events.ndjson", (text) => text.split("\n").slice(0, -6).join("\n"))),
  },
  {
    kind: "cut",
    fault: "the last 7 bytes of the connections",
    wanted: NO_DATA,
    got: damaged((run) =>
      truncateSync(path.join(run, "connections.bin"), readFileSync(path.join(run, "connections.bin")).length - 7),
    ),
  },
  {
    kind: "cut",
    fault: "a session's socket, with its folder",
    wanted: "status 0, stop 0",
    got: () =>
      withRun(["--connections", "1"], async ({ out, env, ended }) => {
        await ended;
        await runMain(["start", "nfqueue", "--targets", "2"], { env });
        rmSync(path.join(out, `load-balancer-${process.geteuid?.()}`), { recursive: true });
        const found = await eventually(async () => (await runMain(["status"], { env })).status === 0, 8000);
        return `status ${found ? 0 : 3}, stop ${(await runMain(["stop"], { env })).status}`;
      }),
  },
  {
    kind: "corrupted",
    fault: "one byte of the connections",
    wanted: NO_DATA,
    got: damaged((run) => flip(path.join(run, "connections.bin"), 100)),
  },
  {
    kind: "corrupted",
    fault: "a schema of tomorrow",
    wanted: NO_DATA,
    got: damaged(edit("run.json", (text) => text.replace(/"schema": \d+/, '"schema": 99'))),
  },
  {
    kind: "corrupted",
    fault: "a line of noise behind the events",
    wanted: NO_DATA,
    got: damaged((run) => appendFileSync(path.join(run, "events.ndjson"), "\u0000noise\n")),
  },
  {
    kind: "hostile",
    fault: "2,000 requests of noise to the page of --live, and GET //",
    wanted: "pass, exit code 0",
    got: during(["--live", "0"], async (run) => {
      const port = Number(run.said().match(/127\.0\.0\.1:(\d+)/)?.[1]);
      const random = randomNumbers(15);
      const good = [Buffer.from("GET // HTTP/1.1\r\nHost: localhost\r\n\r\n")];
      for (let n = 0; n < 100; n++)
        await Promise.all(
          Array.from({ length: 20 }, (_, i) =>
            sendTo(port, i === 0 ? (good[0] ?? Buffer.alloc(0)) : hostileBytes(good, random)),
          ),
        );
    }),
  },
  {
    kind: "hostile",
    fault: "a container of others with our labels, malformed, on docker",
    engine: true,
    wanted: "pass, exit code 0",
    async got() {
      const [image] = await client().listImages();
      if (!image) return "not run: the engine has no image. Run a case on docker first.";
      const Labels = { "load-balancer.run": "x", "load-balancer.owner": "{" };
      const other = await client().createContainer({ Image: image.Id, Cmd: ["true"], Labels });
      try {
        return await during(["--runtime", "docker"], () => {})();
      } finally {
        await other.remove({ force: true });
      }
    },
  },
  {
    kind: "hostile",
    fault: "a second run into the same --out",
    wanted: "second 3; pass, exit code 0",
    async got() {
      let second: number | null = null;
      const first = await during([], async ({ out }) => {
        const words = [program, "test", "nfqueue", "--duration", "1", "--reporter", "json", "--out", out];
        second = (await launchProgram(words, { check: false }).ended).code;
      })();
      return `second ${second}; ${first}`;
    },
  },
];

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes.writeUInt8((bytes[at] ?? 0) ^ 1, at);
  writeFileSync(file, bytes);
}

function sendTo(port: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => {
      socket.write(bytes);
      setTimeout(() => socket.destroy(), 2);
    });
    socket.on("error", () => {}).on("close", () => resolve());
  });
}

/** A run without a result, on a machine that is busy, is tried again, twice. */
export async function runFaults(hasEngine: boolean, tell: (row: Row) => void): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { kind, fault, wanted, got } of faults.filter(({ engine }) => hasEngine || !engine)) {
    let what = "";
    for (
      let attempt = 0;
      attempt < 3 && (attempt === 0 || (what.startsWith("insufficient") && what !== wanted));
      attempt++
    )
      what = await got().catch((error: Error) => error.message);
    const row = { kind, fault, wanted, got: what, passed: what === wanted };
    rows.push(row);
    tell(row);
  }
  return rows;
}
