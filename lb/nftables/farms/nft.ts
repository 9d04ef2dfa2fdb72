// SPDX-License-Identifier: Apache-2.0
// One nft(8) that stays: starting it and reading what the kernel has costs more than most changes.
// biome-ignore lint/style/noRestrictedImports: its streams stay open.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** Said after each command, without asking the kernel: its answer is the end of the command's output. */
const END = "describe meta mark";
const END_ANSWER = /^meta expression, datatype mark .*\n/m;
const DEADLINE_MS = 120_000;

export class Nft implements Disposable {
  private readonly folder = mkdtempSync(path.join(tmpdir(), "nft-lb-"));
  private child: ChildProcess | null = null;
  private last: Promise<unknown> = Promise.resolve();

  /** Text for `nft -f` as one transaction; resolves with what nft prints. Rejects with nft's words: then nothing has changed. */
  run(script: string): Promise<string> {
    const next = this.last.then(() => this.command(script));
    this.last = next.catch(() => undefined);
    return next;
  }

  private async command(script: string): Promise<string> {
    // A new file each time: to cut an old one takes a millisecond on some file systems.
    const file = path.join(this.folder, "commands.nft");
    writeFileSync(file, script, { mode: 0o600, flag: "wx" });
    try {
      return await this.said(file);
    } finally {
      unlinkSync(file);
    }
  }

  private async said(file: string): Promise<string> {
    const child = this.process();
    const output = await new Promise<string>((resolve, reject) => {
      let text = "";
      const fail = (why: string) => end(() => reject(new Error(`nft ${why}: ${text.trim().split("\n")[0] ?? ""}`)));
      const onData = (chunk: Buffer) => {
        text += chunk.toString();
        const answer = END_ANSWER.exec(text);
        if (answer) end(() => resolve(text.slice(0, answer.index)));
      };
      const onExit = () => fail("ended by itself");
      const timer = setTimeout(() => {
        fail("did not answer in time");
        child.kill("SIGKILL");
      }, DEADLINE_MS);
      const end = (done: () => void) => {
        clearTimeout(timer);
        child.stdout?.off("data", onData);
        child.off("exit", onExit);
        done();
      };
      child.stdout?.on("data", onData);
      child.once("exit", onExit);
      child.stdin?.write(`include "${file}"\n${END}\n`);
    });
    const error = /^.*?Error: (.*)$/m.exec(output);
    if (error) throw new Error(`nft: ${error[1]}`);
    return output;
  }

  /** Its errors on stdout too, so that they come before the end. */
  private process(): ChildProcess {
    if (this.child === null) {
      const child = spawn("sh", ["-c", "exec nft -i 2>&1"], { stdio: ["pipe", "pipe", "ignore"] });
      child.once("exit", () => {
        this.child = null;
      });
      child.stdin?.on("error", () => undefined);
      this.child = child;
    }
    return this.child;
  }

  [Symbol.dispose](): void {
    this.child?.stdin?.end();
    this.child?.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
