// SPDX-License-Identifier: Apache-2.0
/** For the command line, which loads no table. */
export const TABLES = ["connections", "events", "samples", "latency"] as const;
export const TABLE_FORMATS = ["csv", "ndjson", "parquet"] as const;
