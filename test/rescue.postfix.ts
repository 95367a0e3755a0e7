import { execFile, spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LabPostfix, startAllPostfix } from '../lab/postfix.ts';
import { readQueue, type TruthFile } from '../lab/queue-truth.ts';
import { describeWithPostfix } from '../lab/real-parts.ts';
import { mustRun } from '../lab/run.ts';
import { openSession } from '../lab/smtp-client.ts';

const main = join(import.meta.dirname, '../cli/main.ts');
const users = ['thief', 'Thief@lab.test', 'alice', 'bob'].map((login) => ({ login, password: 'secret' }));
const stolen = 30;
const owned = 3;
/** A service of the second relay whose restrictions stand in master.cf. */
const ownSettingsPort = 2588;

describeWithPostfix('rescue on two relays’ queues of which half is one account’s', () => {
  let folder: string;
  let relays: LabPostfix[];
  /** Queue IDs of what the owner sent from his own network. */
  const ownersIds = new Set<string>();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-rescue-'));
    await chmod(folder, 0o755);
    const common = { users, realm: 'lab.test', deferTransports: true };
    relays = await startAllPostfix([
      { ...common, directory: join(folder, 'a'), name: 'rsa', address: '127.0.0.41' },
      {
        ...common,
        directory: join(folder, 'b'),
        name: 'rsb',
        address: '127.0.0.42',
        longQueueIds: false,
        extraMaster: [
          `127.0.0.42:${ownSettingsPort} inet n - n - - smtpd`,
          '  -o smtpd_sender_restrictions=reject_unlisted_sender,permit',
        ],
      },
    ]);
    for (const relay of relays) {
      await send(relay, 'thief', '127.66.0.1', stolen / 2, (n) => `forged${n}@elsewhere.test`);
      await send(relay, 'Thief@lab.test', '127.66.9.1', stolen / 2, (n) => `forged${n}@other.test`);
      for (const id of await send(relay, 'thief', '127.20.0.5', owned, () => 'thief@lab.test')) ownersIds.add(id);
      await send(relay, 'alice', '127.20.0.6', stolen / 2, () => 'alice@lab.test');
      await send(relay, 'bob', '127.66.0.1', stolen / 2, (n) => (n === 0 ? 'forged0@elsewhere.test' : 'bob@lab.test'));
    }
    // At rest: nothing is tried any more.
    while ((await queued()).some(({ queue }) => queue !== 'deferred')) await sleep(100);
  });
  afterAll(async () => {
    await Promise.all((relays ?? []).map((relay) => relay.stop()));
    await rm(folder, { recursive: true, force: true });
  });

  async function send(
    relay: LabPostfix,
    login: string,
    localAddress: string,
    count: number,
    from: (n: number) => string,
  ) {
    const { host, port } = relay;
    const session = await openSession({ host, port, login, password: 'secret', localAddress });
    const ids: string[] = [];
    for (let n = 0; n < count; n++) {
      const to = [`r${n}@far.test`, `s${n}@far.test`];
      ids.push(await session.send({ from: from(n), to, raw: `Subject: ${n}\r\n\r\nsasl_username=alice\r\n` }));
    }
    await session.close();
    return ids;
  }
  const queued = async (): Promise<TruthFile[]> =>
    (await Promise.all(relays.map((relay) => readQueue(relay.queueDirectory)))).flatMap((files) => [...files.values()]);
  const print = (files: readonly TruthFile[]) => files.map((file) => `${file.path} ${file.sha256}`).sort();
  const isThiefs = (file: TruthFile) => /^thief(@lab\.test)?$/i.test(file.saslUsername ?? '');
  const innocent = async () => print((await queued()).filter((file) => !isThiefs(file)));

  function argvOf(args: readonly string[]): string[] {
    const directories = relays.flatMap(({ configDirectory }) => ['--config-directory', configDirectory]);
    return [main, '--state', join(folder, 'state'), 'rescue', ...directories, '--realm', 'lab.test', ...args];
  }

  /** Types `answer` once the question is there. @returns what stands on the terminal at the end */
  function rescueAtTerminal(args: readonly string[], answer: string): Promise<string> {
    const command = [process.execPath, ...argvOf(args)].join(' ');
    const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    let screen = '';
    let isAnswered = false;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      screen += text;
      if (isAnswered || !screen.includes('To purge, type thief@lab.test:')) return;
      isAnswered = true;
      child.stdin.write(`${answer}\n`);
    });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', () => resolve(screen));
    });
  }

  function rescue(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const argv = argvOf(args);
    return new Promise((resolve) => {
      const child = execFile(process.execPath, argv, (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code), out, err });
      });
      child.stdin?.end();
    });
  }

  test('without an order it ranks the accounts, says which looks stolen and why, and touches nothing', async () => {
    const before = print(await queued());
    const { code, out } = await rescue('--json');
    const { queues, ofNobody, logs, accounts } = JSON.parse(out);
    expect(code).toBe(1);
    expect(logs).toEqual(relays.map(({ maillog }) => maillog));
    expect(ofNobody).toBe(0);
    expect(queues).toEqual({ incoming: 0, active: 0, deferred: before.length, hold: 0 });
    expect(accounts.map((each: { account: string }) => each.account)).toEqual([
      'thief@lab.test',
      'alice@lab.test',
      'bob@lab.test',
    ]);
    const thiefs = 2 * (stolen + owned);
    expect(accounts[0]).toMatchObject({
      logins: expect.arrayContaining(['thief', 'Thief@lab.test']),
      queued: thiefs,
      held: 0,
      recipients: 2 * thiefs,
      shareOfQueue: thiefs / before.length,
      senders: { different: stolen + 1 },
      networks: { different: 3 },
      logged: { submissions: thiefs, recipients: 2 * thiefs },
    });
    expect(accounts[0].looksStolen.map((each: { from: string; rule: string }) => [each.from, each.rule])).toEqual([
      ['queue', 'sender-rotation'],
      ['log', 'sender-rotation'],
    ]);
    expect(accounts[1].looksStolen).toEqual([]);
    const people = await rescue();
    expect(people.out).toMatch(/^thief@lab\.test +66 +\d+\.\d % .*LOOKS STOLEN$/m);
    expect(people.out).toMatch(/sender-rotation \(critical\), seen in the queue .* envelope senders in \d+ messages/);
    expect(print(await queued())).toEqual(before);
  });

  test('I3: hold takes every mail of the account, under all its spellings, and no other', async () => {
    const before = await innocent();
    const { code, out } = await rescue('--hold', 'Thief', '--json');
    expect({ code, ...JSON.parse(out) }).toMatchObject({
      code: 0,
      account: 'thief@lab.test',
      verified: true,
      counts: { held: 2 * (stolen + owned) },
      held: 2 * (stolen + owned),
      outsideHold: 0,
    });
    for (const file of await queued()) expect(file.queue).toBe(isThiefs(file) ? 'hold' : 'deferred');
    expect(await innocent()).toEqual(before);
    expect(JSON.parse((await rescue('--hold', 'thief', '--json')).out)).toMatchObject({ counts: {}, verified: true });
  });

  test('the lines it prints stop new mail: run by a shell, the account’s next mail is held, others’ is not', async () => {
    const stops = async () => JSON.parse((await rescue('--hold', 'thief', '--json')).out).stop;
    // The lab wires the map in as an installed agent does.
    expect((await stops()).map((stop: { commands: string[] }) => stop.commands.length)).toEqual([2, 4]);
    for (const { configDirectory } of relays) {
      const settings = ['smtpd_sender_restrictions = reject_unlisted_sender', 'smtpd_end_of_data_restrictions ='];
      await mustRun('postconf', ['-c', configDirectory, '-e', ...settings]);
    }
    for (const { commands, notes } of await stops()) {
      expect(notes.join()).toContain('ss -K');
      for (const command of commands) await mustRun('sh', ['-ec', command]);
    }
    for (const { configDirectory } of relays) {
      const { stdout } = await mustRun('postconf', ['-c', configDirectory, '-h', 'smtpd_sender_restrictions']);
      expect(stdout).toMatch(/^check_sasl_access lmdb:\S+, reject_unlisted_sender\n$/);
    }
    const [first, second] = relays;
    if (first === undefined || second === undefined) throw new Error('no relays');
    const places = [
      { relay: first, port: first.port },
      { relay: second, port: second.port },
      { relay: second, port: ownSettingsPort },
    ];
    for (const { relay, port } of places) {
      const [id] = await send({ ...relay, port }, 'Thief@lab.test', '127.66.0.1', 1, () => 'new@elsewhere.test');
      const [other] = await send({ ...relay, port }, 'alice', '127.66.0.1', 1, () => 'alice@lab.test');
      const at = async (queueId = '') => (await readQueue(relay.queueDirectory)).get(queueId)?.queue;
      expect(await at(id), `${relay.name}:${port}`).toBe('hold');
      await expect.poll(() => at(other)).toBe('deferred');
    }
    expect((await stops()).map((stop: { commands: string[] }) => stop.commands.length)).toEqual([2, 2]);
    await mustRun('postconf', ['-c', first.configDirectory, '-e', 'smtpd_proxy_filter = 127.0.0.1:1']);
    const [proxied] = await stops();
    expect(proxied.commands[1]).toContain('thief@lab.test 421 4.7.0');
    expect(proxied.notes.join()).toContain('HOLD does not exist before it');
    await mustRun('postconf', ['-c', first.configDirectory, '-e', 'smtpd_proxy_filter =']);
  });

  test('I4: purge shows what it would take, and without a selection or the account’s name purges nothing', async () => {
    const before = print(await queued());
    const unselected = await rescue('--purge', 'thief');
    expect(unselected).toMatchObject({ code: 2, out: expect.stringContaining('to be purged: 0 messages') });
    expect(unselected.out).toMatch(/127\.66\.0\.0\/24 \(\d+\).*127\.20\.0\.0\/24 \(6\)/);
    for (const args of [[], ['--confirm', 'alice'], ['--confirm', '']]) {
      const refused = await rescue('--purge', 'thief', '--select', 'client=127.66.0.0/16', ...args);
      expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('nothing was purged') });
      expect(refused.out).toContain(`to be purged: ${2 * stolen + 3} messages`);
      expect(refused.out).toContain(`would stay: ${2 * owned} messages`);
    }
    expect(print(await queued())).toEqual(before);
  });

  test('I12: a confirmed purge takes the selected alone; what stays is released to the owner', async () => {
    const before = await innocent();
    // At a terminal, which script(1) is.
    const typed = await rescueAtTerminal(['--purge', 'thief', '--select', 'sender=new@elsewhere.test'], 'Thief');
    expect(typed).toContain('3 messages purged');
    const selected = ['--select', 'all', '--keep', 'client=127.20.0.0/24'];
    const purged = await rescue('--purge', 'thief', ...selected, '--confirm', 'thief@lab.test', '--json');
    expect({ code: purged.code, ...JSON.parse(purged.out) }).toMatchObject({
      code: 0,
      purged: 2 * stolen,
      left: 0,
      verified: true,
      stays: { messages: 2 * owned, networks: [['127.20.0.0/24', 2 * owned]] },
    });
    const left = (await queued()).filter(isThiefs);
    expect(new Set(left.map(({ queueId }) => queueId))).toEqual(ownersIds);
    expect(left.every(({ queue }) => queue === 'hold')).toBe(true);
    expect(await innocent()).toEqual(before);
    const released = await rescue('--release', 'thief', '--json');
    expect(JSON.parse(released.out)).toMatchObject({ released: 2 * owned, verified: true });
    expect((await queued()).some(({ queue }) => queue === 'hold')).toBe(false);
  });

  test('usage: two acts at once, a selection of nobody, a folder without Postfix', async () => {
    expect((await rescue('--hold', 'a', '--purge', 'a')).code).toBe(2);
    expect((await rescue('--select', 'all')).code).toBe(2);
    expect((await rescue('--config-directory', 'etc')).code).toBe(2);
    expect((await rescue('--config-directory', '/nonexistent')).code).toBe(2);
  });
});
