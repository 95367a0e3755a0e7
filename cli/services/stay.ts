import { mkdirSync } from 'node:fs';

/** The programs' own folders lie in it, each closed to everybody else; the agent's user must get through. */
export function makeStateFolder(state: string): void {
  mkdirSync(state, { recursive: true, mode: 0o755 });
}

export function untilEnded(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve()).once('SIGINT', () => resolve());
  });
}
