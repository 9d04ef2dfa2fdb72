// SPDX-License-Identifier: Apache-2.0
// From the words behind the program's name to the exit code of a command.
import { allCases, type Catalog } from "../plan/catalog.ts";
import { flagName, valueText } from "../plan/option.ts";
import { UsageError } from "../util/errors.ts";
import { PROGRAM } from "../util/typed.ts";
import { type Command, commonShape, type Surroundings } from "./command.ts";
import { loadConfig } from "./config.ts";
import { commandHelp, findCommand } from "./help.ts";
import { type Resolved, resolve } from "./layers.ts";
import { readWords } from "./words.ts";

/** Returns the exit code. Throws UsageError for words that do not fit, before anything is done. */
export async function dispatch(
  commands: readonly Command[],
  catalog: Catalog,
  argv: readonly string[],
  around: Surroundings,
): Promise<number> {
  const [name, ...words] = asCommand(argv);
  if (name === undefined) throw new UsageError(`Name a command: '${PROGRAM} help' lists them.`);
  if (name.startsWith("-"))
    throw new UsageError(`There is no option ${name} before the command. See '${PROGRAM} help'.`);
  const cases = allCases(catalog).map((one) => one.name);
  const command = findCommand(commands, name, cases);
  const settable = new Set(catalog.backends.flatMap(({ options }) => Object.keys(options.shape)));
  const read = readWords(command, words, { commands, settable });
  if (read.options.help) {
    around.print(commandHelp(command));
    return 0;
  }
  const config = command.hidden
    ? null
    : await loadConfig(read.options.config as string | undefined, around.cwd, commands);
  const resolved = resolve(command, read, config, around.env);
  const { args, given, variables } = resolved;
  if (args.printConfig) {
    around.print(configText(command, resolved));
    return 0;
  }
  const context = {
    ...around,
    catalog: await withFiles(catalog, args.backend),
    commands,
    given,
    variables,
    commandLine: [PROGRAM, ...argv],
    rest: read.rest,
  };
  return command.run(args, context);
}

/** -h and -v are commands too; `start_nfqueue`, as xcluster's users type it, is `start nfqueue`. */
function asCommand(argv: readonly string[]): readonly string[] {
  const [first, second = "", ...more] = argv;
  if (first === "-h" || first === "--help") return ["help", ...argv.slice(1)];
  if (first === "-v" || first === "--version") return ["version"];
  if (first?.startsWith("start_")) return ["start", first.slice(6), ...argv.slice(1)];
  if (first === "test" && second.startsWith("start_")) return ["start", second.slice(6), ...more];
  return argv;
}

async function withFiles(catalog: Catalog, files: unknown): Promise<Catalog> {
  if (!Array.isArray(files) || files.length === 0) return catalog;
  const { withOutside } = await import("../plan/outside.ts");
  return { ...catalog, backends: await withOutside(catalog.backends, files as string[]) };
}

function configText(command: Command, { args, given }: Resolved): string {
  const rows = Object.keys(command.options)
    .filter((key) => !(key in commonShape))
    .map((key) => ({ option: flagName(key), value: args[key], from: given.get(key) ?? "default" }));
  if (args.json === true) {
    const options = rows.map(({ option, value, from }) => [option, { value: value ?? null, from }]);
    return `${JSON.stringify(Object.fromEntries(options), null, 2)}\n`;
  }
  const shown = rows.map((row) => ({
    ...row,
    value: valueText(row.value),
  }));
  const [wide, wider] = [
    Math.max(...shown.map(({ option }) => option.length)),
    Math.max(...shown.map(({ value }) => value.length)),
  ];
  return `${shown.map(({ option, value, from }) => `${option.padEnd(wide)}  ${value.padEnd(wider)}  ${from}`).join("\n")}\n`;
}
