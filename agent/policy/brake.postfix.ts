import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type LabPostfix, startAllPostfix } from '../../lab/postfix.ts';
import { readQueue } from '../../lab/queue-truth.ts';
import { describeWithPostfix } from '../../lab/real-parts.ts';
import { reportMessage } from '../../shared/wire/events.ts';
import { type SqsStub, startSqsStub } from '../sqs-stub.fixture.ts';

const limit = 40;
/** Ten thousand on three relays. */
const mailsPerSession = 667;
const sessionsPerRelay = 5;
/** As README.md has it. */
const ask =
  'check_policy_service { unix:holdfast/policy, default_action=DUNNO, timeout=2s, try_limit=1, request_limit=1 }';
const names = ['b1', 'b2', 'b3'];

describeWithPostfix('the brake on real Postfix', () => {
  let folder: string;
  let relays: LabPostfix[];
  let queues: SqsStub[];
  let agents: ChildProcess[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-brake-'));
    await chmod(folder, 0o755);
    relays = await startAllPostfix(
      names.map((name, index) => ({
        ...{ directory: join(folder, name), name, address: `127.0.0.${71 + index}`, realm: 'lab.test' },
        users: ['thief', 'THIEF', 'alice', 'bob'].map((login) => ({ login, password: 'pw' })),
        deferTransports: true,
        extraMain: {
          holdfast_brake: ask,
          smtpd_recipient_restrictions: '$holdfast_brake',
          smtpd_end_of_data_restrictions: `check_sasl_access lmdb:${folder}/${name}/etc/holdfast/sasl_access, $holdfast_brake`,
        },
      })),
    );
    queues = await Promise.all(names.map(() => startSqsStub()));
    await startAgents();
  });

  afterAll(async () => {
    await killAgents();
    await Promise.all([...relays.map((relay) => relay.stop()), ...queues.map((each) => each.close())]);
    await rm(folder, { recursive: true });
  });

  async function startAgents(): Promise<void> {
    agents = await Promise.all(
      relays.map(async (relay, index) => {
        const state = join(folder, `state-${relay.name}`);
        await mkdir(state, { recursive: true });
        const config = {
          ...{ relay: relay.name, ...queues[index]?.config, maillogs: [relay.maillog], user: 'nobody' },
          instances: [{ name: relay.name, configDirectory: relay.configDirectory }],
          ...{ execSocket: join(folder, 'no-exec.sock'), snapshotSeconds: 60, heartbeatSeconds: 1 },
          brake: { messages: [{ limit, minutes: 60 }], recipients: [{ limit: 60, minutes: 60 }] },
        };
        await writeFile(join(folder, `${relay.name}.json`), JSON.stringify(config));
        const child = join(import.meta.dirname, '..', 'agent-child.fixture.ts');
        const agent = spawn(process.execPath, [child, join(folder, `${relay.name}.json`), state, 'drop'], {
          stdio: ['ignore', 'inherit', 'pipe'],
        });
        agent.stderr?.on('data', (text) => said.push(String(text)));
        await once(agent, 'spawn');
        return agent;
      }),
    );
    await until(async () => (await Promise.all(relays.map(answers))).every((each) => each === 'connected'));
  }

  async function killAgents(): Promise<void> {
    const gone = agents.map((agent) => once(agent, 'exit'));
    for (const agent of agents) agent.kill('SIGKILL');
    await Promise.all(gone);
    agents = [];
  }

  const said: string[] = [];
  const socketOf = (relay: LabPostfix) => join(relay.queueDirectory, 'holdfast', 'policy');
  const answers = (relay: LabPostfix) => connectAs('postfix', socketOf(relay));
  const mail = (from: string, to = ['somebody@far.test']) => ({ from, to, raw: 'Subject: hello\r\n\r\nhello\r\n' });
  /** `hold` or `flows`: the other queues follow each other by themselves. */
  const queuesOf = async (login: string, relay: LabPostfix): Promise<string[]> =>
    [...(await readQueue(relay.queueDirectory)).values()]
      .filter((file) => file.saslUsername?.toLowerCase() === login)
      .map((file) => (file.queue === 'hold' ? 'hold' : 'flows'));

  it('is open to Postfix’s own user and to nobody else, and Postfix finds no fault with it', async () => {
    for (const relay of relays) {
      expect(await connectAs('postfix', socketOf(relay))).toBe('connected');
      expect(await connectAs('daemon', socketOf(relay))).toBe('EACCES');
      expect((await stat(join(relay.queueDirectory, 'holdfast'))).mode & 0o7777).toBe(0o2710);
    }
    const [first] = relays;
    if (first === undefined) throw new Error('no relay');
    await first.stop();
    await first.start();
    expect(
      (await readFile(first.maillog, 'utf8')).split('\n').filter((line) => /warning.*holdfast/.test(line)),
    ).toEqual([]);
  });

  it('its thread has given up root together with the agent', async () => {
    for (const { pid } of agents) {
      const threads = await readdir(`/proc/${pid}/task`);
      const uids = await Promise.all(
        threads.map(async (id) => /^Uid:\s+(.*)$/m.exec(await readFile(`/proc/${pid}/task/${id}/status`, 'utf8'))?.[1]),
      );
      expect(threads.length).toBeGreaterThan(5);
      expect(uids.filter((each) => each?.split('\t').includes('0'))).toEqual([]);
    }
  });

  it('lets no more than the limit out on each of three relays, and an ordinary user notices nothing', async () => {
    const attack = relays.flatMap((relay) =>
      Array.from({ length: sessionsPerRelay }, async (_, n) => {
        const login = n % 2 === 0 ? 'thief' : 'THIEF';
        const session = await relay.openSession({ login, password: 'pw', localAddress: `127.66.0.${n + 1}` });
        for (let m = 0; m < mailsPerSession; m++)
          await session.send(mail(`forged${m}@lab.test`, [`r${n}-${m}@far.test`]));
        await session.close();
      }),
    );
    const ordinary = relays.map(async (relay) => {
      const session = await relay.openSession({ login: 'alice', password: 'pw', localAddress: '127.10.0.1' });
      for (let n = 0; n < 20; n++) {
        await session.send(mail('alice@lab.test', ['anna@far.test', 'anna@far.test', 'ben@far.test']));
      }
      await session.close();
    });
    await Promise.all(ordinary);
    await Promise.all(attack);
    for (const relay of relays) {
      const thief = await queuesOf('thief', relay);
      expect(thief).toHaveLength(sessionsPerRelay * mailsPerSession);
      expect(thief.filter((queue) => queue !== 'hold')).toHaveLength(limit);
      expect(await queuesOf('alice', relay)).toEqual(Array(20).fill('flows'));
    }
    // Nobody waited for an answer in vain.
    const logs = await Promise.all(relays.map((relay) => readFile(relay.maillog, 'utf8')));
    expect(logs.join('').match(/warning: .*holdfast\/policy.*/g)).toBeNull();
  });

  it('tells of it: one line for the account, counters in the heartbeat', async () => {
    const counts = () =>
      queues.map((each) =>
        (each.sent.get('reports') ?? [])
          .map((body) => reportMessage.parse(JSON.parse(body)))
          .flatMap((report) => (report.kind === 'heartbeat' ? [report.counts] : []))
          .at(-1),
      );
    const over = sessionsPerRelay * mailsPerSession - limit;
    await until(() => counts().every((each) => (each?.['brakeMessagesOver'] ?? 0) >= over));
    for (const each of counts()) {
      expect(each).toMatchObject({
        brakeMessages: sessionsPerRelay * mailsPerSession + 20,
        brakeMessagesOver: over,
        brakeAccountsOver: 1,
      });
    }
    const lines = said.join('').match(/brake: more than 40 messages in 60 minutes from one account/g);
    expect(lines).toHaveLength(3);
  });

  it('holds one message to more recipients than the limit has', async () => {
    const [relay] = relays;
    if (relay === undefined) throw new Error('no relay');
    const session = await relay.openSession({ login: 'bob', password: 'pw', localAddress: '127.10.0.2' });
    const to = (count: number) => Array.from({ length: count }, (_, n) => `r${n}@far.test`);
    await session.send(mail('bob@lab.test', to(60)));
    expect(await queuesOf('bob', relay)).toEqual(['flows']);
    await session.send(mail('bob@lab.test', to(2)));
    await session.close();
    expect((await queuesOf('bob', relay)).sort()).toEqual(['flows', 'hold']);
  });

  it('with the agent killed mail flows on, at once; started again it brakes again', async () => {
    const [relay] = relays;
    if (relay === undefined) throw new Error('no relay');
    const session = await relay.openSession({ login: 'alice', password: 'pw', localAddress: '127.10.0.1' });
    await session.send(mail('alice@lab.test'));
    await killAgents();
    const before = (await queuesOf('alice', relay)).length;
    const began = performance.now();
    for (let n = 0; n < 30; n++) await session.send(mail('alice@lab.test'));
    // With a pause before a second try it would take a minute.
    expect(performance.now() - began).toBeLessThan(20_000);
    const after = await queuesOf('alice', relay);
    expect(after).toEqual(Array(before + 30).fill('flows'));
    await startAgents();
    for (let n = 0; n < limit + 5; n++) await session.send(mail('alice@lab.test'));
    await session.close();
    expect((await queuesOf('alice', relay)).filter((queue) => queue === 'hold')).toHaveLength(5);
  });
});

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await what())) {
    if (performance.now() > deadline) throw new Error('not within 15 s');
    await sleep(50);
  }
}

/** `connected`, or the error's code. */
async function connectAs(user: string, path: string): Promise<string> {
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' })));
  const script = `const s = require('node:net').connect(process.argv[1]);
    s.on('connect', () => { console.log('connected'); s.destroy(); }).on('error', (e) => console.log(e.code));`;
  const child = spawn(process.execPath, ['-e', script, path], {
    ...(uid === undefined || gid === undefined ? {} : { uid, gid }),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  await once(child, 'close');
  return text.trim();
}
