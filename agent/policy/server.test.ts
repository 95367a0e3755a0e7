import { once } from 'node:events';
import { chmod, mkdtemp, rm, stat, unlink } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Counters } from '../counters.ts';
import { Answers } from './answers.ts';
import { maxRequestBytes, parseRequest, type Received, RequestReader } from './protocol.ts';
import { PolicyServer } from './server.ts';
import { brakeSettings } from './settings.ts';

let folder: string;
let path: string;
let counters: Counters;
let said: string[];
let server: PolicyServer;
let clients: Socket[];

const log = {
  info: () => undefined,
  warn: (_: object, message: string) => void said.push(message),
  error: (_: object, message: string) => void said.push(message),
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-policy-'));
  path = join(folder, 'policy');
  clients = [];
  await start({ messages: [{ limit: 2, minutes: 60 }] });
});

afterEach(async () => {
  for (const client of clients) client.destroy();
  await server.close();
  await rm(folder, { recursive: true });
});

async function start(settings: object): Promise<void> {
  await server?.close();
  counters = new Counters();
  said = [];
  const answers = new Answers({ settings: brakeSettings.parse(settings), counters, log });
  answers.setRule({ realm: 'example.org', realmAliases: {} });
  const answer = (request: Received, place: string) => answers.answer(Date.now(), request, place);
  server = new PolicyServer({ place: { name: 'mx', path }, answer, counters, log });
  await server.start();
}

/** As smtpd writes them. */
const request = (state: string, login: string, instance: string, more: Record<string, string> = {}) => {
  const attributes = {
    ...{ request: 'smtpd_access_policy', protocol_state: state, protocol_name: 'ESMTP', queue_id: '', instance },
    ...{ sender: 'forged@x.test', recipient: 'r@far.test', recipient_count: '0', sasl_username: login, ...more },
  };
  return `${Object.entries(attributes)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')}\n`;
};
const rcpt = (login: string, instance: string) => request('RCPT', login, instance);
const end = (login: string, instance: string) =>
  request('END-OF-MESSAGE', login, instance, { recipient_count: '1', queue_id: 'Q' });

async function open(): Promise<{ socket: Socket; answers: (count: number) => Promise<string[]> }> {
  const socket = connect(path);
  clients.push(socket);
  socket.on('error', () => undefined);
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await once(socket, 'connect');
  return {
    socket,
    async answers(count) {
      for (let tries = 0; tries < 400 && text.split('\n\n').length <= count; tries++) await sleep(5);
      return text.split('\n\n').slice(0, -1);
    },
  };
}

it('answers requests that come torn into bytes and glued together alike', async () => {
  const { socket, answers } = await open();
  const text = [rcpt('thief', 'i1'), end('Thief@example.org', 'i1'), end('thief', 'i2'), end('THIEF', 'i3')].join('');
  for (const byte of Buffer.from(text.slice(0, 500))) socket.write(Buffer.from([byte]));
  socket.write(text.slice(500));
  const hold = 'action=HOLD holdfast brake: more than 2 messages in 60 minutes';
  expect(await answers(4)).toEqual(['action=DUNNO', 'action=DUNNO', 'action=DUNNO', hold]);
  expect(said).toEqual(['brake: more than 2 messages in 60 minutes from one account']);
  expect(counters.all()).toEqual({
    ...{ brakeRecipients: 1, brakeMessages: 3, brakeMessagesOver: 1, brakeAccountsOver: 1 },
  });
});

it('splits any stream at any place into the same requests', () => {
  const whole = [rcpt('a', '1'), '\n', end('b', '2'), 'nonsense\n\n', rcpt('mü', '3')];
  const bytes = Buffer.from(whole.join(''));
  const atOnce = new RequestReader().read(bytes).received;
  expect(atOnce.map((each) => (each === 'malformed' ? each : each.login))).toEqual([
    ...['a', 'malformed', 'b', 'malformed', 'mü'],
  ]);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), (sizes) => {
      const reader = new RequestReader();
      const received: Received[] = [];
      for (let from = 0, turn = 0; from < bytes.length; turn++) {
        const size = sizes[turn % sizes.length] ?? 1;
        received.push(...reader.read(bytes.subarray(from, from + size)).received);
        from += size;
      }
      expect(received).toEqual(atOnce);
    }),
  );
});

it('no input whatever makes the parser throw', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseRequest(text)));
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void new RequestReader().read(Buffer.from(bytes))));
});

