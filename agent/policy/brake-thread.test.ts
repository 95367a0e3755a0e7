import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Counters } from '../counters.ts';
import { BrakeThread } from './brake-thread.ts';
import { brakeSettings } from './settings.ts';

let folder: string;
let said: string[];
let counters: Counters;
let end: () => Promise<void>;

const settings = brakeSettings.parse({
  ...{ messages: [], recipients: [], firstTimeRecipients: [{ limit: 2, minutes: 60 }], learnHours: 0 },
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-brake-'));
  await start();
});

afterEach(async () => {
  await end();
  await rm(folder, { recursive: true });
});

const socketPath = () => join(folder, 'policy');
const memoryPath = () => join(folder, 'brake.jsonl');

async function start(): Promise<void> {
  said = [];
  counters = new Counters();
  const say = (_: object, text: string) => void said.push(text);
  const thread = await BrakeThread.load(settings, [{ name: 'mx', path: socketPath() }], {
    ...{ info: say, warn: say, error: say },
  });
  const stop = new AbortController();
  thread.setRule({ realm: 'example.org', realmAliases: {} });
  const running = thread.run({ file: memoryPath(), counters, signal: stop.signal });
  end = async () => {
    stop.abort();
    await running;
  };
  for (let tries = 0; tries < 500 && (await stat(socketPath()).catch(() => undefined)) === undefined; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A whole message to one recipient; the answer at its end. */
async function send(login: string, recipient: string): Promise<string> {
  const socket = connect(socketPath());
  const instance = `${login}-${recipient}`;
  for (const state of ['RCPT', 'END-OF-MESSAGE']) {
    const count = state === 'RCPT' ? 0 : 1;
    socket.write(
      `request=smtpd_access_policy\nprotocol_state=${state}\nsasl_username=${login}\ninstance=${instance}\n` +
        `recipient=${recipient}\nrecipient_count=${count}\n\n`,
    );
  }
  let text = '';
  while (text.split('\n\n').length < 3) text += String((await once(socket, 'data'))[0]);
  socket.destroy();
  return text.split('\n\n')[1]?.slice('action='.length, 'action=HOLD'.length) ?? '';
}

async function answers(...recipients: string[]): Promise<string[]> {
  const all: string[] = [];
  for (const each of recipients) all.push(await send('anna', each));
  return all;
}

it('knows an account’s recipients again after a restart, and its file does not name them', async () => {
  expect(await answers('a@x', 'b@x', 'c@x')).toEqual(['DUNN', 'DUNN', 'HOLD']);
  await end();
  expect(await readFile(memoryPath(), 'utf8')).not.toContain('@x');
  await start();
  expect(await answers('a@x', 'B@X', 'd@x', 'e@x', 'f@x', 'a@x')).toEqual([
    ...['DUNN', 'DUNN', 'DUNN', 'DUNN', 'HOLD', 'DUNN'],
  ]);
});

it('takes the hub’s rule for accounts, counts, and says what it limits', async () => {
  expect(await send('anna', 'a@x')).toBe('DUNN');
  expect(await send('Anna@example.org', 'b@x')).toBe('DUNN');
  expect(await send('ANNA', 'c@x')).toBe('HOLD');
  await end();
  expect(said).toEqual(['brake: more than 2 first-time recipients in 60 minutes from one account']);
  expect(counters.all()).toMatchObject({ brakeMessages: 3, brakeMessagesOver: 1, brakeAccountsOver: 1 });
});

it('a memory that cannot be read is said, and begun anew', async () => {
  await end();
  await writeFile(memoryPath(), '["key"]\n{');
  await start();
  expect(await send('anna', 'a@x')).toBe('DUNN');
  expect(said[0]).toContain('learning recipients anew');
});
