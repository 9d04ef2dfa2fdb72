// SPDX-License-Identifier: Apache-2.0
#ifndef LB_PRIVILEGES_H
#define LB_PRIVILEGES_H

/*
 * Gives up, for good, every capability but CAP_NET_ADMIN, which the kernel asks for at each verdict. To be
 * called before the first thread starts: capabilities belong to threads. Exits with a clear sentence when it
 * can't.
 */
void privileges_drop(void);

#endif
