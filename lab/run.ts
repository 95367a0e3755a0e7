import { spawn } from 'node:child_process';

export interface RunResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where Debian keeps Postfix's and Cyrus' tools; a plain user's PATH often lacks them. */
export const toolPath = [process.env['PATH'], '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin']
  .filter((part) => part !== undefined && part !== '')
  .join(':');

/** Runs a program to its end: fixed argv, no shell, `input` on stdin. Rejects only if it cannot be started. */
export function run(command: string, args: readonly string[], input = ''): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { PATH: toolPath, LC_ALL: 'C' }, stdio: 'pipe' });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    // 'exit' would do for daemons, yet 'close' is what guarantees complete output; `postfix start` closes its own.
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.on('error', () => {
      // The program ended before it read its input: its exit code tells the story.
    });
    child.stdin.end(input);
  });
}

/** As {@link run}. @throws Error with the program's own words if it did not end with 0. */
export async function mustRun(command: string, args: readonly string[], input = ''): Promise<RunResult> {
  const result = await run(command, args, input);
  if (result.code !== 0) {
    const words = `${result.stderr}${result.stdout}`.trim().slice(0, 2000);
    throw new Error(`${command} ${args.join(' ')} ended with ${result.code}: ${words}`);
  }
  return result;
}
