import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../lab/free-port.ts';
import { type LabPostfix, startPostfix } from '../../lab/postfix.ts';
import { type Answer, type ScriptedMx, startScriptedMx } from '../../lab/scripted-mx.ts';
import { putBack } from './filter.ts';
import { logins, password, realm } from './people.ts';
import { Witness } from './witness.ts';

/** A Postfix instance by the names that its log has, and the world around it. */
export interface Instance {
  /** The host in the lines; two of the three instances share theirs. */
  readonly relay: string;
  /** `syslog_name`. */
  readonly name: string;
  readonly postfix: LabPostfix;
  /** Where accounts submit. */
  readonly ports: readonly number[];
  readonly witness: Witness;
  close(): Promise<void>;
}

interface Plan {
  readonly name: string;
  readonly relay: string;
  readonly address: string;
  readonly longQueueIds: boolean;
  readonly filtered: boolean;
}

const plans: readonly Plan[] = [
  { name: 'mx1', relay: 'mx', address: '127.0.0.41', longQueueIds: true, filtered: false },
  { name: 'mx2', relay: 'mx', address: '127.0.0.42', longQueueIds: false, filtered: false },
  { name: 'mx3', relay: 'mx3', address: '127.0.0.43', longQueueIds: false, filtered: true },
];

/**
 * Three instances: long IDs, short IDs, and short ones behind two content filters, of which one answers with its own
 * `queued as` and the other passes XFORWARD on. Mail to `gone.test` is delivered, `bounce.test` refuses for good,
 * `later.test` for now; all else stays in the queue. `inbound.test` and `gone.test` take mail from strangers.
 */
export async function startRig(): Promise<{ readonly instances: readonly Instance[]; close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-ids-'));
  await chmod(folder, 0o755);
  const instances: Instance[] = [];
  const close = async (): Promise<void> => {
    for (const instance of instances) await instance.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const starting = await Promise.allSettled(plans.map((plan) => startInstance(folder, plan)));
    for (const each of starting) if (each.status === 'fulfilled') instances.push(each.value);
    for (const each of starting) if (each.status === 'rejected') throw each.reason;
    return { instances, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startInstance(folder: string, plan: Plan): Promise<Instance> {
  const { name, address } = plan;
  const directory = join(folder, name);
  const witness = new Witness(join(directory, 'spool'));
  const port = await freePort(address);
  const around: ScriptedMx[] = [];
  const stopAround = async (): Promise<void> => {
    for (const mx of around) await mx.stop();
  };
  const surround = async (host: string, answer: Answer): Promise<ScriptedMx> => {
    const mx = await startScriptedMx(host, answer);
    around.push(mx);
    return mx;
  };
  try {
    const world = await surround('127.66.0.41', async (step, mail) => {
      if (step !== 'message') return undefined;
      await witness.saw(mail);
      const domain = /@(\w+)\.test/.exec(mail.rcpt[0] ?? '')?.[1];
      return domain === 'bounce' ? '550 5.1.1 No such user' : domain === 'later' ? '450 4.2.1 Busy' : undefined;
    });
    const filters = plan.filtered ? await filterServices(plan, witness, surround) : undefined;
    const postfix = await startPostfix({
      directory,
      name,
      address,
      port,
      realm,
      users: logins.map((login) => ({ login, password })),
      longQueueIds: plan.longQueueIds,
      portLogging: !plan.longQueueIds,
      extraMain: {
        myhostname: `${plan.relay}.${realm}`,
        relay_domains: 'inbound.test gone.test',
        default_transport: 'relay',
        defer_transports: 'relay',
        transport_maps: `inline:{ ${['gone', 'bounce', 'later'].map((to) => `{ ${to}.test = smtp:${world.nextHop} }`).join(', ')} }`,
        ...filters?.main,
      },
      extraMaster: filters?.master ?? [],
    });
    const close = async (): Promise<void> => {
      await postfix.stop();
      await stopAround();
    };
    const ports = filters === undefined ? [port] : [port, filters.forwardedPort];
    return { relay: plan.relay, name, postfix, ports, witness, close };
  } catch (error) {
    await stopAround();
    throw error;
  }
}

/** Behind the main port stands a filter that answers in its own words, behind the other one Postfix's own smtp(8). */
async function filterServices(
  { name, address }: Plan,
  witness: Witness,
  surround: (host: string, answer: Answer) => Promise<ScriptedMx>,
) {
  const forwardedPort = await freePort(address);
  const reinjectPort = await freePort(address);
  const filter = await surround('127.0.0.1', async (step, mail) => {
    if (step !== 'message') return undefined;
    await witness.saw(mail);
    const reply = await putBack(mail, { host: address, port: reinjectPort });
    return `250 2.0.0 from MTA(smtp:[${address}]:${reinjectPort}): ${reply}`;
  });
  return {
    forwardedPort,
    main: { content_filter: `scan:${filter.nextHop}` },
    master: [
      `${address}:${forwardedPort} inet n - n - - smtpd -o syslog_name=${name}/submission`,
      `  -o content_filter=forward:[${address}]:${reinjectPort}`,
      'scan unix - - n - 8 smtp',
      'forward unix - - n - 8 smtp -o smtp_send_xforward_command=yes',
      `${address}:${reinjectPort} inet n - n - - smtpd -o syslog_name=${name}/reinject`,
      '  -o content_filter= -o mynetworks=127.0.0.0/8 -o smtpd_relay_restrictions=permit_mynetworks,reject',
      '  -o smtpd_sasl_auth_enable=no -o smtpd_sender_restrictions= -o smtpd_end_of_data_restrictions=',
      '  -o smtpd_authorized_xforward_hosts=127.0.0.0/8',
    ],
  };
}
