import { spawn } from 'node:child_process';

export interface ToolOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ToolOptions {
  readonly stdin?: string;
  readonly timeoutSeconds?: number;
}

/** More than any tool here prints: per-ID lines of one batch, a map's listing, the sockets of a busy host. */
const maxOutputBytes = 64 * 1024 * 1024;

/**
 * Runs one of Postfix's or iproute2's own tools: fixed argv, no shell, a bare environment, bounded output and time.
 * @throws Error naming the tool if it cannot be started, runs too long or prints too much
 */
export function runTool(file: string, argv: readonly string[], options: ToolOptions = {}): Promise<ToolOutput> {
  const { promise, resolve, reject } = Promise.withResolvers<ToolOutput>();
  const child = spawn(file, argv, { cwd: '/', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' } });
  const fail = (reason: string) => {
    child.kill('SIGKILL');
    reject(new Error(`${file}: ${reason}`));
  };
  const timeoutSeconds = options.timeoutSeconds ?? 60;
  const timer = setTimeout(() => fail(`no end after ${timeoutSeconds} s`), timeoutSeconds * 1000);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  let bytes = 0;
  const collect = (into: Buffer[]) => (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxOutputBytes) fail('prints too much');
    else into.push(chunk);
  };
  child.stdout.on('data', collect(stdout));
  child.stderr.on('data', collect(stderr));
  // A tool that ends early closes its stdin; what it reported before still counts.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.stdin ?? '');
  child.on('error', (error) => {
    clearTimeout(timer);
    reject(new Error(`${file}: ${error.message}`));
  });
  child.on('close', (code) => {
    clearTimeout(timer);
    resolve({ code: code ?? -1, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
  });
  return promise;
}

/** As {@link runTool}. @throws Error with the tool's own words if it ends with another code than 0 */
export async function runToolOrThrow(file: string, argv: readonly string[], options?: ToolOptions): Promise<string> {
  const output = await runTool(file, argv, options);
  if (output.code !== 0) throw new Error(`${file} ended with ${output.code}: ${output.stderr.trim().slice(0, 500)}`);
  return output.stdout;
}
