// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import type { Balancer } from "../api/backend.ts";
import { encodeFrame, FRAME } from "../runtime/frame.ts";
import { netns } from "../runtime/netns.ts";
import { type Lab, LabError } from "../runtime/runtime.ts";
import { hostileBytes, randomNumbers } from "../testing/hostile.ts";
import { eventually } from "../testing/machine.ts";
import { planTopology } from "../topology/topology.ts";
import { monotonic } from "../util/clock.ts";
import { type Held, KeptLab, keepLab } from "./keeper.ts";
import { ask, connectSession, requireSession, socketPath } from "./session.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-keeper-"));
process.env.XDG_RUNTIME_DIR = scratch;
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

/** A lab of five targets whose balancer takes its time, the longer the more targets it gets; and what the balancer was told. */
function heldLab() {
  const told: number[][] = [];
  const balancer: Pick<Balancer, "setTargets"> = {
    async setTargets(active) {
      await new Promise((resolve) => setTimeout(resolve, 5 * active.length));
      if (active.length === 2) throw new Error("The balancer is tired.");
      told.push([...active]);
      return performance.now() * 1e6;
    },
  };
  const lab: Pick<Lab, "topology" | "runtime" | "traits" | "clock" | "ended" | "host" | "program"> = {
    clock: monotonic,
    topology: planTopology({ targets: 5, routers: 1 }),
    runtime: "netns",
    traits: netns.traits,
    ended: new Promise(() => {}),
    program: (name) => name,
    host(name) {
      if (name !== "vm-001") throw new LabError(`There is no machine '${name}' in this lab.`);
      const process = { exited: new Promise(() => {}), write() {}, closeStdin() {}, signal() {}, resize() {} };
      return { name, spawn: () => process } as unknown as ReturnType<Lab["host"]>;
    },
  };
  const oracle = () => ({ strategy: "maglev", seed: 1, ports: true, m: 997 });
  const held = { lab, balancer, backend: { name: "nfqueue", oracle }, backendOptions: {} } as unknown as Held;
  return { told, held, kept: new KeptLab(held, () => {}) };
}

test("concurrent requests to scale are all in force at the end, one after another", async (t) => {
  const { told, kept } = heldLab();
  const replies = await Promise.all([
    kept.answer({ op: "scale", direction: "in", targets: [1] }),
    kept.answer({ op: "scale", direction: "in", targets: [2] }),
    kept.answer({ op: "scale", direction: "out", targets: [1] }),
  ]);
  t.true(replies.every(({ ok }) => ok));
  t.deepEqual(told, [
    [1, 2, 3, 4],
    [2, 3, 4],
    [0, 2, 3, 4],
  ]);
  t.like(await kept.answer({ op: "status" }), {
    status: { targets: [true, false, true, true, true].map((active) => ({ active })) },
  });
});

test("a change that fails changes nothing, and the next one is carried out", async (t) => {
  const { told, kept } = heldLab();
  const failing = kept.answer({ op: "scale", direction: "in", targets: [1, 2, 3] });
  const next = kept.answer({ op: "scale", direction: "in", targets: [5] });
  await t.throwsAsync(failing, { message: "The balancer is tired." });
  t.true((await next).ok);
  t.deepEqual(told, [[0, 1, 2, 3]]);
});

/** A lab that is kept, by its socket, until the test ends. */
async function keptAtSocket() {
  const stop = new AbortController();
  const { held } = heldLab();
  let ended: Promise<unknown> = Promise.resolve();
  await new Promise<void>((resolve, reject) => {
    ended = keepLab(held, stop.signal, resolve);
    ended.catch(reject);
  });
  return { ended, stop: () => stop.abort() };
}

const isFound = async () => {
  const socket = await connectSession();
  socket?.destroy();
  return socket !== null;
};

test.serial("a socket that was removed, alone or with its folder, is made again", async (t) => {
  const kept = await keptAtSocket();
  t.true(await isFound());
  for (const gone of [socketPath(), path.dirname(socketPath())]) {
    rmSync(gone, { recursive: true });
    t.false(await isFound());
    t.true(await eventually(isFound, 5000), gone);
    t.is(statSync(socketPath()).mode & 0o777, 0o600);
    t.like(await ask(await requireSession(), { op: "status" }), { ok: true });
  }
  kept.stop();
  await kept.ended;
  t.false(await isFound());
});

test.serial("a lab whose socket's place another has taken ends, and leaves that one alone", async (t) => {
  const first = await keptAtSocket();
  await t.throwsAsync(keptAtSocket(), { message: /^A lab is already running/ });
  renameSync(socketPath(), `${socketPath()}.away`);
  const second = net.createServer().listen(socketPath());
  t.teardown(() => second.close());
  await t.throwsAsync(first.ended as Promise<void>, { instanceOf: LabError, message: /gone and cannot be made again/ });
  t.true(await isFound());
  rmSync(`${socketPath()}.away`);
});

test.serial("a folder that cannot be made again ends the lab with a sentence", async (t) => {
  const kept = await keptAtSocket();
  rmSync(path.dirname(socketPath()), { recursive: true });
  mkdirSync(path.dirname(socketPath()), { mode: 0o755 });
  await t.throwsAsync(kept.ended as Promise<void>, { message: /is not a private folder of this user/ });
  rmSync(path.dirname(socketPath()), { recursive: true });
});

test.serial("whatever bytes come by the socket, the lab stays and answers", async (t) => {
  const kept = await keptAtSocket();
  const random = randomNumbers(11);
  const spawn = '{"op":"spawn","machine":"vm-001","argv":["true"],"tty":{"rows":24,"columns":80},"env":{"A":"b"}}\n';
  const good = [
    Buffer.from(spawn),
    Buffer.from('{"op":"status"}\n'),
    Buffer.from('{"op":"scale","direction":"in","targets":[1,2]}\n'),
    Buffer.from('{"op":"spawn","machine":"vm-009","argv":["true"]}\n'),
    encodeFrame(0, FRAME.signal),
    encodeFrame(0, FRAME.resize, Buffer.alloc(4)),
    encodeFrame(0, FRAME.stdin, Buffer.from("in")),
  ];
  const send = (bytes: Buffer) =>
    new Promise<void>((resolve) => {
      const socket = net.connect(socketPath(), () => {
        socket.write(bytes);
        setTimeout(() => socket.destroy(), 2);
      });
      socket.on("error", () => {}).on("close", () => resolve());
    });
  for (let n = 0; n < 30; n++)
    await Promise.all(
      Array.from({ length: 20 }, () =>
        send(Buffer.concat([random() < 0.5 ? Buffer.from(spawn) : Buffer.alloc(0), hostileBytes(good, random)])),
      ),
    );
  t.like(await ask(await requireSession(), { op: "status" }), { ok: true });
  kept.stop();
  await kept.ended;
});
