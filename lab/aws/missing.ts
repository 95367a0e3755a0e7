import { spawnSync } from 'node:child_process';
import { globSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { toolPath } from '../run.ts';

/**
 * What keeps this machine from running the AWS servers, as one line that also says how to get it; undefined if nothing
 * does. Looks at the programs themselves, not at a package list.
 */
export function missingForAws(): string | undefined {
  const lacking: string[] = [];
  if (javaHome() === undefined) lacking.push('a JDK of 17 or newer (apt-get install openjdk-17-jdk-headless)');
  if (!answers('mvn', ['-version'])) lacking.push('maven (apt-get install maven)');
  if (python313() === undefined) lacking.push('python3.13 (pyenv install 3.13)');
  if (!answers('setsid', ['--version'])) lacking.push('setsid (Linux: apt-get install util-linux)');
  return lacking.length === 0 ? undefined : `the AWS servers need ${lacking.join(', ')}`;
}

/** The JDK that `javac` belongs to. */
export function javaHome(): string | undefined {
  const version = spawnSync('javac', ['-version'], { encoding: 'utf8' });
  const [, major] = /^javac (\d+)/.exec(version.stdout ?? '') ?? [];
  if (major === undefined || Number(major) < 17) return undefined;
  const found = toolPath.split(':').flatMap((folder) => globSync(join(folder, 'javac')))[0];
  return found === undefined ? undefined : dirname(dirname(realpathSync(found)));
}

/** LocalStack 4.14 runs on exactly this Python. Debian 12 has none; pyenv keeps its own beside the one it puts first. */
export function python313(): string | undefined {
  const pyenv = process.env['PYENV_ROOT'] ?? join(homedir(), '.pyenv');
  const candidates = ['python3.13', ...globSync(join(pyenv, 'versions/3.13*/bin/python3.13')).sort().reverse()];
  return candidates.find((each) => answers(each, ['-c', 'import venv, ensurepip']));
}

function answers(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}
