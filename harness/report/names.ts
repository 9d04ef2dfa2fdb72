// SPDX-License-Identifier: Apache-2.0

/** Reporters of one run, of several, or of both. */
export const RUN_REPORTERS = ["terminal", "markdown", "junit", "ctrf", "html", "pcapng", "png"] as const;
export const SET_REPORTERS = ["terminal", "json", "markdown", "junit", "ctrf", "html", "github"] as const;
export const REPORTERS = [...new Set([...RUN_REPORTERS, ...SET_REPORTERS])].sort() as [string, ...string[]];

export const FIGURE_FORMATS = ["png", "svg", "pdf"] as const;
