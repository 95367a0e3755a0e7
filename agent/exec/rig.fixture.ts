import { generateKeyPairSync } from 'node:crypto';
import { connect } from 'node:net';
import { pemSigner, signJws } from '../../shared/wire/jws.ts';
import type { CommandOrder, DesiredEntry, DesiredOrder } from '../../shared/wire/orders.ts';
import type { Log } from '../log.ts';
import { type ExecConfig, execConfig } from './config.ts';
import type { Response } from './protocol.ts';

/** What the tests of exec share: a hub's key and orders, and the agent's end of the socket. */

export const silent: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

export const accountRule = { realm: 'lab.test', realmAliases: {} };

export interface TestHub {
  readonly config: ExecConfig;
  /** A signed order with the usual fields filled in. */
  desired(entries: readonly Partial<DesiredEntry>[], over?: Partial<DesiredOrder>): Promise<string>;
  command(act: CommandOrder['act'], over?: Partial<CommandOrder>): Promise<string>;
  sign(payload: unknown): Promise<string>;
}

/** A hub for relay `r1` that contains accounts of `lab.test`. `over` goes into exec.yaml. */
export function testHub(over: { socket: string; instances: ExecConfig['instances']; [key: string]: unknown }): TestHub {
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'prime256v1',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const signer = pemSigner('hub-1', privateKey);
  let last = Date.now();
  const envelope = () => {
    last = Math.max(last + 1, Date.now() + 20);
    return {
      v: 1 as const,
      relay: 'r1',
      jti: `order-${last}`,
      issuedAt: Date.now(),
      notAfter: Date.now() + 3_600_000,
    };
  };
  return {
    config: execConfig.parse({ relay: 'r1', hubKeys: { 'hub-1': publicKey }, agentUser: 'nobody', ...over }),
    sign: (payload) => signJws(payload, signer),
    desired(entries, overOrder = {}) {
      const filled = entries.map((entry) => ({
        account: 'thief@lab.test',
        mode: 'quarantine' as const,
        logins: ['thief'],
        until: Date.now() + 3_600_000,
        released: [],
        ...entry,
      }));
      const common = envelope();
      const order: DesiredOrder = {
        ...common,
        kind: 'desired',
        generation: last,
        piece: { index: 0, count: 1 },
        accountRule,
        digest: 'd'.repeat(64),
        entries: filled,
        ...overOrder,
      };
      return signJws(order, signer);
    },
    command(act, overOrder = {}) {
      const common = envelope();
      const order: CommandOrder = {
        ...common,
        kind: 'command',
        act,
        account: 'thief@lab.test',
        accountRule,
        number: last,
        requiresGeneration: 0,
        ...overOrder,
      };
      return signJws(order, signer);
    },
  };
}

export interface TestAgent {
  /** Everything exec said, in order. */
  readonly responses: readonly Response[];
  send(request: unknown): void;
  /** Sends an order and waits for its last word. */
  order(jws: string, hints?: object): Promise<Response>;
  /** The next response that matches, also one that is there already. */
  response(matches: (response: Response) => boolean): Promise<Response>;
  close(): void;
}

/** Connects to exec's socket as the agent does. */
export async function testAgent(socketPath: string): Promise<TestAgent> {
  const socket = connect(socketPath);
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  const responses: Response[] = [];
  let waiting: (() => void)[] = [];
  let rest = '';
  const wake = () => {
    for (const each of waiting.splice(0)) each();
  };
  socket.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) responses.push(JSON.parse(line));
    wake();
  });
  socket.on('error', wake);
  socket.on('close', wake);
  const agent: TestAgent = {
    responses,
    send: (request) => {
      socket.write(`${JSON.stringify(request)}\n`);
    },
    async response(matches) {
      for (;;) {
        const found = responses.find(matches);
        if (found !== undefined) return found;
        if (socket.destroyed) throw new Error('exec closed the connection');
        await new Promise<void>((resolve) => {
          waiting = [...waiting, resolve];
        });
      }
    },
    async order(jws, hints = {}) {
      const id = `request-${responses.length}-${Math.random()}`;
      agent.send({ id, jws, ...hints });
      return await agent.response((each) => each.id === id && each.state !== 'journaled');
    },
    close: () => socket.destroy(),
  };
  return agent;
}
