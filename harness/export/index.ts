// SPDX-License-Identifier: Apache-2.0
import { connections } from "./connections.ts";
import { events } from "./events.ts";
import type { TABLES } from "./names.ts";
import { latency, samples } from "./samples.ts";
import type { Table } from "./table.ts";

/** Every table by its name. */
export const tables: Readonly<Record<(typeof TABLES)[number], Table>> = { connections, events, samples, latency };
