// SPDX-License-Identifier: Apache-2.0
/** Connections a second that come besides those that last: every 2 ms tells whether new ones are served. */
export const ARRIVALS = 500;