it('what makes no sense is let pass, counted, and the connection goes on', async () => {
  const { socket, answers } = await open();
  socket.write(`hello\n\nrequest=other\nprotocol_state=RCPT\n\n${rcpt('thief', '')}${rcpt('', 'i1')}`);
  socket.write(request('END-OF-MESSAGE', 'thief', 'i1', { recipient_count: '-1' }));
  socket.write(request('CONNECT', 'thief', 'i1'));
  expect(await answers(6)).toEqual(Array(6).fill('action=DUNNO'));
  expect(counters.all()).toEqual({ brakeMalformed: 4 });
});

it('a request without end is let pass and cut off; others go on', async () => {
  const other = await open();
  const { socket, answers } = await open();
  const closed = once(socket, 'close');
  socket.write(`a=${'x'.repeat(2 * maxRequestBytes)}`);
  expect(await answers(1)).toEqual(['action=DUNNO']);
  await closed;
  other.socket.write(rcpt('a', '1'));
  expect(await other.answers(1)).toEqual(['action=DUNNO']);
});

it('who asks for thousands of answers and reads none is cut off', async () => {
  const socket = connect(path);
  clients.push(socket);
  socket.on('error', () => undefined).pause();
  await once(socket, 'connect');
  for (let n = 0; n < 200; n++) socket.write(rcpt('a', '1').repeat(100));
  for (let tries = 0; tries < 400 && counters.get('brakeConnectionsCut') === 0; tries++) await sleep(5);
  expect(counters.get('brakeConnectionsCut')).toBe(1);
});

it('a request that does not end within five seconds is cut off', async () => {
  const { socket } = await open();
  socket.write('request=smtpd_access_policy\n');
  const began = performance.now();
  await once(socket, 'close');
  expect(performance.now() - began).toBeGreaterThan(4_000);
  expect(counters.get('brakeConnectionsCut')).toBe(1);
});

it('mail without a login is let pass, however much', async () => {
  const { socket, answers } = await open();
  for (let n = 0; n < 50; n++) socket.write(end('', `i${n}`));
  expect(new Set(await answers(50))).toEqual(new Set(['action=DUNNO']));
});

it('an exemption multiplies the limits until its day; 450 refuses', async () => {
  const exemption = { account: 'List@example.org', reason: 'newsletter', times: 2 };
  const settings = { messages: [{ limit: 1, minutes: 60 }], answer: 450 };
  await start({ ...settings, exemptions: [{ ...exemption, until: '2999-01-01' }] });
  const first = await open();
  for (const instance of ['a', 'b', 'c']) first.socket.write(end('list', instance));
  const refusal = 'action=450 4.7.1 Sending limit reached; try again later';
  expect(await first.answers(3)).toEqual(['action=DUNNO', 'action=DUNNO', refusal]);
  await start({ ...settings, exemptions: [{ ...exemption, until: '2020-01-01' }] });
  const second = await open();
  for (const instance of ['a', 'b']) second.socket.write(end('list', instance));
  expect(await second.answers(2)).toEqual(['action=DUNNO', refusal]);
});

it('says when Postfix asks at RCPT only', async () => {
  const { socket, answers } = await open();
  for (let n = 0; n < 1_100; n++) socket.write(rcpt('a', `i${n}`));
  await answers(1_100);
  expect(said).toEqual(['brake: not in smtpd_end_of_data_restrictions, so it limits nothing']);
});

it('a socket that was removed is made again; a dead agent’s is replaced, a living one’s is not', async () => {
  await unlink(path);
  for (let tries = 0; tries < 1_000; tries++) {
    if (await stat(path).catch(() => undefined)) break;
    await sleep(5);
  }
  expect((await stat(path)).mode & 0o777).toBe(0o660);
  const other = new PolicyServer({ place: { name: 'mx', path }, answer: () => 'OK', counters, log });
  await other.start();
  expect(said.join()).toContain('another agent listens there');
  await other.close();
  const { socket, answers } = await open();
  socket.write(rcpt('a', '1'));
  expect(await answers(1)).toEqual(['action=DUNNO']);
});

it('a folder that cannot be written to is said, and tried again', async () => {
  const lost = new PolicyServer({
    place: { name: 'mx', path: join(folder, 'no', 'policy') },
    answer: () => 'OK',
    counters,
    log,
  });
  await chmod(folder, 0o755);
  await lost.start();
  expect(said.join()).toContain('brake: listening for mx');
  await lost.close();
});
