// SPDX-License-Identifier: Apache-2.0
// What a command is. All that is said about it, and all that is checked, is derived from this.
import { z } from "zod";
import type { Catalog } from "../plan/catalog.ts";
import { flag, option, text } from "../plan/option.ts";

export type Shape = Readonly<Record<string, z.ZodType>>;

/** The surroundings of a command: nothing below reads them from the process. */
export interface Surroundings {
  env: Readonly<Record<string, string | undefined>>;
  /** Folder where a configuration file is looked for. */
  cwd: string;
  print: (text: string) => void;
  signal: AbortSignal;
}

export interface Context extends Surroundings {
  catalog: Catalog;
  commands: readonly Command[];
  /** Options that somebody gave, and where: the others have their defaults. */
  given: ReadonlyMap<string, string>;
  /** Variables of the environment that options come from. */
  variables: Readonly<Record<string, string>>;
  /** As the user typed it. */
  commandLine: readonly string[];
  /** What follows the positionals of a command with `rest`. */
  rest: readonly string[];
}

interface Definition<P extends Shape, O extends Shape> {
  name: string;
  summary: string;
  /** In order. An array takes all that are left; only the last may be one. */
  positionals: P;
  options: O;
  /** [words behind the program's name, what they do] */
  examples: readonly (readonly [words: string, text: string])[];
  /** "PROGRAM [ARGUMENTS..]": words of another program that follow the positionals, taken as they are. */
  rest?: string;
  /** For the program itself: not in help and completion. */
  hidden?: boolean;
  /** Returns the exit code. Loads what it needs. */
  run(args: Values<P> & Values<O>, context: Context): Promise<number> | number;
}

export type Values<S extends Shape> = { [K in keyof S]: z.infer<S[K]> };

export interface Command extends Omit<Definition<Shape, Shape>, "run"> {
  /** Options of its own and of every command. */
  options: Shape;
  schema: z.ZodObject;
  run(args: Record<string, unknown>, context: Context): Promise<number> | number;
}

/** Every command has these. */
export const commonShape = {
  config: option(text().optional(), {
    group: "General",
    about: "configuration file",
    expects: "a file",
    defaultText: "load-balancer.config.ts or .json in the working directory, if present",
    names: "file",
  }),
  printConfig: option(flag(), {
    group: "General",
    about: "print the options in force and their sources; run nothing",
  }),
  help: option(flag(), { group: "General", about: "print this help", short: "h" }),
};

export function defineCommand<const P extends Shape, const O extends Shape>(definition: Definition<P, O>): Command {
  const options = { ...definition.options, ...commonShape };
  return {
    ...definition,
    options,
    schema: z.strictObject({ ...definition.positionals, ...options }),
    run: (args, context) => definition.run(args as Values<P> & Values<O>, context),
  };
}
