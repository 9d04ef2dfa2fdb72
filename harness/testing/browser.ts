// SPDX-License-Identifier: Apache-2.0
// A headless browser for tests of pages, driven over its debugging pipe.
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Readable, Writable } from "node:stream";

/** Why a test that needs a browser is skipped. */
export const NO_BROWSER = "There is no browser on this machine. Run './setup --test'.";

/** null: there is none, and tests that need one say so. */
export function findBrowser(): string | null {
  for (const dir of (process.env.PATH ?? "").split(":"))
    for (const name of ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]) {
      const file = path.join(dir, name);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // The next one.
      }
    }
  return null;
}

export interface Page {
  /** Value of an expression in the page; a promise is waited for. */
  run<T>(expression: string): Promise<T>;
  open(url: string): Promise<void>;
  key(key: string): Promise<void>;
  /** `dark`, the size of a phone or a screen, and how a reader without colours sees it. */
  emulate(look: Look): Promise<void>;
  /** PNG of what is seen, or of the whole page. */
  screenshot(whole?: boolean): Promise<Buffer>;
  /** The page on paper of A4, as PDF. */
  print(): Promise<Buffer>;
  close(): Promise<void>;
}

export interface Look {
  dark: boolean;
  width: number;
  height: number;
  grey?: boolean;
  print?: boolean;
}

type Message = {
  id?: number;
  method?: string;
  result?: Record<string, unknown>;
  error?: { message: string };
  params?: unknown;
};

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe"];

export async function startBrowser(program: string): Promise<Page> {
  const profile = mkdtempSync(path.join(tmpdir(), "load-balancer-browser-"));
  const child = spawn(program, [...FLAGS, `--user-data-dir=${profile}`, "about:blank"], {
    stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    detached: true,
  });
  const call = await attachToPage(connect(child));
  const run = <T>(expression: string) => evaluate<T>(call, expression);
  const bytes = async (method: string, params: object) =>
    Buffer.from(((await call(method, params)) as { data: string }).data, "base64");
  return {
    run,
    async open(url) {
      await call("Page.navigate", { url });
      for (let ready = false; !ready; ) {
        ready = await run<boolean>(`document.readyState === "complete" && location.href !== "about:blank"`).catch(
          () => false,
        );
        if (!ready) await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    async key(key) {
      for (const type of ["keyDown", "keyUp"])
        await call("Input.dispatchKeyEvent", { type, key, code: key, windowsVirtualKeyCode: KEY_CODES[key] ?? 0 });
    },
    async emulate({ dark, width, height, grey = false, print = false }) {
      await call("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: width < 600 });
      await call("Emulation.setEmulatedVisionDeficiency", { type: grey ? "achromatopsia" : "none" });
      await call("Emulation.setEmulatedMedia", {
        media: print ? "print" : "",
        features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }],
      });
    },
    screenshot: (whole = false) => bytes("Page.captureScreenshot", { captureBeyondViewport: whole }),
    print: () => bytes("Page.printToPDF", { printBackground: false, paperWidth: 8.27, paperHeight: 11.69 }),
    async close() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      // Its helpers are in its process group.
      if (child.pid) process.kill(-child.pid, "SIGKILL");
      await ended;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

type Send = ReturnType<typeof connect>;
type Call = (method: string, params?: object) => Promise<unknown>;

/** Calls for the browser's first page. */
async function attachToPage(send: Send): Promise<Call> {
  const { targetInfos } = (await send("Target.getTargets")) as { targetInfos: { type: string; targetId: string }[] };
  const targetId = targetInfos.find(({ type }) => type === "page")?.targetId;
  const { sessionId } = (await send("Target.attachToTarget", { targetId, flatten: true })) as { sessionId: string };
  return (method, params = {}) => send(method, params, sessionId);
}

async function evaluate<T>(call: Call, expression: string): Promise<T> {
  const { result, exceptionDetails } = (await call("Runtime.evaluate", {
    expression,
    awaitPromise: true,
    returnByValue: true,
  })) as {
    result: { value: T };
    exceptionDetails?: { text: string; exception?: { description?: string } };
  };
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return result.value;
}

const KEY_CODES: Record<string, number> = { ArrowLeft: 37, ArrowRight: 39, Home: 36, End: 35, Tab: 9, Enter: 13 };

/** Messages are JSON with a zero byte behind each, on the child's descriptors 3 and 4. */
function connect(child: ChildProcess) {
  const [input, output] = [child.stdio[3] as Writable, child.stdio[4] as Readable];
  const waiting = new Map<number, { resolve: (v: unknown) => void; reject: (e: Error) => void }>();
  let [next, text] = [0, ""];
  const fail = (error: Error) => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  child.once("exit", () => fail(new Error("The browser has ended.")));
  child.once("error", fail);
  input.on("error", fail);
  output.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf("\0"); end >= 0; end = text.indexOf("\0")) {
      const { id, result, error } = JSON.parse(text.slice(0, end)) as Message;
      text = text.slice(end + 1);
      const call = waiting.get(id ?? -1);
      waiting.delete(id ?? -1);
      if (error) call?.reject(new Error(error.message));
      else call?.resolve(result);
    }
  });
  return (method: string, params: object = {}, sessionId?: string) =>
    new Promise<unknown>((resolve, reject) => {
      const id = ++next;
      waiting.set(id, { resolve, reject });
      input.write(`${JSON.stringify({ id, method, params, ...(sessionId ? { sessionId } : {}) })}\0`);
    });
}
