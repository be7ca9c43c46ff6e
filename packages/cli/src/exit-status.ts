/**
 * Exit statuses of the command. `usage` is for a wrong command line, also a wrong value on it, and for a failure of a command that answers
 * with `failed`.
 */
export const exitStatus = { done: 0, failed: 1, usage: 2 } as const;
