import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../lab/free-port.ts';
import { type LabPostfix, startPostfix } from '../lab/postfix.ts';
import { openRaw } from '../lab/raw-smtp.ts';
import { type Answer, type ScriptedMx, startScriptedMx } from '../lab/scripted-mx.ts';

/** A message as bytes on the wire: what no mail library would send. */
export interface RawMail {
  readonly port?: number;
  readonly localAddress?: string;
  readonly hello?: string;
  readonly login?: string;
  /** Whole commands: `MAIL FROM:<…> …`. */
  readonly mail: string;
  readonly rcpt: readonly string[];
  readonly content: string;
}

/**
 * One relay and the world around it. Mail to `evil.test` (another loopback address) and `here.test` (the relay's own)
 * goes to a remote whose every word is the test's, mail to `refuse.test` to one that refuses in its greeting; all other
 * mail stays queued, so that the queue files can tell whose it is. `inbound.test` takes mail from strangers.
 */
export interface Stage {
  readonly folder: string;
  readonly relay: LabPostfix;
  /** Submission ports behind which a content filter answers with its own `queued as`, or passes XFORWARD on. */
  readonly scannedPort: number;
  readonly forwardedPort: number;
  /** What the remote says from now on. */
  hostile(answer: Answer): void;
  /** The final reply to a message that was accepted. @throws Error with the reply that refused it. */
  submit(mail: RawMail): Promise<{ queueId: string; reply: string }>;
  log(): Promise<string[]>;
  close(): Promise<void>;
}

export const password = 'secret';
const address = '127.0.0.21';
const realm = 'lab.test';

export async function startStage(options: {
  logins: string[];
  longQueueIds: boolean;
  greeting: string;
}): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-framing-'));
  await chmod(folder, 0o755);
  const [port, scannedPort, forwardedPort, reinjectPort] = await freePorts();
  let answer: Answer = () => undefined;
  const said: Answer = (step, mail) => answer(step, mail);
  const evil = await startScriptedMx('127.66.0.25', said);
  const here = await startScriptedMx(address, said);
  const refuse = await startScriptedMx('127.66.0.26', (step) => (step === 'connect' ? options.greeting : undefined));
  const filter = await startScriptedMx('127.0.0.1', async (step, mail) => {
    if (step !== 'message') return undefined;
    const { reply } = await submit({ ...mail, port: reinjectPort, localAddress: '127.0.0.1' });
    return `250 2.0.0 from MTA(smtp:[${address}]:${reinjectPort}): ${reply}`;
  });
  const remotes: [string, ScriptedMx][] = [
    ['evil.test', evil],
    ['here.test', here],
    ['refuse.test', refuse],
  ];
  await writeFile(join(folder, 'header_checks'), '/^subject:/ INFO seen\n');
  const relay = await startPostfix({
    directory: join(folder, 'relay'),
    name: 'mx1',
    address,
    port,
    realm,
    users: options.logins.map((login) => ({ login, password })),
    longQueueIds: options.longQueueIds,
    extraMain: {
      relay_domains: 'inbound.test',
      default_transport: 'relay',
      defer_transports: 'relay',
      transport_maps: `inline:{ ${remotes.map(([domain, mx]) => `{ ${domain} = smtp:${mx.nextHop} }`).join(', ')} }`,
      header_checks: `regexp:${join(folder, 'header_checks')}`,
    },
    extraMaster: [
      `${address}:${scannedPort} inet n - n - - smtpd -o content_filter=scan:${filter.nextHop}`,
      `${address}:${forwardedPort} inet n - n - - smtpd -o content_filter=forward:[${address}]:${reinjectPort}`,
      'scan unix - - n - - smtp',
      'forward unix - - n - - smtp -o smtp_send_xforward_command=yes',
      // Another host name: Postfix refuses to deliver to itself.
      `${address}:${reinjectPort} inet n - n - - smtpd -o syslog_name=mx1/reinject -o myhostname=reinject.lab.test`,
      '  -o mynetworks=127.0.0.0/8 -o smtpd_relay_restrictions=permit_mynetworks,reject -o smtpd_sasl_auth_enable=no',
      '  -o smtpd_sender_restrictions= -o smtpd_authorized_xforward_hosts=127.0.0.0/8',
    ],
  });

  async function submit(mail: RawMail): Promise<{ queueId: string; reply: string }> {
    const { localAddress = '127.77.0.1' } = mail;
    const session = await openRaw({ host: address, port: mail.port ?? port, localAddress });
    try {
      const must = async (command: string): Promise<string> => {
        const { code, text } = await session.command(Buffer.from(command, 'latin1'));
        if (code >= 400) throw new Error(`${JSON.stringify(command.slice(0, 200))}: ${text}`);
        return text;
      };
      await must(`EHLO ${mail.hello ?? 'client.test'}`);
      if (mail.login !== undefined) {
        await must(`AUTH PLAIN ${Buffer.from(`\0${mail.login}\0${password}`).toString('base64')}`);
      }
      await must(mail.mail);
      for (const rcpt of mail.rcpt) await must(rcpt);
      await must('DATA');
      const reply = await must(`${mail.content.replaceAll(/^\./gm, '..')}\r\n.`);
      return { reply, queueId: /queued as (\w+)$/.exec(reply)?.[1] ?? '' };
    } finally {
      session.close();
      await session.ended;
    }
  }

  return {
    folder,
    relay,
    scannedPort,
    forwardedPort,
    hostile: (next) => {
      answer = next;
    },
    submit,
    log: async () => (await readFile(relay.maillog, 'utf8')).split('\n').filter((line) => line !== ''),
    async close() {
      await relay.stop();
      for (const mx of [evil, here, refuse, filter]) await mx.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function freePorts(): Promise<[number, number, number, number]> {
  const one = () => freePort(address);
  return [await one(), await one(), await one(), await one()];
}
