/**
 * One burning relay: from the keystroke to the account's last message in hold, by `holdfast rescue --hold` and by the
 * pipeline that people type, on the same queue of real Postfix. Half of it is one account's, 50 messages under each
 * forged sender, one of which is a colleague's address. Root; N messages (10,000 where absent).
 *
 *     node bench/rescue.ts [N]
 *
 * When a message was held is its queue file's ctime. Files are warm: they were just written.
 */
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { realPostfix } from '../agent/exec/real.ts';
import { type LabPostfix, startPostfix } from '../lab/postfix.ts';
import { mustRun } from '../lab/run.ts';

const total = Number(process.argv[2] ?? 10_000);
const perSender = 50;
const sessions = 8;
/** The pipeline for each sender is given up after this time: what it has held by then is printed. */
const patienceMillis = 300_000;
const colleague = 'user1@lab.test';

const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
await chmod(folder, 0o755);
const relay = await startPostfix({
  directory: join(folder, 'r'),
  name: 'rescue',
  address: '127.0.0.43',
  realm: 'lab.test',
  users: ['thief', 'user1', 'user2', 'user3'].map((login) => ({ login, password: 'secret' })),
  deferTransports: true,
  // Nothing is tried again while we measure.
  extraMain: { queue_run_delay: '10h', minimal_backoff_time: '10h', maximal_backoff_time: '10h' },
});
try {
  const senders = await fill(relay);
  const thiefs = await idsOf('thief');
  console.log(`${total} messages queued, ${thiefs.size} of them thief's under ${senders.length} senders\n`);
  console.log("| way | first 1,000 held | all held | ended | thief's held | others held |");
  console.log('| --- | --- | --- | --- | --- | --- |');

  const main = join(import.meta.dirname, '../cli/main.ts');
  const place = ['--config-directory', relay.configDirectory];
  const rescue = ['--state', join(folder, 'state'), 'rescue', ...place, '--realm', 'lab.test', '--hold', 'thief'];
  await measure('holdfast rescue --hold', thiefs, () => run(process.execPath, [main, ...rescue]));

  const list = join(folder, 'senders');
  await writeFile(list, senders.map((sender) => `${sender}\n`).join(''));
  const queue = `postqueue -c ${relay.configDirectory} -p`;
  const cut = `cut -d' ' -f1 | tr -d '*!' | postsuper -c ${relay.configDirectory} -h -`;
  await measure('the pipeline once, had one a list of all senders', thiefs, () =>
    run('sh', ['-c', `${queue} | grep -F -f ${list} | ${cut}`]),
  );
  await measure(`the pipeline for each of ${senders.length} senders`, thiefs, async () => {
    const giveUpAt = Date.now() + patienceMillis;
    for (const sender of senders) {
      if (Date.now() > giveUpAt) return;
      await run('sh', ['-c', `${queue} | grep -F ${sender} | ${cut}`]);
    }
  });
} finally {
  await relay.stop();
  await rm(folder, { recursive: true, force: true });
}

async function measure(way: string, thiefs: ReadonlySet<string>, act: () => Promise<void>): Promise<void> {
  const start = Date.now();
  await act();
  const ended = Date.now() - start;
  const hold = join(relay.queueDirectory, 'hold');
  const ids = await readdir(hold);
  const ours = ids.filter((id) => thiefs.has(id));
  const times = (await Promise.all(ours.map(async (id) => (await stat(join(hold, id))).ctimeMs - start))).sort(
    (a, b) => a - b,
  );
  const seconds = (ms: number | undefined) => (ms === undefined ? '-' : `${(ms / 1000).toFixed(2)} s`);
  const [thousandth, last] = [seconds(times[999]), times.length === thiefs.size ? seconds(times.at(-1)) : 'never'];
  const others = ids.length - ours.length;
  console.log(`| ${way} | ${thousandth} | ${last} | ${seconds(ended)} | ${ours.length} | ${others} |`);
  await mustRun('postsuper', ['-c', relay.configDirectory, '-H', 'ALL']);
  await atRest();
}

/** @returns the senders that the thief forged */
async function fill({ openSession }: LabPostfix): Promise<string[]> {
  const forged = Array.from({ length: Math.ceil(total / 2 / perSender) }, (_, n) =>
    n === 0 ? colleague : `forged${n}@elsewhere${n}.test`,
  );
  const body = 'x'.repeat(70).concat('\r\n').repeat(25);
  let next = 0;
  const one = async (login: string, localAddress: string) => {
    const open = await openSession({ login, password: 'secret', localAddress });
    return {
      login,
      send: (from: string, n: number) =>
        open.send({ from, to: [`r${n}@far.test`], raw: `Subject: ${n}\r\n\r\n${body}` }),
      close: () => open.close(),
    };
  };
  await Promise.all(
    Array.from({ length: sessions }, async (_, at) => {
      const thief = await one('thief', `127.66.0.${at + 1}`);
      const user = await one(`user${(at % 3) + 1}`, `127.20.0.${at + 1}`);
      for (let n = next++; n < total; n = next++) {
        if (n % 2 === 0) await thief.send(forged[Math.floor(n / 2 / perSender)] ?? colleague, n);
        else await user.send(`${user.login}@lab.test`, n);
      }
      await thief.close();
      await user.close();
    }),
  );
  await atRest();
  return forged;
}

async function idsOf(login: string): Promise<Set<string>> {
  const postfix = await realPostfix([relay]);
  const ids = new Set<string>();
  for await (const file of postfix.scan(relay.name, ['deferred'])) if (file.login === login) ids.add(file.queueId);
  return ids;
}

/** Waits until every message lies in deferred. */
async function atRest(): Promise<void> {
  const waiting = async (queue: string) => (await readdir(join(relay.queueDirectory, queue))).length;
  while ((await waiting('incoming')) + (await waiting('active')) + (await waiting('hold')) > 0) await sleep(200);
}

function run(file: string, argv: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, argv, { stdio: ['ignore', 'ignore', 'ignore'] });
    child.once('error', reject);
    child.once('close', () => resolve());
  });
}
