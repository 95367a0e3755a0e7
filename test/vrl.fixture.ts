import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'vitest';

/** Vector's own VRL compiler and runtime as a Python extension; Vector itself comes from no package registry. */
const engine = 'vector-vrl==1.0.7';
const folder = join(import.meta.dirname, '../.cache/vector', engine.replace('==', '-'));
const python = join(folder, 'bin/python');
const script = join(import.meta.dirname, 'vrl.py');
const needed = 'Python 3.12 or newer with venv, and PyPI';

/** Why programs cannot run here, in one line; undefined where they can. Installs the engine once. */
function missing(): string | undefined {
  if (runs(python, ['-c', 'import vector_vrl'])) return undefined;
  const found = pythons().find((each) => runs(each, ['-c', 'import sys, venv; sys.exit(sys.version_info < (3, 12))']));
  if (found === undefined) return `a real VRL engine needs ${needed}`;
  mkdirSync(folder, { recursive: true });
  if (!runs(found, ['-m', 'venv', '--clear', folder]) || !runs(python, ['-m', 'pip', 'install', '-q', engine])) {
    return `a real VRL engine needs ${needed}: ${engine} could not be installed`;
  }
  return undefined;
}

function pythons(): string[] {
  const pyenv = process.env['PYENV_ROOT'] ?? join(homedir(), '.pyenv');
  const versions = globSync(join(pyenv, 'versions/3.*/bin/python3'));
  return ['python3', 'python3.13', 'python3.12', ...versions];
}

function runs(program: string, argv: readonly string[]): boolean {
  if (program.startsWith('/') && !existsSync(program)) return false;
  return spawnSync(program, argv, { stdio: 'ignore', timeout: 120_000 }).status === 0;
}

/** A suite that runs VRL. Left out, it says why; where CI is set it fails instead. */
export function describeWithVrl(name: string, suite: () => void): void {
  const lack = missing();
  if (lack === undefined) describe(name, suite);
  else if (process.env['CI']) {
    test(name, () => {
      throw new Error(lack);
    });
  } else describe.skip(`${name} (left out: ${lack})`, suite);
}

export type LogEvent = Readonly<Record<string, unknown>>;

/** What a program makes of each event. @throws Error with the engine's words, where it fails on one */
export function runVrl(program: string, events: readonly LogEvent[]): LogEvent[] {
  const answers: LogEvent[] = ask({ program, events });
  for (const { error } of answers) if (error !== undefined) throw new Error(String(error));
  return answers;
}

/** Compiles each program of a config; what is wrong with them, or undefined. */
export function configFault(config: unknown): string | undefined {
  const { ok, text }: { ok: boolean; text: string } = ask({ config });
  return ok ? undefined : text;
}

function ask<T>(job: object): T {
  const input = JSON.stringify(job);
  const { status, stdout, stderr } = spawnSync(python, [script], { input, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`the VRL engine failed: ${stderr}`);
  return JSON.parse(stdout);
}
