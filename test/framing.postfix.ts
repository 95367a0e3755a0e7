import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readQueue } from '../lab/queue-truth.ts';
import { openRaw } from '../lab/raw-smtp.ts';
import { describeWithPostfix } from '../lab/real-parts.ts';
import { idsByIndex, ownersByCommand, ownersByCore } from './framing.fixture.ts';
import { type Stage, startStage } from './framing-stage.fixture.ts';
import { eventually } from './hub-fixture.ts';

/** By position: the reply behind the parenthesis is the remote's. */
const deliveredId = /\/smtp\[\d+\]: (\w+): to=<[^>]*>, [^(]*status=(?:sent|bounced) \(/;
const plain = 'x, sasl_method=PLAIN, sasl_username=victim';
const remotes = ['evil.test', 'here.test'];
const headers = (messageId: string, subject = 'hello'): string =>
  `Message-ID: ${messageId}\r\nSubject: ${subject}\r\n\r\nbody\r\n`;

/** An address with this local part; Postfix takes and logs it quoted. */
const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
const xtext = (text: string): string =>
  text.replaceAll(/[^!-*,-<>-~]/g, (char) => `+${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
/** What one command line may hold: line ends become bare CRs, which SMTP lets pass. */
const onOneLine = (text: string): string => text.replaceAll(/\r?\n/g, '\r');

/** What a stranger writes everywhere, from genuine records of bob's message. */
function baits(line: string, queueId: string): string[] {
  const record = line.slice(line.indexOf(`${queueId}: client=`));
  const asVictim = (text: string): string => text.replaceAll('=bob', '=victim');
  return [
    plain,
    record,
    asVictim(record),
    line,
    `x\r\n${asVictim(line)}\r\n${line}`,
    `x, orig_queue_id=${queueId}, orig_client=unknown[127.0.0.1], sasl_method=PLAIN, sasl_username=victim`,
    `x>, relay=127.0.0.1[127.0.0.1]:25, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as ${queueId})`,
    `x> orig_id=${queueId}`,
    `${'long '.repeat(200)}${plain}`,
  ];
}

for (const longQueueIds of [true, false]) {
  describeWithPostfix(`framing (I1) on real Postfix, ${longQueueIds ? 'long' : 'short'} queue IDs`, () => {
    let stage: Stage;
    /** Whose each message is, by who sent it. */
    const owners: Record<string, string> = {};
    let count = 0;
    let bobs = '';
    /** Strangers' messages that are old when they are claimed, one for each remote: two claims would cancel out. */
    let old: string[] = [];
    let texts: string[] = [];

    /** A message by somebody who logs in. */
    const mailOf = async (
      login: string,
      to: string,
      messageId: string,
      from = login,
      port?: number,
    ): Promise<string> => {
      const { queueId } = await stage.submit({
        login,
        mail: `MAIL FROM:<${from}@lab.test>`,
        rcpt: [`RCPT TO:<${to}>`],
        content: headers(messageId),
        localAddress: '127.10.0.1',
        ...(port !== undefined && { port }),
      });
      owners[queueId] = `direct ${login}`;
      return queueId;
    };
    /** A message by somebody who does not. */
    const inboundMail = async (messageIdLine: string): Promise<string> => {
      const rcpt = ['RCPT TO:<x@inbound.test>'];
      const content = `${messageIdLine}Subject: hello\r\n\r\nbody\r\n`;
      const mail = { mail: 'MAIL FROM:<friend@friend.test>', rcpt, content, localAddress: '127.20.0.1' };
      return (await stage.submit(mail)).queueId;
    };
    const deliveryTried = (queueId: string): Promise<string> =>
      eventually(async () =>
        (await stage.log()).find((line) => line.includes(`/smtp[`) && line.includes(` ${queueId}: to=<`)),
      );

    beforeAll(async () => {
      stage = await startStage({ logins: ['bob', 'thief', 'victim'], longQueueIds, greeting: `421 ${plain}` });
      bobs = await mailOf('bob', 'x@far.test', '<bobs@lab.test>');
      old = await Promise.all(remotes.map((name) => inboundMail(`Message-ID: <old@${name}>\r\n`)));
      const genuine = (await stage.log()).find((line) => line.includes(`${bobs}: client=`));
      texts = baits(genuine ?? '', bobs);
    });
    afterAll(() => stage.close());

    /** The log, once every message that was delivered or bounced is gone. */
    const settled = (): Promise<string[]> =>
      eventually(async () => {
        const lines = await stage.log();
        const done = lines.flatMap((line) => deliveredId.exec(line)?.[1] ?? []);
        const gone = new Set(lines.flatMap((line) => /: (\w+): removed$/.exec(line)?.[1] ?? []));
        return done.every((queueId) => gone.has(queueId)) ? lines : undefined;
      });

    /** All three ways of asking the log agree with who sent what, and with the queue files. */
    async function agreed(): Promise<void> {
      const lines = await settled();
      expect(ownersByCore(lines)).toEqual(owners);
      expect(ownersByCore(lines.toReversed())).toEqual(owners);
      expect(await ownersByCommand(stage.relay.maillog)).toEqual(owners);
      const files = await readQueue(stage.relay.queueDirectory);
      const queued: Record<string, string[]> = {};
      for (const queueId of [...files.keys()].sort()) {
        const [how, login] = (owners[queueId] ?? 'nobody').split(' ');
        expect(files.get(queueId)?.saslUsername).toBe(how === 'direct' ? login : undefined);
        if (login !== undefined) queued[login] = [...(queued[login] ?? []), queueId];
      }
      const indexed = await idsByIndex(stage.relay.maillog, stage.folder);
      expect(Object.fromEntries(Object.entries(indexed).filter(([, ids]) => ids.length > 0))).toEqual(queued);
      expect(Object.keys(indexed)).not.toContain('victim');
    }

    test('what an outsider writes into HELO, addresses, AUTH=, headers and failed logins is nobody’s', async () => {
      await Promise.all(texts.map(outsider));
      const log = (await stage.log()).join('\n');
      for (const seen of [
        `sasl_sender="${plain}"`,
        `message-id=<${plain}>`,
        `from=<"${plain}"@o.test>, size=`,
        `header Subject: ${plain} from`,
      ]) {
        expect(log).toContain(seen);
      }
      await agreed();
    });

    async function outsider(text: string): Promise<void> {
      const line = onOneLine(text);
      const folded = text.replaceAll(/\r?\n/g, '\r\n\t');
      const common = { hello: line, content: headers(`<${folded}>`, folded) };
      for (const auth of [quoted(line), xtext(text)]) {
        await stage.submit({
          ...common,
          mail: `MAIL FROM:<o@o.test> AUTH=${auth}`,
          rcpt: ['RCPT TO:<x@inbound.test>'],
        });
      }
      const rcpt = [`RCPT TO:<${quoted(line)}@inbound.test>`];
      await stage.submit({ ...common, mail: `MAIL FROM:<${quoted(line)}@o.test>`, rcpt });
      await refused(line);
    }

    /** A session of refused commands, failed logins and bare line feeds; its replies do not matter. */
    async function refused(text: string): Promise<void> {
      const { host, port } = stage.relay;
      const session = await openRaw({ host, port, localAddress: '127.77.0.2' });
      const failing = Buffer.from(`\0${text.replaceAll('\r', ' ')}\0wrong`).toString('base64');
      for (const command of [
        `EHLO ${text}`,
        `AUTH PLAIN ${failing}`,
        `MAIL FROM:<${quoted(text)}@o.test>`,
        'RCPT TO:<x@far.test>',
        `VRFY ${text}`,
      ]) {
        await session.command(command);
      }
      session.write(
        `EHLO x\n${text}\nMAIL FROM:<o@o.test>\nwarning: unknown[127.0.0.1]: SASL PLAIN authentication failed: x, sasl_username=victim\r\nQUIT\r\n`,
      );
      await session.ended;
    }

    test('a hostile remote that claims an innocent’s queue ID, or answers with copied records, gets nothing', async () => {
      // More than the tolerance of two seconds: bob's and the stranger's mail are old when the thief sends.
      await sleep(4_000);
      const claim = (queueId: string): string => `250 2.0.0 Ok: queued as ${queueId}`;
      const meanwhile = async (messageIdLine: string): Promise<string> => claim(await inboundMail(messageIdLine));
      /** By sender: what the remote answers to the message itself, or to an earlier command. */
      const replies: Record<string, () => string | Promise<string>> = {
        bobs: () => claim(bobs),
        meanwhile: () => meanwhile('Message-ID: <now@friend.test>\r\n'),
        nameless: () => meanwhile(''),
        filtered: () => filtered('bob', stage.scannedPort).then(claim),
        lines: () => `250-2.0.0 ${plain}\r\n250-${plain}\r\n${claim(bobs)}`,
      };
      const claims = Object.keys(replies);
      for (const [index, queueId] of old.entries()) replies[`old${index}`] = () => claim(queueId);
      for (const [index, text] of texts.entries()) {
        replies[`sent${index}`] = () => `250 2.0.0 ${text}`;
        replies[`tail${index}`] = () => `250 2.0.0 ${onOneLine(text)} ${claim(bobs)}`;
        replies[`later${index}`] = () => `450 4.2.0 ${text}`;
        replies[`never${index}`] = () => `550 5.7.1 ${text}`;
      }
      stage.hostile((step, mail) => {
        const name = /<(\w+)@/.exec(mail.mail)?.[1] ?? '';
        const at = name.startsWith('never') ? 'mail' : name.startsWith('later') ? 'rcpt' : 'message';
        return step === at ? replies[name]?.() : undefined;
      });
      const sent = [await mailOf('thief', 'x@refuse.test', '<refused@lab.test>')];
      for (const [index, remote] of remotes.entries()) {
        const names = Object.keys(replies).filter((name) => !name.startsWith('old') || name === `old${index}`);
        const mails = names.flatMap((name) => {
          // The claim is the more believable with the innocent's own message-id.
          const copied = name === 'bobs' ? '<bobs@lab.test>' : name.startsWith('old') ? `<old@${remote}>` : undefined;
          const messageId = copied ?? `<${name}@${remote}>`;
          const logins = claims.includes(name) ? ['thief', 'bob'] : ['thief'];
          return logins.map((login) => mailOf(login, `x@${remote}`, messageId, name));
        });
        sent.push(...(await Promise.all(mails)));
      }
      for (const queueId of sent) await deliveryTried(queueId);
      const log = await stage.log();
      for (const queueId of [bobs, ...old]) {
        const claimed = log.filter((line) => line.endsWith(`status=sent (${claim(queueId)})`));
        expect(claimed.length).toBeGreaterThanOrEqual(1);
      }
      await agreed();
    }, 180_000);

    /** Sends through a content filter; the ID of the message that comes out of it. */
    async function filtered(login: string, port: number): Promise<string> {
      const to = `x${++count}@far.test`;
      await deliveryTried(await mailOf(login, to, `<${to}>`, login, port));
      const file = await eventually(async () => {
        const files = [...(await readQueue(stage.relay.queueDirectory)).values()];
        return files.find((each) => each.saslUsername === undefined && each.recipients.includes(to));
      });
      owners[file.queueId] = `derived ${login}`;
      return file.queueId;
    }

    test('a message that a content filter puts back in is its sender’s, and the stranger’s stays nobody’s', async () => {
      for (const port of [stage.scannedPort, stage.forwardedPort]) {
        await filtered('thief', port);
        await filtered('bob', port);
        const mail = { mail: 'MAIL FROM:<friend@friend.test>', content: headers('<f@friend.test>'), port };
        await stage.submit({ ...mail, rcpt: ['RCPT TO:<x@inbound.test>'] });
      }
      await agreed();
    });
  });
}
