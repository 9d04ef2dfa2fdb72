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
import { analyzeCommand, cleanCommand, exportCommand, mergeCommand, reportCommand, resultsCommand } from "./results.ts";
import {
  execCommand,
  keepCommand,
  scaleCommand,
  shellCommand,
  startCommand,
  statusCommand,
  stopCommand,
} from "./session.ts";
import { testCommand } from "./test.ts";
import { topologyCommand } from "./topology.ts";

/** Every command, in the order of the help. */
export const commands = [
  testCommand,
  compareCommand,
  benchCommand,
  matrixCommand,
  gateCommand,
  maglevCommand,
  startCommand,
  stopCommand,
  statusCommand,
  execCommand,
  shellCommand,
  scaleCommand,
  listCommand,
  doctorCommand,
  topologyCommand,
  kernelsCommand,
  backendCommand,
  reportCommand,
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
