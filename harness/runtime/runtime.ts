// SPDX-License-Identifier: Apache-2.0
import type { Role, Topology } from "../topology/topology.ts";

/** A way to have machines. `up` returns a lab that is up; disposing of it leaves nothing behind. */
export interface Runtime {
  name: string;
  /** One sentence for each thing this machine lacks for it, with the remedy. Empty: it can run. */
  missing(): Promise<string[]>;
  /** Throws LabError when the lab cannot be built; then nothing is left. `note` is told what takes long; `logs` is a folder for what machines say besides. */
  up(topology: Topology, signal: AbortSignal, note?: (text: string) => void, logs?: string): Promise<Lab>;
  /** The same runtime with images of the user's own. Absent: its machines have none. */
  withImages?(images: Images): Runtime;
  /** The same runtime with more capabilities for its routers. Absent: they have what the runtime has. */
  withCapabilities?(names: readonly string[]): Runtime;
  /** Those that its routers were given so. */
  capabilities?: readonly string[];
  /** Fetches and makes what a lab needs, once. Absent: nothing. Throws UsageError, Unavailable or, when it breaks, LabError. */
  prepare?(signal: AbortSignal, note: (text: string) => void): Promise<Prepared>;
  /** A router of a lab that is up: in it a kernel that is not this machine's can be asked what it has. */
  router?: Host & Pick<Lab, "program">;
  /** Whether machines with images of their own run on this machine's kernel. Absent: they do not, or have no images. */
  hasThisKernel?(): Promise<boolean>;
  /** The same runtime under another kernel. Absent: its machines have this machine's. */
  withKernel?(word: string): Runtime;
  /** Since `prepare`, a lab may leave something to the next one: ends that. After a lab that went wrong, and when no other follows. */
  end?(): Promise<void>;
  /** Removes what labs of dead processes left behind. One sentence for each thing removed. */
  clean?(): Promise<string[]>;
}

/** What is known of a lab before it is up. */
export interface Prepared {
  /** As `uname -r` says, where it is not this machine's. */
  kernel?: string;
  /** Where it was measured, because the machines may be much slower than this one. */
  capacity?: Capacity;
}

/** How quick machines are: complete connections (made, answered, closed) a second, through plain routing. */
export interface Capacity {
  connectionsPerS: number;
  /** Of this machine itself: it says how very many connections are spread over time, and nothing else. */
  own?: true;
}

/** Images by the role of the machines that are made of them; "base" is what ours are built on. */
export type Images = Readonly<Partial<Record<Role | "base", string>>>;

export interface Lab extends AsyncDisposable {
  [Symbol.asyncDispose](): Promise<void>;
  runtime: string;
  topology: Topology;
  /** Machines by name, and "fabric". */
  host(name: string): Host;
  /** The machine's network with the lab's own tools: for wiring, whatever the machine's own file system lacks. */
  wiring(name: string): Host;
  /** Path, in the machines, of one of our own programs. */
  program(name: "traffic" | "nfqueue-lb" | "xdp-lb"): string;
  /** What the machines were made of, for the record. */
  images?: Readonly<Record<string, string>>;
  /** Settles when the lab has broken or has been taken down, with what has ended. */
  ended: Promise<string>;
}

export interface Host {
  name: string;
  /** Runs to the end. A non-zero exit throws CommandError unless `check` is false. */
  exec(argv: readonly string[], options?: ExecOptions): Promise<Output>;
  spawn(argv: readonly string[], options?: SpawnOptions): Process;
}

export interface SpawnOptions {
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  input?: string | Uint8Array;
  keepStdin?: boolean;
  tty?: { rows: number; columns: number };
  onStdout?: (chunk: Buffer) => void;
  onStderr?: (chunk: Buffer) => void;
}

export interface ExecOptions extends SpawnOptions {
  /** false: a non-zero exit is returned instead of thrown. */
  check?: boolean;
  /** 30 s unless told. */
  timeoutMs?: number;
}

export interface Exit {
  /** null when ended by a signal. */
  code: number | null;
  signal: number;
  userUs: number;
  systemUs: number;
}

export interface Output extends Exit {
  stdout: string;
  stderr: string;
}

export interface Process {
  /** Rejects when the program could not be started or the lab is gone. */
  exited: Promise<Exit>;
  write(data: Uint8Array): void;
  closeStdin(): void;
  /** To the process group. */
  signal(number: number): void;
  resize(rows: number, columns: number): void;
}

/** The lab could not be built, or broke: exit code 3. */
export class LabError extends Error {
  override name = "LabError";
}

/** What a lab is made of cannot be had: where there are others to go on with, a skip. */
export class Unavailable extends LabError {
  override name = "Unavailable";
}

/** A command in a machine failed. */
export class CommandError extends LabError {
  override name = "CommandError";
  readonly machine: string;
  readonly argv: readonly string[];
  readonly output: Output;

  constructor(machine: string, argv: readonly string[], output: Output) {
    const how = output.code === null ? `was ended by signal ${output.signal}` : `failed with exit code ${output.code}`;
    const said = (output.stderr.trim() || output.stdout.trim()).slice(-2000);
    super(`'${argv.join(" ").slice(0, 200)}' in machine '${machine}' ${how}${said ? `: ${said}` : "."}`);
    this.machine = machine;
    this.argv = argv;
    this.output = output;
  }
}
