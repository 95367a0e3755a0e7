import { openRaw } from '../../lab/raw-smtp.ts';
import { openSession } from '../../lab/smtp-client.ts';
import { Dice } from './dice.ts';
import { logins, password, recipientOf } from './people.ts';
import type { Instance } from './rig.ts';

/** Several SMTP sessions at a time: as many as two cores take. */
const parallel = 8;
/** So that each of 21 logins comes to each instance in 2,000 mails. */
const mailsPerSession = 19;
/** Of all accounts' mail; the rest goes to `far.test` and stays queued. */
const domains = ['gone.test', 'gone.test', 'bounce.test', 'later.test', ...Array.from({ length: 8 }, () => 'far.test')];

/** What the clients know of one instance: whose each queue ID is, from the replies that they got. */
export type Book = Map<string, string>;

/**
 * `mails` submissions by all logins over all instances, and between them what is nobody's: mail from strangers (a
 * tenth), RSET after an accepted recipient, connections that end in DATA, failed logins.
 */
export async function playTraffic(instances: readonly Instance[], mails: number, seed: number): Promise<Book[]> {
  const dice = new Dice(seed);
  const books = instances.map((): Book => new Map());
  const jobs: (() => Promise<void>)[] = [];
  for (let sent = 0; sent < mails; sent += mailsPerSession) {
    const turn = jobs.length;
    // mx3's mail passes twice: it gets a fifth of all.
    const index = turn % 5 === 4 ? 2 : turn % 2;
    const instance = instances[index];
    const book = books[index];
    if (instance === undefined || book === undefined) throw new Error('three instances, please');
    const own = new Dice(dice.below(2 ** 32));
    // Each login comes to each instance, whatever the number of either.
    const login = logins[Math.floor(turn / 5) % logins.length] ?? '';
    jobs.push(() => session(instance, login, book, Math.min(mailsPerSession, mails - sent), own));
  }
  const workers = Array.from({ length: parallel }, async () => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) await job();
  });
  await Promise.all(workers);
  return books;
}

async function session(instance: Instance, login: string, book: Book, mails: number, dice: Dice): Promise<void> {
  const port = dice.pick(instance.ports);
  const { host } = instance.postfix;
  const localAddress = `127.10.${1 + dice.below(200)}.${1 + dice.below(200)}`;
  const smtp = await openSession({ host, port, localAddress, login, password });
  try {
    for (let mail = 0; mail < mails; mail++) {
      const from = `${login.replaceAll(/[^a-z0-9]/g, '')}${dice.below(9)}@${dice.pick(['lab.test', 'forged.test'])}`;
      const domain = dice.pick(domains);
      const to = Array.from({ length: dice.chance(0.1) ? 3 : 1 }, () => recipientOf(login, dice.below(1e6), domain));
      // A few have no message-id of their own: cleanup(8) adds none to mail that it does not know as local.
      const id = dice.chance(0.05) ? '' : `Message-ID: <${dice.below(2 ** 32)}.${mail}@client.test>\r\n`;
      const raw = `${id}Subject: mail ${mail}\r\n\r\n${'body '.repeat(1 + dice.below(200))}\r\n`;
      book.set(await smtp.send({ from, to, raw }), login);
      if (dice.chance(0.1)) await stranger(host, instance.postfix.port, dice);
      if (dice.chance(0.04)) await nothing(host, port, login, dice);
    }
  } finally {
    await smtp.close();
  }
}

/** Mail from somebody who does not log in. */
async function stranger(host: string, port: number, dice: Dice): Promise<void> {
  const to = dice.pick(['inbound.test', 'gone.test']);
  await raw(host, port, `127.20.0.${1 + dice.below(200)}`, [
    'EHLO stranger.test',
    `MAIL FROM:<s${dice.below(1e6)}@stranger.test>${dice.chance(0.2) ? ' AUTH=x,+20sasl_method+3DPLAIN,+20sasl_username+3Duser01@lab.test' : ''}`,
    `RCPT TO:<x@${to}>`,
    'DATA',
    `Message-ID: <${dice.below(2 ** 32)}@stranger.test>\r\n\r\nbody\r\n.`,
    'QUIT',
  ]);
}

/** A login that leaves a `client=` line and no message, or not even that. */
async function nothing(host: string, port: number, login: string, dice: Dice): Promise<void> {
  const auth = (secret: string): string => `AUTH PLAIN ${Buffer.from(`\0${login}\0${secret}`).toString('base64')}`;
  const begun = ['EHLO client.test', auth(password), 'MAIL FROM:<x@lab.test>', 'RCPT TO:<x@far.test>'];
  const ways = [
    [...begun, 'RSET', 'QUIT'],
    [...begun, 'DATA'],
    ['EHLO client.test', auth('wrong'), 'QUIT'],
  ];
  await raw(host, port, '127.30.0.1', dice.pick(ways));
}

/** Says the commands one after the other, then hangs up, whatever the answers. */
async function raw(host: string, port: number, localAddress: string, commands: readonly string[]): Promise<void> {
  const client = await openRaw({ host, port, localAddress });
  try {
    for (const command of commands) await client.command(command);
  } finally {
    client.close();
    await client.ended;
  }
}
