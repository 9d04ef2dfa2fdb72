// SPDX-License-Identifier: Apache-2.0
/** Why the system refused, in words: "no such file or folder". */
export function systemReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return (code && SYSTEM_REASONS[code]) || (message.split("\n")[0] ?? "");
}

const SYSTEM_REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder",
  ENOTDIR: "a part of its path is not a folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EEXIST: "it exists already",
  EISDIR: "it is a folder",
  EFBIG: "the file is larger than 'ulimit -f' or the file system allows",
  EROFS: "read-only file system",
  ENOSPC: "the disk is full",
  EDQUOT: "the user's share of the disk is full",
  EMFILE: "too many open files. Raise 'ulimit -n'",
  ENFILE: "too many open files on this machine",
};

/** Wrong usage or bad configuration: exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
}
