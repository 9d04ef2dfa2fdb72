// SPDX-License-Identifier: Apache-2.0
import type { z } from "zod";
import type { KernelLimits } from "../host/limits.ts";
import type { FaultSubject, GuestInfo } from "../record/schema.ts";
import type { Role, Topology } from "../topology/topology.ts";
import type { Clock } from "../util/clock.ts";

/** What holds of a runtime's machines. Whoever has to do one thing or another asks these, never a runtime's name. */
export interface Traits {
  /**
   * Whose kernel the machines have: this machine's; one that was chosen for the lab, whose routers can be asked about it once it is up;
   * or one elsewhere, about which nobody can be asked.
   */
  kernel: "this" | "chosen" | "elsewhere";
  /** Tools and programs are those that are installed on this machine. Else the machines have file systems of their own. */
  toolsAreHosts: boolean;
  /** Our programs are those of this machine's build folder. Else they were compiled in an image. */
  programsAreHosts: boolean;
  /** What root may do on routers: everything, what a user namespace allows, or networking and these capabilities ("SYS_ADMIN"). */
  privileges: "all" | "user namespace" | readonly string[];
  /** Machines have all device files, or only those of this machine that were asked for. */
  deviceFiles: "all" | "on request";
  /** The machines' processes descend from this one, so that their share of the CPUs is known. */
  processesAreOurs: boolean;
  /** Numbers of targets that come up in seconds each, for measurements of the lab itself. */
  benchSizes: readonly number[];
}

/** Where a balancer is to run, as far as that is known: a runtime, or a lab that is up. */
export interface Place {
  traits: Traits;
  /** A router of a lab that is up, in which a kernel that was chosen can be asked what it has. */
  router?: Host & Pick<Lab, "program">;
}

/** Creates the lab's machines (namespaces, containers, a virtual machine). */
export interface Runtime {
  readonly name: string;
  readonly traits: Traits;
  /** What can be said about its machines, a strict object schema: `--image`, `--capability` and `--kernel` by name. */
  readonly options: z.ZodObject;
  /** The same runtime with these options, which fit `options` and are not parsed yet. */
  configured(given: Record<string, unknown>): Runtime;
  /** Those options; absent: none were given. */
  readonly given?: Readonly<Record<string, unknown>>;
  /** One sentence for each thing this machine lacks for it, with the remedy. Empty: it can run. */
  missing(): Promise<string[]>;
  /** Fetches and makes what labs need, once for several of them. Throws UsageError, Unavailable or, when it breaks, LabError. */
  prepare(signal: AbortSignal, note: (text: string) => void): Promise<Session>;
  /** One lab by itself: `prepare`, the session's `up`, and its end with the lab. */
  up: BringUp;
  /** The machines that its labs are spread over, for a lab of this plan; once nothing is missing. Absent: it is this one. */
  nodes?(topology: Topology): Promise<RuntimeNode[]>;
  /** Removes what labs of dead processes left behind. One sentence for each thing removed. */
  clean(): Promise<string[]>;
}

/** A machine that labs are spread over. */
export interface RuntimeNode {
  name: string;
  /** What it is: "manager, 2 CPUs, 24,105 MiB, kernel 6.1, Docker 20.10". */
  about: string;
  cpus: number;
  /** null: it cannot be asked before the first lab is up, which brings what asks. */
  limits: KernelLimits | null;
  /** Which part of the lab's machines of each role it has, from 0 to 1. */
  share: Readonly<Record<Role, number>>;
}

/** "a: manager, 2 CPUs, 24,105 MiB, kernel 6.1, Docker 20.10; testers, targets". */
export function nodeText({ name, about, share }: RuntimeNode): string {
  const roles = Object.entries(share).flatMap(([role, part]) => (part > 0 ? [`${role}s`] : []));
  return `${name}: ${about}; ${roles.join(", ") || "no machines"}`;
}

/**
 * Resolves with a lab that is up; disposing of it leaves nothing behind. Throws LabError when the lab cannot be built; then nothing is left.
 * `note` is told what takes long.
 */
