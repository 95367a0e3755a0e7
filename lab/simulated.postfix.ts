import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { startPostfix } from './postfix.ts';
import { leftOut } from './real-parts.ts';
import { mustRun } from './run.ts';
import { SimulatedRelay } from './simulated.ts';
import type { LabRelay, SmtpSession } from './smtp-client.ts';

/** What the play does to a relay besides sending. */
interface Hands {
  map(line: string): Promise<void>;
  postsuper(flag: '-h' | '-H' | '-d', ids: string[]): Promise<void>;
  kick(session: SmtpSession): Promise<void>;
  deliver(): Promise<void>;
}

const lack = leftOut();
const users = [{ login: 'thief', password: 'pw' }];

test.skipIf(lack !== undefined)(
  `a simulated relay logs the same lines as Postfix${lack === undefined ? '' : ` (left out: ${lack})`}`,
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-lab-'));
    await chmod(folder, 0o755);
    const at = { name: 'r1', realm: 'lab.test', users };
    const real = await startPostfix({
      ...at,
      directory: join(folder, 'r1'),
      address: '127.0.0.14',
      nextHop: '[127.0.0.1]:2600',
      // Until the queue is flushed, which tries these too.
      deferTransports: true,
    });
    const simulated = new SimulatedRelay({ ...at, maillog: join(folder, 'simulated.log') });
    try {
      await play(real, realHands(real.configDirectory, real.host));
      await play(simulated, simulatedHands(simulated));
      await sleep(500);
      const lines = async (path: string) => normal(await readFile(path, 'utf8'));
      expect(await lines(simulated.maillog)).toEqual(await lines(real.maillog));
    } finally {
      await real.stop();
      await simulated.stop();
      await rm(folder, { recursive: true });
    }
  },
);

async function play(relay: LabRelay, hands: Hands): Promise<void> {
  const raw = `Subject: x\r\nMessage-ID: <1@client.test>\r\n\r\nHello ${'x'.repeat(40)}\r\n`;
  const mail = { from: 'a@forged.test', to: ['x@far.test'], raw };
  const open = () => relay.openSession({ localAddress: '127.66.0.1', login: 'thief', password: 'pw' });
  const one = await open();
  const ids = [await one.send(mail), await one.send(mail)];
  await hands.map('thief HOLD quarantined');
  ids.push(await one.send(mail));
  await hands.map('thief REJECT blocked');
  await one.send(mail).catch(() => {});
  await hands.map('thief 421 4.7.0 go away');
  await one.send(mail).catch(() => {});
  await one.ended;
  await hands.map('');
  const two = await open();
  await hands.kick(two);
  await two.ended;
  await sleep(300);
  await hands.postsuper('-h', ids.slice(0, 2));
  await hands.postsuper('-d', ids.slice(1, 2));
  await hands.postsuper('-H', ids.slice(0, 1));
  await hands.deliver();
  await sleep(300);
  await (await open()).close();
}

function realHands(configDirectory: string, host: string): Hands {
  const map = join(configDirectory, 'holdfast', 'sasl_access');
  return {
    async map(line) {
      await writeFile(map, line === '' ? '' : `${line}\n`);
      await mustRun('postmap', ['-c', configDirectory, `lmdb:${map}`]);
    },
    async postsuper(flag, ids) {
      await mustRun('postsuper', ['-c', configDirectory, flag, '-'], ids.join('\n'));
    },
    async kick(session) {
      await mustRun('ss', ['-K', 'src', host, 'dst', session.localAddress, 'dport', '=', String(session.localPort)]);
    },
    async deliver() {
      await mustRun('postqueue', ['-c', configDirectory, '-f']);
    },
  };
}

function simulatedHands(relay: SimulatedRelay): Hands {
  const acts = { '-h': 'hold', '-H': 'release', '-d': 'purge' } as const;
  return {
    async map(line) {
      const [, key, value] = /^(\S+) (.*)$/.exec(line) ?? [];
      await relay.writeMap('r1', key === undefined || value === undefined ? new Map() : new Map([[key, value]]));
    },
    async postsuper(flag, ids) {
      await relay.postsuper('r1', acts[flag], ids);
    },
    async kick(session) {
      for (const each of await relay.sessions('r1'))
        if (each.clientPort === session.localPort) await relay.destroy(each);
    },
    deliver: async () => relay.setDelivery({ messagesPerSecond: Number.POSITIVE_INFINITY, outcome: 'deferred' }),
  };
}

/** Lines without what differs by nature: times, pids, ports, queue IDs, delays, and the counts of commands. */
function normal(log: string): string[] {
  const ids = new Map<string, string>();
  const lines = log
    .trim()
    .split('\n')
    .filter((line) => !/postfix-script|master\[|anvil\[|\/error\[|smtp\[\d+\]: connect to/.test(line))
    .map((line) =>
      line
        .replace(/^\w{3} [ \d]\d \d\d:\d\d:\d\d /, '')
        .replace(/\[\d+\]:/, '[PID]:')
        .replace(/(\[127\.66\.0\.1\]):\d+/g, '$1:PORT')
        .replace(/\b4[0-9A-Za-z]{9}z[0-9A-Za-z]+/g, (id) => {
          const name = ids.get(id) ?? `Q${ids.size + 1}`;
          ids.set(id, name);
          return name;
        })
        .replace(/size=\d+/, 'size=N')
        .replace(/delay=\S+ delays=\S+/, 'delay=N, delays=N,')
        .replace(/(disconnect from \S+) .*/, '$1'),
    );
  // Programs run side by side: only the order within one program is told.
  const program = (line: string) => /^r1 r1\/(\w+)\[/.exec(line)?.[1] ?? '';
  return [...Map.groupBy(lines, program).entries()].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, each]) => each);
}
