// SPDX-License-Identifier: Apache-2.0
import { backendCommand } from "./backend.ts";
import { benchCommand } from "./bench.ts";
import { compareCommand } from "./compare.ts";
import { doctorCommand } from "./doctor.ts";
import { gateCommand } from "./gate.ts";
import { completionCommand, helpCommand, versionCommand } from "./help.ts";
import { kernelsCommand } from "./kernels.ts";
import { listCommand } from "./list.ts";
import { maglevCommand } from "./maglev.ts";
import { matrixCommand } from "./matrix.ts";
import { replayCommand } from "./replay.ts";
import { reproduceCommand } from "./reproduce.ts";
import {
  analyzeCommand,
  cleanCommand,
  explainCommand,
  exportCommand,
  mergeCommand,
  reportCommand,
  resultsCommand,
} from "./results.ts";
import { scenarioCommand } from "./scenario.ts";
import {
  execCommand,
  keepCommand,
  lookupCommand,
  scaleCommand,
  shellCommand,
  startCommand,
  statusCommand,
  stopCommand,
  watchCommand,
} from "./session.ts";
import { simulateCommand } from "./simulate.ts";
import { testCommand } from "./test.ts";
import { topologyCommand } from "./topology.ts";

/** Every command, in the order of the help. */
export const commands = [
  testCommand,
  compareCommand,
  benchCommand,
  matrixCommand,
  gateCommand,
  simulateCommand,
  reproduceCommand,
  maglevCommand,
  startCommand,
  stopCommand,
  statusCommand,
  execCommand,
  shellCommand,
  scaleCommand,
  lookupCommand,
  watchCommand,
  listCommand,
  doctorCommand,
  topologyCommand,
  scenarioCommand,
  kernelsCommand,
  backendCommand,
  reportCommand,
  explainCommand,
  exportCommand,
  resultsCommand,
  replayCommand,
  mergeCommand,
  analyzeCommand,
  cleanCommand,
  helpCommand,
  versionCommand,
  completionCommand,
  keepCommand,
];