export type BringUp = (
  topology: Topology,
  signal: AbortSignal,
  note?: (text: string) => void,
  run?: OfRun,
) => Promise<Lab>;

/** What a lab is told of the run that it is for. */
interface OfRun {
  /** Folder for what machines say. */
  logs?: string;
  /** Decides the machines' own randomness, where that can be chosen. */
  seed?: number;
  /** In virtual time: a socket for gdb, at which the guest waits. */
  gdb?: string;
}

/** A runtime that is ready for labs, one after the other. One may leave something to the next, until the session ends. */
export interface Session extends AsyncDisposable {
  [Symbol.asyncDispose](): Promise<void>;
  readonly runtime: Runtime;
  readonly prepared: Prepared;
  /** What the time is before a lab is up. */
  readonly clock: Clock;
  up: BringUp;
  /** Ends what the last lab has left: after one that went wrong, and before labs of another session. */
  clear(): Promise<void>;
}

/** What is known of a lab before it is up. */
interface Prepared {
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
  /** Messages a second of open connections that it carries without a queue. Absent: a share of what it opens. */
  messagesPerS?: number;
}

/** Images by the role of the machines that are made of them; "base" is what ours are built on. */
export type Images = Readonly<Partial<Record<Role | "base", string>>>;

export interface Lab extends AsyncDisposable {
  [Symbol.asyncDispose](): Promise<void>;
  /** Name of its runtime, and what holds of its machines. */
  runtime: string;
  traits: Traits;
  topology: Topology;
  /** The time that passes in it. */
  clock: Clock;
  /** Machines by name, and the parts of the fabric. */
  host(name: string): Host;
  /** Name of the part of the fabric in which a machine's links end. Absent: it is in one piece, "fabric". See fabric.ts. */
  fabricOf?(machine: string): string;
  /** The machine's network with the lab's own tools: for wiring, whatever the machine's own file system lacks. */
  wiring(name: string): Host;
  /** Path, in the machines, of one of our own programs. */
  program(name: string): string;
  /**
   * The initial namespaces of the machines' kernel, where that is the lab's own: for what one setting decides for all of them. Whoever
   * takes it may change the kernel, so that no other lab gets it. Absent: the kernel is others' too.
   */
  kernel?(): Host;
  /** The nodes that it is spread over. Absent: it is on one. */
  nodes?: LabNodes;
  /** What the machines were made of, for the record. */
  images?: Readonly<Record<string, string>>;
  /** In virtual time: all that what happens in it depends on, besides what is done to it. */
  guest?: GuestInfo;
  /** Settles when the lab has broken or has been taken down, with what has ended. */
  ended: Promise<string>;
}

export interface Host {
  name: string;
  /** Runs to the end. A non-zero exit throws CommandError unless `check` is false. */
  exec(argv: readonly string[], options?: ExecOptions): Promise<Output>;
  spawn(argv: readonly string[], options?: SpawnOptions): Process;
  /** The lab's. */
  clock: Clock;
  /** The lab's time of a moment that a program of the machine tells, by the machine's own CLOCK_MONOTONIC; ns. Absent: they are one. */
  labTime?: (t: number) => number;
}

/** The nodes of a lab, by their names. */
export interface LabNodes {
  /** The node of each machine. */
  byMachine: Readonly<Record<string, string>>;
  /** How far a node's clock is ahead of this machine's, and by how much that may be wrong. */
  clocks(): Record<string, { offsetNs: number; errorNs: number }>;
  /** This file of /proc on each; nodes that have one kernel, on one machine, are read once. */
  read(file: string): Promise<string[]>;
  /** What went from each to each other. Once nothing moves, what has not arrived was lost. */
  crossed(): Promise<Crossed[]>;
}

/** Packets that one node of a lab sent to another one, and those of them that arrived, since the lab came up. */
export interface Crossed {
  from: string;
  to: string;
  sent: number;
  received: number;
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
  /** What broke, where it is known. */
  readonly about?: FaultSubject;

  constructor(message: string, options: ErrorOptions & { about?: FaultSubject } = {}) {
    super(message, options);
    if (options.about) this.about = options.about;
  }
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
