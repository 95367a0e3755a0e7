import { execFile, execFileSync } from 'node:child_process';
import { chmod, chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeExec } from './fake-exec.fixture.ts';
import { type SqsStub, startSqsStub } from './sqs-stub.fixture.ts';

let folder: string;
let hub: SqsStub;
let exec: FakeExec;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-drop-'));
  await chmod(folder, 0o755);
  hub = await startSqsStub();
  exec = new FakeExec();
  await exec.listen(join(folder, 'exec.sock'));
  await chmod(join(folder, 'exec.sock'), 0o666);
});

afterEach(async () => {
  await exec.close();
  await hub.close();
  await rm(folder, { recursive: true });
});

/** What an agent says of itself after it gave up root. */
async function runChild(queueConfig: object): Promise<{ groups: number[] }> {
  const config = {
    relay: 'mx1',
    ...queueConfig,
    user: 'no-such-user',
    maillogs: [join(folder, 'mail.log')],
    instances: [{ name: 'postfix', configDirectory: '/etc/postfix' }],
    execSocket: join(folder, 'exec.sock'),
  };
  const child = join(import.meta.dirname, 'drop-child.fixture.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [child, JSON.stringify(config), folder]);
  return JSON.parse(stdout);
}

const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)(`dropping privileges${isRoot ? '' : ' (left out: needs root)'}`, () => {
  it('loads the whole credential chain of AWS while it still may', async () => {
    const { accessKeyId: _, secretAccessKey: __, ...withoutKeys } = hub.config;
    expect(await runChild(withoutKeys)).toMatchObject({ root: 'gone', late: [] });
  }, 20_000);

  it('keeps no way back to root, reads no module afterwards, and works', async () => {
    const nobody = Number(execFileSync('id', ['-u', 'nobody'], { encoding: 'utf8' }));
    const adm = Number(execFileSync('getent', ['group', 'adm'], { encoding: 'utf8' }).split(':')[2]);
    const line = (id: number) =>
      `Nov 24 10:00:00 mx postfix/smtpd[1]: ABCDE${id}: client=x[192.0.2.1], sasl_method=PLAIN, sasl_username=thief\n`;
    await writeFile(join(folder, 'mail.log'), [1, 2, 3, 4, 5, 6].map(line).join(''), { mode: 0o640 });
    await chown(join(folder, 'mail.log'), 0, adm);
    hub.command('no order');
    const left = await runChild(hub.config);
    expect(left).toMatchObject({ uid: nobody, root: 'gone', late: [], home: join(folder, 'agent') });
    expect(left.groups).toContain(adm);
    expect(left.groups).not.toContain(0);
    const state = await stat(join(folder, 'agent'));
    expect([state.uid, state.mode & 0o777]).toEqual([nobody, 0o700]);
    expect(hub.sent.get('events')).toHaveLength(1);
    expect(hub.sent.get('reports')?.some((body) => body.includes('"refused"'))).toBe(true);
  }, 20_000);
});
