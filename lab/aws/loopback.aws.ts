import { readdir, readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { run } from '../run.ts';
import { describeOnAws } from './describe.ts';

await describeOnAws('the servers', 'pids', (pids) => {
  it('listen on loopback only: they check no credentials', async () => {
    const ours = new Set(await withChildren(pids));
    const { stdout } = await run('ss', ['-ltnpH']);
    const listening = stdout
      .split('\n')
      .filter((line) => [...line.matchAll(/pid=(\d+)/g)].some(([, pid]) => ours.has(Number(pid))))
      .map((line) => line.split(/\s+/)[3]?.replace(/:\d+$/, ''));
    expect(listening.length).toBeGreaterThanOrEqual(pids.length);
    expect(
      listening.filter((address) => !/^(127\.0\.0\.1|\[::ffff:127\.0\.0\.1\]|\[::1\])$/.test(address ?? '')),
    ).toEqual([]);
  });
});

/** LocalStack starts a DynamoDB Local of its own. */
async function withChildren(roots: readonly number[]): Promise<number[]> {
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    // The name in brackets before it may hold anything.
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const [, ppid] = /\) \S (\d+)/.exec(stat) ?? [];
    if (ppid !== undefined) parents.set(Number(name), Number(ppid));
  }
  const all = new Set(roots);
  for (const pid of all) for (const [child, parent] of parents) if (parent === pid) all.add(child);
  return [...all];
}
