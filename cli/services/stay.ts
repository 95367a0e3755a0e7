import { mkdirSync } from 'node:fs';

/** The programs' own folders lie in it, each closed to everybody else; the agent's user must get through. */
export function makeStateFolder(state: string): void {
  mkdirSync(state, { recursive: true, mode: 0o755 });
}

/** Set for a program that another one started: it ends with its parent, also where that was killed. */
export const childMark = 'HOLDFAST_CHILD';

/** Until SIGTERM or SIGINT, or the end of the parent. */
export function untilEnded(): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      // An open pipe would keep the process from ending.
      process.stdin.destroy();
      resolve();
    };
    process.once('SIGTERM', end).once('SIGINT', end);
    // Only a parent holds the other end: when it is gone, so are we.
    if (process.env[childMark] !== undefined) process.stdin.once('end', end).resume();
  });
}
